"""The semi-public seams of the SDK that `aws/transport.py` uses are where they were."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ProxyConnectionError
from tests.support.line import aws_environment, quick_limits

from macie_inventory.aws.clients import client_config
from macie_inventory.aws.credentials import signing_as
from macie_inventory.aws.transport import (
    Transport,
    bare_session,
    capture_request,
    fix_user_agent,
    full_session,
    sign_per_call,
)
from macie_inventory.simulator import generate_world, serve

pytestmark = pytest.mark.anyio

PARAMETERS = {
    "maxResults": 7,
    "sortCriteria": {"attributeName": "name", "orderBy": "DESC"},
    "filterCriteria": {"includes": [{"key": "name", "comparator": "CONTAINS", "values": ["ü", '"']}]},
}


async def test_a_captured_request_is_what_the_client_would_send() -> None:
    """URL, headers and body are the SDK's own, the signature's scope is the region's, and nothing was sent."""
    async with serve(generate_world(accounts=1, regions=1)) as simulator, AsyncExitStack() as stack:
        with aws_environment(simulator):
            config = client_config(quick_limits(), Transport(stack), connections=1)
            client = await stack.enter_async_context(
                bare_session().client("macie2", region_name="me-south-1", config=config)
            )
            captured = await capture_request(client, "ListClassificationJobs", PARAMETERS)
        assert simulator.calls.total == 0
    assert captured.url == f"{simulator.url}/jobs/list"
    assert json.loads(captured.body) == PARAMETERS
    assert captured.headers["Content-Type"] == "application/json"
    assert "macie-inventory/" in captured.headers["User-Agent"]
    assert (captured.signing_name, captured.signing_region, captured.protocol) == ("macie2", "me-south-1", "rest-json")


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ({}, "https://macie2.eu-west-1.amazonaws.com/jobs/list"),
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, "https://macie2-fips.eu-west-1.amazonaws.com/jobs/list"),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "https://macie2.eu-west-1.api.aws/jobs/list"),
        ({"AWS_ENDPOINT_URL_MACIE2": "http://127.0.0.1:9/x"}, "http://127.0.0.1:9/x/jobs/list"),
    ],
)
async def test_endpoints_are_the_sdks(variable: dict[str, str], url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """FIPS, dual stack and configured endpoints come through without a word of ours."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    async with AsyncExitStack() as stack:
        config = client_config(quick_limits(), Transport(stack), connections=1)
        client = await stack.enter_async_context(
            bare_session().client("macie2", region_name="eu-west-1", config=config)
        )
        captured = await capture_request(client, "ListClassificationJobs", PARAMETERS)
    assert captured.url == url


async def test_clients_share_one_pool() -> None:
    """However many clients there are, one connector and one SSL context serve them."""
    async with AsyncExitStack() as stack:
        config = client_config(quick_limits(), Transport(stack), connections=1)
        sessions: list[Any] = []
        for region in ("us-east-1", "eu-west-1"):
            client = await stack.enter_async_context(bare_session().client("macie2", region_name=region, config=config))
            http = client._endpoint.http_session  # noqa: SLF001 - the seam under test
            sessions.append(await http._get_session(None))  # noqa: SLF001 - the seam under test
    assert sessions[0] is sessions[1]
    assert sessions[0].closed


async def test_sts_signs_for_whom_it_is_told() -> None:
    """A client without credentials signs with those of the block, and with nobody's outside of it."""
    async with serve(generate_world(accounts=1, regions=1)) as simulator, AsyncExitStack() as stack:
        with aws_environment(simulator):
            config = client_config(quick_limits(), Transport(stack), connections=1)
            sts = await stack.enter_async_context(bare_session().client("sts", region_name="us-east-1", config=config))
            sign_per_call(sts, "GetCallerIdentity")
            with pytest.raises(Exception, match="Unable to locate credentials"):
                await sts.get_caller_identity()
            with signing_as(await full_session().get_credentials()):
                assert (await sts.get_caller_identity())["Account"] == simulator.world.caller_account_id


async def test_a_fixed_user_agent_is_the_one_the_client_would_write() -> None:
    """What STS receives is what the SDK writes for a call, and nothing writes it again."""
    received: list[str] = []

    def note(request: Any, **_: object) -> None:  # noqa: ANN401 - the SDK's own request
        received.append(request.headers["User-Agent"].decode())

    async with serve(generate_world(accounts=1, regions=1)) as simulator, AsyncExitStack() as stack:
        with aws_environment(simulator):
            config = client_config(quick_limits(), Transport(stack), connections=1)
            for fixed in (False, True):
                sts = await stack.enter_async_context(
                    full_session().client("sts", region_name="us-east-1", config=config)
                )
                if fixed:
                    fix_user_agent(sts)
                sts.meta.events.register_last("before-send.sts", note)
                await sts.get_caller_identity()
                await sts.get_caller_identity()
    written, _, first, second = received
    assert "macie-inventory/" in first
    assert first == second
    assert set(first.split()) <= set(written.split())


@pytest.mark.parametrize(
    ("proxy", "error"), [("", EndpointConnectionError), ("http://name:secret@127.0.0.1:9", ProxyConnectionError)]
)
async def test_failures_of_a_route_take_the_sdks_names(
    proxy: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies are the environment's, and a request that fails raises what the SDK's own client would."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", proxy)
    async with AsyncExitStack() as stack:
        config = client_config(quick_limits(), Transport(stack), connections=1)
        client = await stack.enter_async_context(
            bare_session().client("macie2", region_name="eu-west-1", config=config)
        )
        captured = await capture_request(client, "ListClassificationJobs", PARAMETERS)
        with pytest.raises(error, match=r"127\.0\.0\.1:9") as caught:
            await captured.route.post(captured.headers, captured.body)
    assert "secret" not in str(caught.value)
