"""Our signatures are botocore's."""

from __future__ import annotations

from datetime import UTC, datetime

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from macie_inventory.aws.signature import PostSigner

TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)
HOSTS = ["https://macie2.us-east-1.amazonaws.com", "http://127.0.0.1:8080", "https://[::1]:9443", "http://localhost:80"]
PATHS = ["/jobs/list", "/prefix/jobs/list", "//a//jobs/list", "/a b/jobs/{list}", "/ü/jobs/list"]


@given(
    url=st.sampled_from([host + path for host in HOSTS for path in PATHS]),
    body=st.binary(max_size=200),
    secret=TEXT,
    token=st.none() | TEXT,
    region=st.sampled_from(["us-east-1", "me-south-1"]),
    agent=TEXT,
)
def test_signatures_equal_botocores(
    url: str, body: bytes, secret: str, token: str | None, region: str, agent: str
) -> None:
    """For any URL, body, credentials and region the headers are those that botocore would send."""
    headers = {"Content-Type": "application/json", "User-Agent": agent, "X-Custom": "a  b"}
    request = AWSRequest(method="POST", url=url, data=body, headers=dict(headers))
    credentials = Credentials("AKIA", secret, token)
    SigV4Auth(credentials, "macie2", region).add_auth(request)
    moment = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    signer = PostSigner(url, headers, service="macie2", region=region)
    signed = signer.sign(body, credentials.get_frozen_credentials(), moment)
    assert signed == dict(request.headers.items())
