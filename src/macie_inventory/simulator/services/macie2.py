"""Amazon Macie: ListClassificationJobs, DescribeClassificationJob, GetMacieSession.

Source: Amazon Macie REST API reference, version 2020-01-01.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from hashlib import blake2b
from typing import TYPE_CHECKING

from macie_inventory.simulator.api import ApiError, Call, Result, UnreachableError
from macie_inventory.simulator.faults import LISTING_KINDS, EndlessJobs, Fault, FaultKind
from macie_inventory.simulator.jobs import Job
from macie_inventory.simulator.services.job_query import invalid, select
from macie_inventory.simulator.tokens import FIRST, InvalidTokenError, Position, Tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from macie_inventory.simulator.world import World

_REMEMBERED = 256
OLDEST = "2017-08-14T00:00:00.000Z"
"""Macie's birthday: no job is older than one that a fault inserts."""


class Macie2:
    """The service of one world."""

    def __init__(self, world: World, tokens: Tokens) -> None:
        self._world = world
        self._tokens = tokens
        self._selected: OrderedDict[tuple[str, str], tuple[Sequence[Job], Sequence[Job]]] = OrderedDict()

    def handle(self, call: Call, fault: Fault | None) -> Result:
        """Answer a call; ApiError when it is refused, UnreachableError in a region without Macie."""
        self._authorize(call)
        match call.operation:
            case "ListClassificationJobs":
                return self._list(call, fault)
            case "DescribeClassificationJob":
                return self._describe(call)
            case "GetMacieSession":
                return self._session(call)
        raise ApiError(404, "UnknownOperationException", f"The simulator does not offer {call.action}.")

    def _authorize(self, call: Call) -> None:
        if call.region not in self._world.regions:
            raise UnreachableError(f"there is no Macie in {call.region}")
        target = (call.account_id, call.region)
        denial = self._world.denied.get(target)
        if denial is not None:
            resource = f"arn:{self._world.partition}:macie2:{call.region}:{call.account_id}:*"
            message = f"User: {call.signer.arn} is not authorized to perform: {call.action} on resource: {resource}"
            raise ApiError(403, "AccessDeniedException", f"{message} {denial.format(action=call.action)}")
        off = self._world.macie_off.get(target)
        if off is not None:
            raise ApiError(403, "AccessDeniedException", off.value)

    def _list(self, call: Call, fault: Fault | None) -> Result:
        params = call.params
        if fault and fault.kind is FaultKind.INSERT_JOB:
            self._insert(call)
        size = self._size(params.get("maxResults"))
        query = json.dumps((params.get("filterCriteria"), params.get("sortCriteria")))
        listing = f"{call.account_id}/{call.region}/{query}"
        try:
            position = self._tokens.read(listing, params.get("nextToken"))
        except InvalidTokenError:
            raise invalid("nextToken isn't valid") from None
        jobs = self._select(call, query)
        end = position.offset + size
        page = jobs[position.offset : end]
        following = Position(page=position.page + 1, offset=end) if end < len(jobs) else None
        if fault and fault.kind in LISTING_KINDS - {FaultKind.INSERT_JOB}:
            page, following = _twisted(fault, page, position, Position(page=position.page + 1, offset=end))
        return _written(page, self._tokens.issue(listing, following) if following else None)

    def _select(self, call: Call, query: str) -> Sequence[Job]:
        """Return the jobs of a query; later pages of the same (immutable) jobs are answered from memory."""
        jobs = self._world.jobs_of(call.account_id, call.region)
        key = (f"{call.account_id}/{call.region}", query)
        remembered = self._selected.get(key)
        if remembered is not None and remembered[0] is jobs:
            return remembered[1]
        selected = select(jobs, call.params.get("filterCriteria"), call.params.get("sortCriteria"))
        self._selected[key] = (jobs, selected)
        if len(self._selected) > _REMEMBERED:
            self._selected.popitem(last=False)
        return selected

    def _size(self, asked: object) -> int:
        if asked is None:
            return self._world.default_page_size
        if not isinstance(asked, int) or asked < 1:
            raise invalid(f"maxResults {asked!r} isn't a number from 1")
        return min(asked, self._world.max_page_size)

    def _insert(self, call: Call) -> None:
        before = self._world.jobs_of(call.account_id, call.region)
        job = _new_job(f"inserted-{call.account_id}-{call.region}", call.page, len(before), OLDEST)
        self._world.jobs[call.account_id, call.region] = (job, *before)

    def _describe(self, call: Call) -> Result:
        job_id = call.params.get("jobId")
        for job in self._world.jobs_of(call.account_id, call.region):
            if job.job_id == job_id:
                return self._described(call, job)
        message = "The request failed because the specified resource doesn't exist."
        raise ApiError(404, "ResourceNotFoundException", message)

    def _described(self, call: Call, job: Job) -> Result:
        arn = f"arn:{self._world.partition}:macie2:{call.region}:{call.account_id}:classification-job/{job.job_id}"
        selection = {key: job[key] for key in ("bucketDefinitions", "bucketCriteria") if key in job}
        described = {key: value for key, value in job.items() if key not in selection}
        described |= {
            "jobArn": arn,
            "clientToken": job.job_id,
            "s3JobDefinition": selection,
            "samplingPercentage": 100,
            "initialRun": True,
            "managedDataIdentifierSelector": "RECOMMENDED",
            "statistics": {"approximateNumberOfObjectsToProcess": 0, "numberOfRuns": 1},
            "tags": {},
        }
        if job.get("jobType") == "SCHEDULED":
            described["scheduleFrequency"] = {"dailySchedule": {}}
        return described

    def _session(self, call: Call) -> Result:
        role = "role/aws-service-role/macie.amazonaws.com/AWSServiceRoleForAmazonMacie"
        return {
            "createdAt": "2021-03-01T08:00:00.000Z",
            "updatedAt": "2024-03-01T08:00:00.000Z",
            "findingPublishingFrequency": "SIX_HOURS",
            "serviceRole": f"arn:{self._world.partition}:iam::{call.account_id}:{role}",
            "status": "ENABLED",
        }


def _twisted(
    fault: Fault, page: Sequence[Job], here: Position, following: Position
) -> tuple[Sequence[Job], Position | None]:
    """Return the page and the next position of a listing whose tokens are broken."""
    size = following.offset - here.offset
    match fault.kind:
        case FaultKind.REPEATED:
            return page, here if here.page > FIRST else following
        case FaultKind.CYCLIC:
            return page, following if here.page <= fault.cycle else Position(page=FIRST + 1, offset=size)
        case FaultKind.ENDLESS if fault.jobs is EndlessJobs.SAME:
            return page, Position(page=following.page, offset=here.offset)
        case FaultKind.ENDLESS if fault.jobs is EndlessJobs.NONE:
            return page if here.page == FIRST else (), following
        case _:
            return page or [_new_job("endless", here.page, number) for number in range(min(size, 10))], following


def _new_job(name: str, page: int, number: int, created_at: str = "2026-01-15T12:00:00.000Z") -> Job:
    """Return a job that no world contains."""
    digest = blake2b(f"{name}/{page}/{number}".encode(), digest_size=16).hexdigest()
    kind = {"jobType": "ONE_TIME", "jobStatus": "RUNNING"}
    return Job({"jobId": digest, "name": f"{name}-{page}-{number}", "createdAt": created_at, **kind})


def _written(page: Sequence[Job], token: str | None) -> bytes:
    tail = b"" if token is None else b', "nextToken": "' + token.encode() + b'"'
    return b'{"items": [' + b", ".join([job.body for job in page]) + b"]" + tail + b"}"
