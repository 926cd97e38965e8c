"""Contestant 2, what a user writes today: boto3, a thread pool, a session and a client per account and region.

Like the scripts that are passed around: a role is assumed per account, `standard` retries, results into sqlite3 as they come.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import boto3
from benchmarks.contestants.common import ROLE, Recorder, options
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_RETRIES = Config(retries={"mode": "standard"})


def list_jobs(endpoint: str, credentials: dict[str, str], region: str) -> list[dict[str, Any]]:
    """Read every page of one target with a session and a client of its own."""
    session = boto3.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        region_name=region,
    )
    client = session.client("macie2", endpoint_url=endpoint, config=_RETRIES)
    pages = client.get_paginator("list_classification_jobs").paginate(maxResults=200)
    return [job for page in pages for job in page["items"]]


def main() -> None:
    """Visit every target."""
    asked = options(__doc__)
    recorder = Recorder(asked.database)
    sts = boto3.client("sts", region_name="us-east-1", endpoint_url=asked.endpoint, config=_RETRIES)

    def assume(account: str) -> dict[str, str]:
        answer = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/{ROLE}", RoleSessionName="benchmark")
        credentials: dict[str, str] = answer["Credentials"]
        return credentials

    def collect(account: str, region: str) -> tuple[str, str, list[dict[str, Any]], str | None]:
        try:
            return account, region, list_jobs(asked.endpoint, roles[account], region), None
        except (BotoCoreError, ClientError) as error:
            return account, region, [], str(error)

    with ThreadPoolExecutor(asked.concurrency) as pool:
        roles = dict(zip(asked.account_ids, pool.map(assume, asked.account_ids), strict=True))
        targets = [(account, region) for account in asked.account_ids for region in asked.region_names]
        for future in as_completed([pool.submit(collect, *target) for target in targets]):
            recorder.record(*future.result())
    recorder.close()


if __name__ == "__main__":
    main()
