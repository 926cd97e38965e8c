"""The pages as a whole: their links lead somewhere, and what the program has, they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.docs.generated import PAGES, REFERENCE, configuration_keys

from macie_inventory import errors
from macie_inventory.cli.app import cli
from macie_inventory.model import Outcome, RunStatus
from macie_inventory.report import EXIT_CODES
from macie_inventory.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES_OF_DOCS = sorted((ROOT / "docs").rglob("*.md"))
ALL_PAGES = sorted(
    {*ROOT.glob("*.md"), *PAGES_OF_DOCS, *(ROOT / "config").rglob("*.md"), ROOT / "benchmarks/README.md"}
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def text_of(page: Path) -> str:
    """Give a page without its blocks of code."""
    return re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Give the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text_of(page), flags=re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.strip().lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """Each link to another file of the project names one that is there, and a heading that it has."""
    for link in LINK.findall(text_of(page)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link} leads nowhere"
        assert target.is_relative_to(ROOT), f"{link} leads out of the project"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{link}: {target.name} has no such heading"


def test_every_page_is_in_the_index() -> None:
    """The index names each page once, and each picture is shown somewhere."""
    index = ROOT / "docs" / "README.md"
    linked = [(index.parent / link).resolve() for link in LINK.findall(text_of(index))]
    assert sorted(linked) == sorted(page for page in PAGES_OF_DOCS if page != index)
    shown = {(page.parent / link).resolve() for page in ALL_PAGES for link in LINK.findall(text_of(page))}
    assert not set((ROOT / "docs" / "images").iterdir()) - shown


@pytest.mark.parametrize("name", PAGES)
def test_the_generated_pages_are_up_to_date(name: str) -> None:
    """The pages of commands and configuration say what the program says."""
    written = (REFERENCE / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), "run `python -m tests.docs.generated`"


def test_every_command_is_documented() -> None:
    """Each command has its section in the reference, a line in the README, and a help that begins with a sentence."""
    sections = re.findall(r"^## (.*)$", (REFERENCE / "commands.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, command in cli.commands.items():
        assert any(section.split()[0] == name for section in sections), name
        assert f"`{name}" in readme, name
        assert (command.help or "").strip()


def test_every_key_is_documented_with_its_default() -> None:
    """The example file has each setting, and no other, with the default that the program has."""
    defaults = {name: field.get_default() for name, field in Settings.model_fields.items()}
    documented = {key: default for key, default, _ in configuration_keys()}
    assert set(documented) == set(defaults)
    for key, default in defaults.items():
        written = "" if default is None else _as_toml(default)
        assert documented[key] == written, key


def _as_toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[]" if not value else str(list(value))
    return f'"{value}"' if isinstance(value, str) else str(value)


def test_every_outcome_is_documented() -> None:
    """The table of outcomes has each one, says whether it is covered, and troubleshooting has a section for it."""
    rows = re.findall(
        r"^\| `(\w+)` \| .*? \| (yes|no) \|", (REFERENCE / "outcomes.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert rows == [(outcome.value, "yes" if outcome.covered else "no") for outcome in Outcome]
    sections = anchors(ROOT / "docs" / "how-to" / "troubleshooting.md")
    assert {outcome.value for outcome in Outcome} <= sections


def test_every_exit_code_is_documented() -> None:
    """The table of exit codes has each code that the program uses, with the status of the run that it means."""
    page = (REFERENCE / "exit-codes.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\d+) \| (.*?) \|", page, re.MULTILINE))
    kinds = [getattr(errors, name) for name in errors.__all__]
    used = {kind.exit_code for kind in kinds} | set(EXIT_CODES.values())
    assert {int(code) for code in rows} == used
    for status, code in EXIT_CODES.items():
        assert f"`{status.value}`" in rows[str(code)]
    assert set(EXIT_CODES) == set(RunStatus) - {RunStatus.RUNNING}
