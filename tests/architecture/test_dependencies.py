"""Dependencies: each has its reason, is imported by its name, and was tested in a version that is written down."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "explanation" / "dependencies.md").read_text(encoding="utf-8")
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PYTHONS = ("3.11", "3.12", "3.13")


def _names(requirements: list[str]) -> set[str]:
    names: set[str] = {canonicalize_name(Requirement(text).name) for text in requirements}
    return names - {PROJECT["project"]["name"]}


def _by_group(groups: dict[str, list[str]]) -> dict[str, str]:
    """Give each library's groups, as the page writes them."""
    found: dict[str, list[str]] = {}
    for group, requirements in sorted(groups.items(), reverse=True):
        for name in _names(requirements):
            found.setdefault(name, []).append(group)
    return {name: ", ".join(sorted(groups, reverse=True)) for name, groups in found.items()}


def _tables() -> list[list[list[str]]]:
    """Read the page's tables, without their heads."""
    tables: list[list[list[str]]] = []
    for block in re.findall(r"(?:^\|.*\n)+", PAGE, flags=re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in block.splitlines()]
        tables.append(rows[2:])
    return tables


def test_every_dependency_has_its_reason() -> None:
    """The page names the libraries of the project file, with their extra or group, and no others."""
    runtime, extras, groups = _tables()
    assert [row[0] for row in runtime] == sorted(_names(PROJECT["project"]["dependencies"]))
    assert {row[0]: row[1] for row in extras} == _by_group(PROJECT["project"]["optional-dependencies"])
    assert {row[0]: row[1] for row in groups} == _by_group(PROJECT["dependency-groups"])
    for rows in (runtime, extras, groups):
        assert [row[0] for row in rows] == sorted(row[0] for row in rows)
        assert all(row[-1] for row in rows)


@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_was_tested_in_one_version(python: str) -> None:
    """`constraints.txt` pins each library once for each Python, and the pins fit the project file."""
    pins: dict[str, str] = {}
    for line in CONSTRAINTS:
        if not line or line.startswith("#"):
            continue
        pin = Requirement(line)
        if pin.marker is None or pin.marker.evaluate({"python_version": python, "python_full_version": f"{python}.0"}):
            name = canonicalize_name(pin.name)
            assert name not in pins, f"{name} is pinned twice for Python {python}"
            (specifier,) = pin.specifier
            assert specifier.operator == "=="
            pins[name] = specifier.version
    project = PROJECT["project"]
    wanted = [
        *project["dependencies"],
        *(text for extra in project["optional-dependencies"].values() for text in extra),
        *(text for group in PROJECT["dependency-groups"].values() for text in group),
    ]
    for requirement in map(Requirement, wanted):
        name = canonicalize_name(requirement.name)
        if name != project["name"]:
            assert name in pins, f"{name} is not pinned for Python {python}"
            assert pins[name] in requirement.specifier


def test_constraints_name_no_host() -> None:
    """Where packages come from is for whoever installs them to say."""
    assert not [line for line in CONSTRAINTS if "://" in line or line.startswith("-") or " @ " in line]
