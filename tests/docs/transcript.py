"""Pages with console blocks: run what they show, and write down what was really printed.

`python -m tests.docs.transcript docs/quickstart.md` brings a page up to date. A block is a shell that goes on from block
to block; a line that begins with `$ ` is a command, and what stands below it is its output. A command that ends in `&`
is waited for until the file it writes to has something in it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"```console\n(.*?)```\n", re.DOTALL)
MARK = "@@transcript@@"
COLUMNS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command, what it printed, and how it ended (None where that is not known)."""

    command: str
    output: str
    code: int | None = None


def steps_of(block: str) -> list[Step]:
    """Read the commands of a block, with their outputs."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    divided = (re.match(r"((?:[^\n]*\\\n)*[^\n]*)\n(.*)", part, re.DOTALL) for part in parts)
    return [Step(command=found[1], output=found[2]) for found in divided if found]


def run_page(text: str, folder: Path, **replaced: str) -> list[list[Step]]:
    """Run every console block of a page in one shell; `replaced` are changes of the commands for a quicker run."""
    blocks = [steps_of(block) for block in BLOCK.findall(text)]
    lines = ["exec 2>&1", "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT", "code=0"]
    for step in (step for block in blocks for step in block):
        command = step.command
        for before, after in replaced.items():
            command = command.replace(before.replace("_", " "), after)
        lines += [f"printf '\\n{MARK}\\n'; (exit $code)", command, f"code=$?; printf '\\n{MARK}%d\\n' $code"]
        if command.endswith("&"):
            file = command.rpartition("> ")[2].removesuffix("&").strip()
            lines += [f"for _ in $(seq 300); do [ -s {file} ] && break; sleep 0.1; done; sleep 0.5"]
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)],  # noqa: S607 - the shell that the page is for
        cwd=folder,
        env=_environment(),
        stdout=subprocess.PIPE,
        text=True,
        timeout=400,
        check=False,
    )
    pieces = re.split(rf"\n{MARK}(\d*)\n", "\n" + done.stdout)
    outputs = iter(zip(pieces[2::4], pieces[3::4], strict=True))
    return [[_finished(step, *next(outputs)) for step in block] for block in blocks]


def _finished(step: Step, output: str, code: str) -> Step:
    lines = [line.rstrip() for line in output.strip("\n").split("\n")]
    return Step(command=step.command, output="\n".join(lines).strip("\n"), code=int(code))


def _environment() -> dict[str, str]:
    unwanted = ("AWS_", "MACIE_", "OTEL_", "FORCE_COLOR", "NO_COLOR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "NO_PROXY": "127.0.0.1"}
    return kept | nowhere | {"PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}", "COLUMNS": str(COLUMNS)}


def updated(text: str, blocks: list[list[Step]]) -> str:
    """Give the page with these outputs."""
    written = iter(blocks)

    def block(_: re.Match[str]) -> str:
        steps = (f"$ {step.command}\n" + (f"{step.output}\n" if step.output else "") for step in next(written))
        return "```console\n" + "".join(steps) + "```\n"

    return BLOCK.sub(block, text)


def main() -> None:
    """Bring pages up to date."""
    for name in sys.argv[1:]:
        page = Path(name)
        text = page.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            page.write_text(updated(text, run_page(text, Path(folder))), encoding="utf-8")


if __name__ == "__main__":
    main()
