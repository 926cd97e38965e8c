"""A run and a plan as programs read them, and the exit codes."""

from __future__ import annotations

import json

import pytest

from macie_inventory.model import Account, Exclusion, Outcome, Plan, RunStatus, Target
from macie_inventory.report import EXIT_CODES, gap_hint, plan_as_json, plan_as_text, run_as_json
from macie_inventory.store import Gap, RunSummary

ONE, TWO = "111111111111", "222222222222"

SUMMARY = RunSummary(
    run_id="0193-run",
    started_at="2026-11-01T09:30:00.000000Z",
    finished_at="2026-11-01T09:31:00.000000Z",
    status=RunStatus.PARTIAL,
    tool_version="0.1.0",
    caller_arn=f"arn:aws:iam::{ONE}:user/x",
    partition="aws",
    scope={},
    filter_criteria=None,
    targets_total=10,
    targets_covered=8,
    targets_failed=2,
    jobs_seen=100,
    jobs_appeared=5,
    jobs_changed=4,
    jobs_disappeared=3,
    jobs_reappeared=2,
    api_calls=20,
    retries=6,
    throttles=1,
    error=None,
    by_outcome={"collected": 8, "role_denied": 2},
)
GAP = Gap(
    account_id=TWO,
    region="eu-west-1",
    outcome=Outcome.ROLE_DENIED,
    error_code="AccessDenied",
    error_message="not authorized",
    account_name="prod",
)
PLAN = Plan(
    accounts=(Account(account_id=TWO, name="prod"), Account(account_id=ONE)),
    targets=(Target(TWO, "us-east-1"), Target(ONE, "eu-west-1"), Target(ONE, "us-east-1"), Target(TWO, "eu-west-1")),
    exclusions=(
        Exclusion(account_id="333333333333", reason="account is suspended"),
        Exclusion(region="ap-southeast-4", reason="region has no Macie"),
    ),
    warnings=("careful",),
)


def test_a_run_is_the_documented_object() -> None:
    """`collect --format json` prints exactly these keys, and it is JSON."""
    shown = json.loads(json.dumps(run_as_json(SUMMARY, [GAP])))
    assert shown == {
        "run_id": "0193-run",
        "status": "partial",
        "started_at": "2026-11-01T09:30:00.000000Z",
        "finished_at": "2026-11-01T09:31:00.000000Z",
        "targets": {"total": 10, "covered": 8, "failed": 2, "by_outcome": {"collected": 8, "role_denied": 2}},
        "jobs": {"seen": 100, "appeared": 5, "updated": 4, "disappeared": 3, "reappeared": 2},
        "api": {"calls": 20, "retries": 6, "throttles": 1},
        "gaps": [
            {
                "account_id": TWO,
                "region": "eu-west-1",
                "outcome": "role_denied",
                "error_code": "AccessDenied",
                "error_message": "not authorized",
            }
        ],
    }


def test_every_end_has_its_exit_code() -> None:
    """0 complete, 1 failed, 3 partial, 130 interrupted; a run that goes on has none."""
    assert {status.value: code for status, code in EXIT_CODES.items()} == {
        "complete": 0,
        "failed": 1,
        "partial": 3,
        "interrupted": 130,
    }


@pytest.mark.parametrize("outcome", Outcome)
def test_every_gap_has_a_next_step(outcome: Outcome) -> None:
    """Whatever is not covered comes with something to do; what is covered needs nothing."""
    assert bool(gap_hint(outcome)) != outcome.covered


def test_a_plan_is_the_documented_object() -> None:
    """Targets come sorted, with the accounts' names, and every exclusion with its reason."""
    shown = json.loads(json.dumps(plan_as_json(PLAN)))
    assert shown["targets"] == [
        {"account_id": ONE, "account_name": None, "region": "eu-west-1"},
        {"account_id": ONE, "account_name": None, "region": "us-east-1"},
        {"account_id": TWO, "account_name": "prod", "region": "eu-west-1"},
        {"account_id": TWO, "account_name": "prod", "region": "us-east-1"},
    ]
    assert shown["exclusions"] == [
        {"account_id": "333333333333", "region": None, "reason": "account is suspended"},
        {"account_id": None, "region": "ap-southeast-4", "reason": "region has no Macie"},
    ]
    assert shown["warnings"] == ["careful"]


def test_a_plan_as_text_has_a_line_for_everything() -> None:
    """One line per target and per exclusion, and the sum at the end."""
    lines = list(plan_as_text(PLAN))
    assert [line.split()[:3] for line in lines[:4]] == [
        ["visit", ONE, "eu-west-1"],
        ["visit", ONE, "us-east-1"],
        ["visit", TWO, "eu-west-1"],
        ["visit", TWO, "us-east-1"],
    ]
    assert lines[2].endswith("prod")
    assert "account is suspended" in lines[4]
    assert "333333333333" in lines[4]
    assert "region has no Macie" in lines[5]
    assert lines[6] == "4 targets: 2 accounts x 2 regions; 2 exclusions"
    assert len(lines) == 7
