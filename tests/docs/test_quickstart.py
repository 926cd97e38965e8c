"""The quickstart: its commands do what the page shows, on a smaller organization."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from pathlib import Path

from tests.docs.transcript import BLOCK, run_page, steps_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "quickstart.md"
EXPECTED_FAILURES = {"macie-inventory collect": 3, "macie-inventory collect --format json > run.json": 3}


def shape(output: str) -> list[str]:
    """Give the shape of an output: its words without figures, names and times."""
    lines = (re.sub(r"[\w.:/*-]*\d[\w.:/-]*", "#", line) for line in output.splitlines())
    return [" ".join(re.sub(r"[─-]{3,}", "-", line).split()) for line in lines]


def test_the_quickstart_is_as_printed(tmp_path: Path) -> None:
    """Every command ends as it should, and prints what the page shows, apart from figures and names."""
    text = PAGE.read_text(encoding="utf-8")
    shown = [step for block in BLOCK.findall(text) for step in steps_of(block)]
    done = [step for block in run_page(text, tmp_path, **{"--accounts_300": "--accounts 24"}) for step in block]
    assert [step.command for step in done] == [step.command for step in shown]
    for before, now in zip(shown, done, strict=True):
        assert now.code == EXPECTED_FAILURES.get(now.command, 0), f"{now.command}\n{now.output}"
        alike = SequenceMatcher(None, shape(before.output), shape(now.output), autojunk=False).ratio()
        begins_alike = shape(before.output)[:1] == shape(now.output)[:1]
        assert alike > 0.5 or begins_alike, f"{now.command}: {alike:.2f}\n{now.output}"
    assert "exit code 3" in [step.output for step in done]
    assert (tmp_path / "report.html").stat().st_size > 10_000
