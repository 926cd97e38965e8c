"""Endpoints on loopback that keep what they are told: HTTP and SMTP."""

from __future__ import annotations

import socketserver
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def http_endpoint(*, status: int = 200, answer: bytes = b"ok") -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Answer every POST alike; give the URL, and the path and body of each request."""
    received: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with _serving(server):
        yield f"http://127.0.0.1:{server.server_port}", received


@contextmanager
def smtp_endpoint() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Take every mail; give the URL, and the sender, the recipient and the text of each mail."""
    received: list[tuple[str, str, str]] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 ready\r\n")
            sender = recipient = ""
            while line := self.rfile.readline().decode().strip():
                verb = line.upper()
                if verb.startswith("MAIL FROM:"):
                    sender = line[10:].split()[0]
                elif verb.startswith("RCPT TO:"):
                    recipient = line[8:].split()[0]
                elif verb == "DATA":
                    self.wfile.write(b"354 go on\r\n")
                    received.append((sender, recipient, self.text()))
                self.wfile.write(b"221 bye\r\n" if verb == "QUIT" else b"250 ok\r\n")

        def text(self) -> str:
            """Read a mail's text up to its single dot."""
            lines = list(iter(self.rfile.readline, b".\r\n"))
            assert all(line.endswith(b"\r\n") for line in lines)
            return b"".join(lines).decode()

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    with _serving(server):
        yield f"smtp://127.0.0.1:{server.server_address[1]}", received
