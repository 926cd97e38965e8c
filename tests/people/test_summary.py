"""The summary of a run that has ended."""

from __future__ import annotations

import pytest

from macie_inventory.cli.summary import print_summary
from macie_inventory.model import Outcome, RunStatus
from macie_inventory.overview.news import ExpiringJob, RunNews, StatusChange
from macie_inventory.report import duration_text, gap_causes, printable
from macie_inventory.store import Gap, RunSummary

SUMMARY = RunSummary(
    run_id="01a203dc-d8e3-7074-bdf8-ec68713d3cb1",
    started_at="2026-11-22T15:00:00.000000Z",
    finished_at="2026-11-22T15:04:12.400000Z",
    status=RunStatus.PARTIAL,
    tool_version="1",
    caller_arn="arn:aws:iam::111111111111:user/x",
    partition="aws",
    scope={},
    filter_criteria=None,
    targets_total=1500,
    targets_covered=1443,
    targets_failed=57,
    jobs_seen=4200,
    jobs_appeared=12,
    jobs_changed=31,
    jobs_disappeared=4,
    jobs_reappeared=1,
    api_calls=1800,
    retries=40,
    throttles=39,
    error=None,
    by_outcome={"collected": 1440, "macie_disabled": 3, "role_denied": 55, "throttled": 2},
    jobs_by_status={"COMPLETE": 4000, "RUNNING": 199, None: 1},
)
NEWS = RunNews(
    previous_started_at="2026-11-21T15:00:00.000000Z",
    status_changes=[StatusChange(old="RUNNING", new="COMPLETE", jobs=20)],
    expiring=[
        ExpiringJob(account_id="2" * 12, account_name="pay", region="eu-west-1", name="late", days_left=0.04),
        ExpiringJob(account_id="3" * 12, account_name=None, region="eu-west-1", name="soon", days_left=0.52),
    ],
    expiring_total=9,
    expired=3,
)


def gap(account: str, region: str, outcome: Outcome = Outcome.ROLE_DENIED, code: str = "AccessDenied") -> Gap:
    """Give a gap of an account called after its id."""
    return Gap(
        account_id=account * 12,
        account_name=f"account-{account}",
        region=region,
        outcome=outcome,
        error_code=code,
        error_message=f"no for {account}",
    )


GAPS = [gap(account, region) for account in "12345" for region in ("eu-west-1", "us-east-1")]
GAPS += [gap(account, "me-south-1", Outcome.THROTTLED, "SlowDown") for account in "123456"]


def test_gaps_are_grouped_by_cause_in_the_fewest_places() -> None:
    """Each cause names its accounts or its regions, whichever are fewer, with the next step."""
    roles, throttled = gap_causes(GAPS)
    assert (roles.outcome, roles.error_code, roles.targets) == (Outcome.ROLE_DENIED, "AccessDenied", 10)
    assert roles.places == ["eu-west-1: 5 accounts", "us-east-1: 5 accounts"]
    assert "trust policy" in roles.next_step
    assert throttled.places == ["me-south-1: 6 accounts"]
    (one,) = gap_causes([gap("7", "eu-west-1"), gap("7", "eu-west-2")])
    assert one.places == ["777777777777 account-7: 2 regions"]
    (single,) = gap_causes([gap("7", "eu-west-1")])
    assert single.places == ["777777777777 account-7: eu-west-1"]
    assert gap_causes([]) == []


def test_every_uncovered_outcome_has_a_next_step() -> None:
    """No gap leaves the reader without a next step."""
    for outcome in Outcome:
        (cause,) = gap_causes([gap("1", "eu-west-1", outcome)])
        assert bool(cause.next_step) is not outcome.covered


@pytest.mark.parametrize("columns", [40, 80, 160])
def test_the_summary_fits_its_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """All figures are there at every width, no line is longer than that, and none ends in a space."""
    monkeypatch.setenv("COLUMNS", str(columns))
    print_summary(SUMMARY, GAPS, NEWS)
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert max(map(len, lines)) <= columns
    assert not [line for line in lines if line != line.rstrip()]
    words = " ".join(printed.split())
    for expected in (
        "partial",
        "1,443 of 1,500 targets covered in 4 min 12 s",
        "✓ collected 1,440",
        "✗ role_denied 55",
        "gap: 10 x role_denied (AccessDenied)",
        "next: run `collect --resume` later",
        "paused jobs that expire within 7 days: 9, and 3 whose time is over",
        "0.0 d pay eu-west-1 late",
        "0.5 d 333333333333 eu-west-1 soon",
    ):
        assert expected in words, expected
    for expected in ("RUNNING → COMPLETE", "since 11-21 15:00Z", "(none)", "disappeared", "reappeared"):
        assert expected in words, expected


def test_a_narrow_summary_stands_below_each_other(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables stand side by side where there is room and below each other where there is none."""
    sides = {}
    for columns in (40, 100):
        monkeypatch.setenv("COLUMNS", str(columns))
        print_summary(SUMMARY, [], NEWS)
        (heading,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("outcome ")]
        sides[columns] = "jobs by status" in heading
    assert sides == {40: False, 100: True}


def test_what_aws_sent_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences, line breaks and direction overrides in names and errors are shown as replacement characters."""
    hostile = "a\x1b[2J\x9b31m\r\nb\u202ec"
    news = RunNews(
        previous_started_at=None,
        status_changes=[StatusChange(old=hostile, new=hostile, jobs=1)],
        expiring=[
            ExpiringJob(account_id="1" * 12, account_name=hostile, region="eu-west-1", name=hostile, days_left=1)
        ],
        expiring_total=1,
    )
    gaps = [
        Gap(
            account_id="1" * 12,
            account_name=hostile,
            region="eu-west-1",
            outcome=Outcome.FAILED,
            error_code=hostile,
            error_message=hostile,
        )
    ]
    print_summary(SUMMARY, gaps, news)
    printed = capsys.readouterr().out
    assert "a\ufffd[2J\ufffd31m\ufffd\ufffdb\ufffdc" in printed
    assert not set(printed) & set("\x1b\x9b\r\u202e")
    assert printable("prod – übung 📦") == "prod – übung 📦"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 00 s"), (252.4, "4 min 12 s"), (3900, "1 h 05 min")],
)
def test_durations(seconds: float, text: str) -> None:
    """Durations are written as people read them."""
    assert duration_text(seconds) == text
