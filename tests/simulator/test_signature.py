"""Only requests that were signed by valid credentials pass, and each service refuses the others in its own words."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict
from tests.simulator.clients import Answer, Clients, base_credentials, list_jobs, send, signed
from tests.simulator.shapes import parse_xml

from macie_inventory.simulator import World, running
from macie_inventory.simulator.credentials import Credentials, Vault
from macie_inventory.simulator.signature import (
    Flaw,
    NotAuthenticError,
    Signed,
    authenticate,
    parse_authorization,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from macie_inventory.simulator import Simulator

HOST = "127.0.0.1:8080"
VAULT = Vault("111122223333", "arn:aws:iam::111122223333:user/tests")
SESSION = VAULT.mint(account_id="444455556666", arn="arn:x", session_name="tests", expires_at=2**40)
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Cs"]), max_size=12)


def sign(
    credentials: Credentials,
    *,
    method: str = "POST",
    path: str = "/",
    query: Mapping[str, str] | None = None,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Signed:
    """Return a request as botocore signs it."""
    request = AWSRequest(method, f"http://{HOST}{path}", data=body, headers=dict(headers or {}), params=query or {})
    keys = BotoCredentials(credentials.access_key, credentials.secret_key, credentials.token)
    SigV4Auth(keys, "macie2", "eu-west-1").add_auth(request)
    prepared = request.prepare()
    target = prepared.url.removeprefix(f"http://{HOST}")
    path, _, query_string = target.partition("?")
    return Signed(
        method=method,
        path=path,
        query=query_string,
        headers=CIMultiDict({"Host": HOST, **prepared.headers}),
        body=body,
    )


def check(request: Signed, now: float | None = None) -> Credentials:
    """Authenticate a request as the server does."""
    authorization = parse_authorization(request.headers.get("Authorization"))
    return authenticate(request, authorization, VAULT, time.time() if now is None else now)


@settings(max_examples=60, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST"]),
    path=st.lists(
        st.text("abcXYZ019-._~:@ %+", min_size=1, max_size=8).filter(lambda part: part.strip(".")), max_size=3
    ),
    query=st.dictionaries(TEXT.filter(bool), TEXT, max_size=3),
    body=st.binary(max_size=64),
    value=st.text(" abc,;=", max_size=12),
)
def test_what_botocore_signs_is_authentic(
    method: str, path: list[str], query: dict[str, str], body: bytes, value: str
) -> None:
    """The signature of every request that botocore signs is found to be right, whatever its parts."""
    encoded = "/" + "/".join(quote(part, safe="~") for part in path)
    request = sign(SESSION, method=method, path=encoded, query=query, body=body, headers={"X-Amz-Note": value})
    assert check(request) is SESSION


@pytest.mark.parametrize(
    "tampered",
    [
        {"method": "PUT"},
        {"path": "/jobs"},
        {"query": "a=2"},
        {"body": b"other"},
    ],
)
def test_a_changed_request_is_refused(tampered: dict[str, object]) -> None:
    """A change of method, path, query or body breaks the signature."""
    good = sign(SESSION, path="/jobs/list", query={"a": "1"}, body=b"{}")
    parts = {name: getattr(good, name) for name in ("method", "path", "query", "headers", "body")}
    assert check(Signed(**parts)) is SESSION
    with pytest.raises(NotAuthenticError) as error:
        check(Signed(**{**parts, **tampered}))
    assert error.value.flaw is Flaw.WRONG_SIGNATURE


def test_a_changed_signed_header_is_refused() -> None:
    """A signed header can't be changed after the signature was made."""
    request = sign(SESSION, headers={"X-Amz-Note": "a"})
    assert isinstance(request.headers, CIMultiDict)
    headers = request.headers.copy()
    headers["X-Amz-Note"] = "b"
    with pytest.raises(NotAuthenticError, match="wrong-signature"):
        check(Signed(method="POST", path="/", query="", headers=headers, body=b""))


def test_a_session_key_needs_its_own_token() -> None:
    """The access key of a session is unknown with no token, or with another session's."""
    other = VAULT.mint(account_id="444455556666", arn="arn:x", session_name="other", expires_at=2**40)
    for token in (None, other.token):
        stolen = Credentials(
            access_key=SESSION.access_key,
            secret_key=SESSION.secret_key,
            token=token,
            account_id="",
            arn="",
            user_id="",
        )
        with pytest.raises(NotAuthenticError, match="unknown-key"):
            check(sign(stolen))


def test_expiry_and_skew() -> None:
    """Expired credentials are told from a wrong clock, and both from a wrong signature."""
    session = VAULT.mint(account_id="444455556666", arn="arn:x", session_name="s", expires_at=time.time() + 100)
    request = sign(session)
    assert check(request) is session
    with pytest.raises(NotAuthenticError, match="expired"):
        check(request, time.time() + 101)
    with pytest.raises(NotAuthenticError, match="Signature expired"):
        check(sign(SESSION), time.time() + 400)
    with pytest.raises(NotAuthenticError, match="not yet current"):
        check(sign(SESSION), time.time() - 400)


@pytest.mark.parametrize("header", ["", "Basic abc", "AWS4-HMAC-SHA256 Credential=AKIA/20260101"])
def test_headers_without_a_signature(header: str) -> None:
    """A missing or malformed Authorization header is refused as such."""
    with pytest.raises(NotAuthenticError) as error:
        parse_authorization(header)
    assert error.value.flaw is (Flaw.INCOMPLETE if header else Flaw.MISSING)


STS: dict[str, Any] = {"body": b"Action=GetCallerIdentity&Version=2011-06-15"}
EC2: dict[str, Any] = {"body": b"Action=DescribeRegions&Version=2016-11-15"}
MACIE: dict[str, Any] = {"path": "/jobs/list", "body": b"{}"}
ORGANIZATIONS: dict[str, Any] = {
    "headers": {"X-Amz-Target": "AWSOrganizationsV20161128.ListAccounts"},
    "body": b"{}",
}
REFUSALS: dict[str, tuple[dict[str, Any], list[tuple[int, str]]]] = {
    "macie2": (
        MACIE,
        [
            (403, "InvalidSignatureException"),
            (403, "UnrecognizedClientException"),
            (403, "ExpiredTokenException"),
            (403, "MissingAuthenticationTokenException"),
        ],
    ),
    "organizations": (
        ORGANIZATIONS,
        [
            (400, "InvalidSignatureException"),
            (400, "UnrecognizedClientException"),
            (400, "ExpiredTokenException"),
            (400, "MissingAuthenticationTokenException"),
        ],
    ),
    "sts": (
        STS,
        [
            (403, "SignatureDoesNotMatch"),
            (403, "InvalidClientTokenId"),
            (403, "ExpiredToken"),
            (403, "MissingAuthenticationToken"),
        ],
    ),
    "ec2": (
        EC2,
        [
            (403, "SignatureDoesNotMatch"),
            (401, "AuthFailure"),
            (400, "RequestExpired"),
            (400, "MissingAuthenticationToken"),
        ],
    ),
}


def code_of(answer: Answer) -> tuple[int, str]:
    """Return status and code of an error in any protocol."""
    status, headers, body = answer.status, answer.headers, answer.body
    if "x-amzn-errortype" in headers:
        return status, headers["x-amzn-errortype"]
    if body.startswith(b"{"):
        return status, answer.json["__type"]
    root, _ = parse_xml(body)
    code = next(root.iter("Code"))
    return status, code.text or ""


@pytest.mark.parametrize("service", REFUSALS)
def test_each_service_refuses_in_its_own_words(sim: Simulator, clients: Clients, member: str, service: str) -> None:
    """Wrong signature, unknown key, expired session and missing signature are answered as the service answers them."""
    request, (wrong, unknown, expired, missing) = REFUSALS[service]
    keys = base_credentials(sim)
    assert code_of(send(signed(sim, service, keys={**keys, "SecretAccessKey": "no"}, **request))) == wrong
    assert code_of(send(signed(sim, service, keys={**keys, "AccessKeyId": "AKIANONE"}, **request))) == unknown
    session = clients.assume(member)
    sim.expire_sessions()
    assert code_of(send(signed(sim, service, keys=session, **request))) == expired
    unsigned = signed(sim, service, **request)
    del unsigned.headers["Authorization"]
    assert code_of(send(unsigned)) == missing


def test_a_signature_for_another_service_is_refused(sim: Simulator) -> None:
    """Credentials scoped to one service do not open another."""
    request = signed(sim, "sts", path="/jobs/list", body=b"{}")
    assert send(request).status in {400, 403}
    request = signed(sim, "s3", path="/jobs/list", body=b"{}")
    assert code_of(send(request)) == (403, "UnrecognizedClientException")


def test_the_servers_clock_counts(world: World) -> None:
    """A server whose clock is ten minutes ahead refuses every request as too old."""
    with running(world, clock=lambda: time.time() + 600) as sim:
        answer = list_jobs(sim)
    assert code_of(answer) == (403, "InvalidSignatureException")
    assert "Signature expired" in answer.json["message"]
