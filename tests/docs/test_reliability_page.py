"""The page about reliability names tests that exist, and leaves none of the reliability tests out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "explanation" / "reliability.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def names_of_tests(file: Path) -> set[str]:
    """Give the names of a file's tests."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


def test_each_named_test_exists() -> None:
    """Whoever follows a promise to its proof finds it."""
    named = NAMED.findall(PAGE.read_text(encoding="utf-8"))
    assert named
    for file, test in named:
        assert test in names_of_tests(ROOT / file), f"{file} has no {test}"


def test_each_reliability_test_is_named() -> None:
    """The table is whole: every test of reliability proves something that it says."""
    named = set(NAMED.findall(PAGE.read_text(encoding="utf-8")))
    files = sorted((ROOT / "tests" / "reliability").glob("test_*.py"))
    there = {(str(file.relative_to(ROOT)), test) for file in files for test in names_of_tests(file)}
    assert there - named == set()


def test_every_row_has_its_proof() -> None:
    """No promise stands without a test."""
    rows = [
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ") and line.count("|") > 3
    ]
    promises = [row for row in rows if not row.startswith("| fault |")]
    assert len(promises) > 40
    for row in promises:
        assert NAMED.search(row), row
