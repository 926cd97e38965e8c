"""Ask STS a question without credentials: whether its endpoint is reached, and what time it is there."""

from __future__ import annotations

import os
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore import UNSIGNED
from botocore.exceptions import BotoCoreError, ClientError

from macie_inventory.aws.clients import client_config
from macie_inventory.aws.failures import translate
from macie_inventory.aws.session import FALLBACK_REGION
from macie_inventory.aws.transport import Transport, bare_session
from macie_inventory.outcome import Phase

if TYPE_CHECKING:
    from macie_inventory.config import Limits

__all__ = ["StsAnswer", "ask_sts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StsAnswer:
    """What became of the question; `problem` is None when anybody answered.

    `skew` is how many seconds this host's clock is ahead of the service's, to about a second; None where the answer
    had no Date.
    """

    region: str
    url: str
    problem: str | None = None
    skew: float | None = None


async def ask_sts(limits: Limits) -> StsAnswer:
    """Send one unsigned GetCallerIdentity, which STS refuses with its time.

    Source of the time: the `Date` header (RFC 9110, section 6.6.1), whole seconds.
    """
    async with AsyncExitStack() as stack:
        session = bare_session()
        region = session.region_name or os.environ.get("AWS_REGION") or FALLBACK_REGION
        try:
            config = client_config(limits, Transport(stack), connections=1)
            client = await stack.enter_async_context(session.client("sts", region_name=region, config=config))
            client.meta.events.register("choose-signer.sts.GetCallerIdentity", _do_not_sign)
            url = str(client.meta.endpoint_url)
        except (BotoCoreError, ValueError) as error:
            return StsAnswer(region=region, url="", problem=str(error))
        before = time.time()
        try:
            response: dict[str, Any] = await client.get_caller_identity()
        except ClientError as error:
            response = error.response
        except BotoCoreError as error:
            return StsAnswer(region=region, url=url, problem=translate(error, Phase.ASSUME).message)
        return StsAnswer(region=region, url=url, skew=_skew(response, (before + time.time()) / 2))


def _do_not_sign(**_: object) -> object:
    return UNSIGNED


def _skew(response: dict[str, Any], here: float) -> float | None:
    header = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        there = parsedate_to_datetime(header).timestamp()
    except (TypeError, ValueError):
        return None
    return here - there - 0.5  # the header leaves the fraction of the second out
