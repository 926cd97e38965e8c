"""Unmodified clients of the simulator: boto3, and signed requests without any client's interpretation."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from macie_inventory.simulator import Simulator

_CONFIG = Config(retries={"total_max_attempts": 1}, read_timeout=5, connect_timeout=5)


class Clients:
    """boto3 clients of one simulator, without retries; closed together."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._session = boto3.session.Session()
        self._made: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._made:
            client.close()

    def client(self, service: str, region: str = "us-east-1", credentials: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - boto3 has no types
        """Return a client that signs with these session credentials, or with the caller's own."""
        keys = credentials or base_credentials(self._sim)
        made = self._session.client(
            service,
            region_name=region,
            endpoint_url=self._sim.url,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
            config=_CONFIG,
        )
        self._made.append(made)
        return made

    def assume(self, account_id: str, **options: object) -> dict[str, str]:
        """Return session credentials of the inventory's role in an account."""
        arn = f"arn:aws:iam::{account_id}:role/{self._sim.world.role_name}"
        answer = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="tests", **options)
        return dict(answer["Credentials"])

    def macie(self, account_id: str, region: str = "us-east-1") -> Any:  # noqa: ANN401 - boto3 has no types
        """Return a Macie client with the role of an account."""
        return self.client("macie2", region, self.assume(account_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - any JSON
        """The body, decoded."""
        return json.loads(self.body)


def base_credentials(sim: Simulator) -> dict[str, str]:
    """Return the caller's own credentials."""
    environment = sim.environment()
    return {
        "AccessKeyId": environment["AWS_ACCESS_KEY_ID"],
        "SecretAccessKey": environment["AWS_SECRET_ACCESS_KEY"],
    }


def signed(
    sim: Simulator,
    service: str,
    *,
    region: str = "us-east-1",
    method: str = "POST",
    path: str = "/",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    keys: Mapping[str, str] | None = None,
) -> AWSRequest:
    """Return a request signed by botocore."""
    keys = keys or base_credentials(sim)
    request = AWSRequest(method, sim.url + path, data=body, headers=dict(headers or {}))
    credentials = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys.get("SessionToken"))
    SigV4Auth(credentials, service, region).add_auth(request)
    return request


def send(request: AWSRequest) -> Answer:
    """Send a request as it is and return what came back; exceptions of the connection pass through."""
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(prepared.method, target, body_of(request), dict(prepared.headers))
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(status=response.status, headers=headers, body=response.read())
    finally:
        connection.close()


def body_of(request: AWSRequest) -> bytes:
    """Return the body of a request that `signed` made."""
    return bytes(request.data or b"")


def list_jobs(sim: Simulator, region: str = "us-east-1", **params: object) -> Answer:
    """Ask for the jobs of the caller's own account."""
    body = json.dumps(params).encode()
    headers = {"Content-Type": "application/json"}
    return send(signed(sim, "macie2", region=region, path="/jobs/list", body=body, headers=headers))


def organizations(sim: Simulator, operation: str, **params: object) -> Answer:
    """Ask Organizations something, as the caller."""
    headers = {"X-Amz-Target": f"AWSOrganizationsV20161128.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    return send(signed(sim, "organizations", body=json.dumps(params).encode(), headers=headers))
