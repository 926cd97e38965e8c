"""Contestant 3, the better version: one shared boto3 session, client creation under a lock, a client per account and region."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import boto3
from benchmarks.contestants.common import ROLE, Recorder, options
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_RETRIES = Config(retries={"mode": "standard"})


class Clients:
    """Makes the clients of one session, one at a time, because a session is not safe for threads."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._session = boto3.Session()
        self._lock = threading.Lock()
        self._sts = self._session.client("sts", region_name="us-east-1", endpoint_url=endpoint, config=_RETRIES)

    def assume(self, account: str) -> dict[str, str]:
        """Give the credentials of the account's role."""
        answer = self._sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/{ROLE}", RoleSessionName="benchmark")
        credentials: dict[str, str] = answer["Credentials"]
        return credentials

    def list_jobs(self, credentials: dict[str, str], region: str) -> list[dict[str, Any]]:
        """Read every page of one target with a client of its own."""
        with self._lock:
            client = self._session.client(
                "macie2",
                region_name=region,
                endpoint_url=self._endpoint,
                aws_access_key_id=credentials["AccessKeyId"],
                aws_secret_access_key=credentials["SecretAccessKey"],
                aws_session_token=credentials["SessionToken"],
                config=_RETRIES,
            )
        pages = client.get_paginator("list_classification_jobs").paginate(maxResults=200)
        return [job for page in pages for job in page["items"]]


def main() -> None:
    """Visit every target."""
    asked = options(__doc__)
    clients, recorder = Clients(asked.endpoint), Recorder(asked.database)

    def collect(account: str, region: str) -> tuple[str, str, list[dict[str, Any]], str | None]:
        try:
            return account, region, clients.list_jobs(roles[account], region), None
        except (BotoCoreError, ClientError) as error:
            return account, region, [], str(error)

    with ThreadPoolExecutor(asked.concurrency) as pool:
        roles = dict(zip(asked.account_ids, pool.map(clients.assume, asked.account_ids), strict=True))
        targets = [(account, region) for account in asked.account_ids for region in asked.region_names]
        for future in as_completed([pool.submit(collect, *target) for target in targets]):
            recorder.record(*future.result())
    recorder.close()


if __name__ == "__main__":
    main()
