"""Contestant 4: aioboto3, one session, a client per account and region, a semaphore for the width."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aioboto3
from benchmarks.contestants.common import ROLE, Recorder, options
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_RETRIES = Config(retries={"mode": "standard"})


async def collect(
    session: aioboto3.Session, endpoint: str, credentials: dict[str, str], region: str
) -> list[dict[str, Any]]:
    """Read every page of one target with a client of its own."""
    async with session.client(
        "macie2",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        config=_RETRIES,
    ) as client:
        pages = client.get_paginator("list_classification_jobs").paginate(maxResults=200)
        return [job async for page in pages for job in page["items"]]


async def run(asked: argparse.Namespace) -> None:
    """Visit every target, an account's regions after its AssumeRole."""
    session, recorder = aioboto3.Session(), Recorder(asked.database)
    width = asyncio.Semaphore(asked.concurrency)

    async def visit_region(account: str, region: str, credentials: dict[str, str]) -> None:
        async with width:
            try:
                jobs = await collect(session, asked.endpoint, credentials, region)
            except (BotoCoreError, ClientError) as error:
                recorder.record(account, region, [], str(error))
            else:
                recorder.record(account, region, jobs)

    async def visit_account(sts: Any, account: str, regions: Sequence[str]) -> None:  # noqa: ANN401 - made at run time
        async with width:
            arn = f"arn:aws:iam::{account}:role/{ROLE}"
            credentials = (await sts.assume_role(RoleArn=arn, RoleSessionName="benchmark"))["Credentials"]
        await asyncio.gather(*(visit_region(account, region, credentials) for region in regions))

    async with session.client("sts", region_name="us-east-1", endpoint_url=asked.endpoint, config=_RETRIES) as sts:
        await asyncio.gather(*(visit_account(sts, account, asked.region_names) for account in asked.account_ids))
    recorder.close()


if __name__ == "__main__":
    asyncio.run(run(options(__doc__)))
