"""The pages for operators tell the truth: links lead somewhere, commands exist, queries and settings work."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import shutil
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest
from click.exceptions import Exit
from tests.operator.programs import ROOT, macie_inventory
from tests.operator.spans import Recorded

from macie_inventory.cli.app import cli
from macie_inventory.model import Harvest, Outcome, RunStatus, Target
from macie_inventory.settings import Settings, load_settings
from macie_inventory.simulator import generate_world, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import rich_click as click

FOLDER = ROOT / "docs" / "how-to"
NAMES = (
    "completion",
    "large-organizations",
    "notifications",
    "permissions",
    "regions-and-scps",
    "scheduling",
    "tracing",
    "troubleshooting",
    "upgrading",
)
PAGES = {name: (FOLDER / f"{name}.md").read_text() for name in NAMES}
BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[tuple[str, str]]:
    """Give the code blocks of one language, with the page of each."""
    return [(name, code) for name, text in PAGES.items() for kind, code in BLOCK.findall(text) if kind == language]


def commands() -> Iterator[tuple[str, list[str]]]:
    """Give every command line of the program in the blocks of shell, with its page."""
    for name, code in blocks("sh"):
        if code.startswith("#!"):
            continue
        for line in code.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["macie-inventory"]:
                yield name, list(itertools.takewhile(lambda word: not word.startswith(">"), words[1:]))


def parse(command: click.Command, words: list[str], parent: click.Context | None, name: str) -> None:
    """Let click read a command line down to the last subcommand, without running it."""
    context = command.make_context(name, words, parent=parent)
    rest = [*context._protected_args, *context.args]  # noqa: SLF001 - click's own way to a subcommand
    if hasattr(command, "resolve_command") and rest:
        subname, subcommand, left = command.resolve_command(context, rest)
        assert subcommand is not None
        parse(subcommand, left, context, str(subname))


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    """Every relative link is to a file of the repository."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", PAGES[name]):
        assert (FOLDER / target).resolve().is_file(), target
    for path in re.findall(r"`((?:config|docs)/[\w./-]+)`", PAGES[name]):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize(("name", "words"), list(commands()))
def test_commands_exist(name: str, words: list[str]) -> None:
    """The program takes every command line that a page shows."""
    del name
    with suppress(Exit):  # of --version
        parse(cli, words, None, "macie-inventory")


def test_there_are_commands() -> None:
    """The test above has something to look at, on nearly every page."""
    assert len({name for name, _ in commands()}) >= 7


@pytest.mark.parametrize(("name", "code"), blocks("toml"))
def test_settings_are_taken(name: str, code: str, tmp_path: Path) -> None:
    """Blocks of configuration hold keys and values that the program takes."""
    del name
    file = tmp_path / "macie-inventory.toml"
    file.write_text(code)
    load_settings({}, file)


@pytest.mark.parametrize(("name", "code"), blocks("json"))
def test_json_is_json(name: str, code: str) -> None:
    """Blocks of JSON can be read."""
    del name
    json.loads(code)


def test_settings_that_the_pages_name_exist() -> None:
    """Keys and options that the text mentions are the program's."""
    for key in ("retry_attempts", "retry_max_time", "max_jobs_per_target", "organizations_quota_share", "sts_rate"):
        assert key in Settings.model_fields
        assert any(f"`{key}`" in text for text in PAGES.values())
    text = PAGES["large-organizations"]
    for key in ("organizations_quota_share", "sts_rate", "concurrency"):
        assert f"({Settings.model_fields[key].default:g}" in text, key


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Collect a small organization, and let each outcome be that of one of its targets."""
    folder = tmp_path_factory.mktemp("inventory")
    world = generate_world(accounts=6, regions=("eu-west-1", "me-south-1", "us-east-1"), jobs=3, seed=11)
    env = {"MACIE_INVENTORY_ORGANIZATIONAL_UNITS": "false"}
    with running(world) as simulator:
        result = macie_inventory("collect", "--region", *world.regions, env=simulator.environment() | env, cwd=folder)
    assert result.returncode == 0, result.stderr
    file = folder / "macie-inventory.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        targets = connection.execute("SELECT account_id, region FROM targets ORDER BY 1, 2").fetchall()
        for outcome, target in zip(Outcome, targets, strict=False):
            message = "not authorized, with an explicit deny in a service control policy"
            connection.execute(
                "UPDATE targets SET outcome = ?, error_code = 'Code', error_message = ?, throttles = 1 "
                "WHERE account_id = ? AND region = ?",
                (outcome.value, None if outcome.covered else message, *target),
            )
        connection.execute(
            "UPDATE jobs SET missing_since = '2026-01-01T00:00:00.000000Z' WHERE job_id = (SELECT min(job_id) FROM jobs)"
        )
        connection.execute("UPDATE OR IGNORE job_buckets SET bucket_name = 'the-bucket'")
    return file


@pytest.mark.parametrize(("name", "sql"), blocks("sql"))
def test_queries_answer(name: str, sql: str, inventory: Path) -> None:
    """Every query of a page runs, and finds the rows that it is there to find."""
    del name
    with closing(sqlite3.connect(f"{inventory.as_uri()}?mode=ro", uri=True)) as connection:
        assert connection.execute(sql).fetchall() != [], sql


def test_queries_run_on_postgresql(postgres_url: str) -> None:
    """PostgreSQL takes every query, too."""
    import psycopg  # noqa: PLC0415 - only where PostgreSQL is tested

    upgraded = macie_inventory("db", "upgrade", "--database", postgres_url)
    assert upgraded.returncode == 0, upgraded.stderr
    with psycopg.connect(postgres_url) as connection:
        for _, sql in blocks("sql"):
            connection.execute(sql.encode())


def test_troubleshooting_has_a_section_for_each_outcome() -> None:
    """One section per outcome, in the order of the contract, each with meaning, way to the cause and next step."""
    text = PAGES["troubleshooting"]
    assert re.findall(r"^## `(\w+)`$", text, re.MULTILINE) == [outcome.value for outcome in Outcome]
    for outcome, section in zip(Outcome, re.split(r"^## ", text, flags=re.MULTILINE)[1:], strict=False):
        assert "**Means**:" in section
        assert "```sql" in section
        assert ("Covered." in section) is outcome.covered
        if outcome is not Outcome.COLLECTED:
            assert f"'{outcome.value}'" in section
            assert "**Do**" in section


def test_troubleshooting_begins_as_the_messages_do() -> None:
    """The beginnings of messages in the last table are those in the source."""
    source = "".join(path.read_text() for path in (ROOT / "src" / "macie_inventory").rglob("*.py"))
    for message in ("no AWS credentials found", "cannot read the organization", "macie-inventory db upgrade"):
        assert message in PAGES["troubleshooting"]
        assert message in source


def test_an_upgrade_goes_as_the_page_says(tmp_path: Path) -> None:
    """The commands for the database run, and the copy is where the page looks for it."""
    shown = [words for name, words in commands() if name == "upgrading" and words[0] == "db"]
    assert macie_inventory("db", "upgrade", cwd=tmp_path).returncode == 0
    with closing(sqlite3.connect(tmp_path / "macie-inventory.db")) as connection:
        connection.execute("CREATE TABLE mine (x)")
    for words in shown:
        result = macie_inventory(*words, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
    restore = next(code for _, code in blocks("sh") if code.startswith("rm -f macie-inventory.db"))
    assert "macie-inventory.db.*.bak" in restore
    shutil.copy(tmp_path / "macie-inventory.db", tmp_path / "macie-inventory.db.0001-20260101T000000Z.bak")
    (tmp_path / "macie-inventory.db").unlink()
    from tests.operator.programs import run  # noqa: PLC0415 - beside its use

    assert run("/bin/sh", "-e", "-c", restore, cwd=tmp_path).returncode == 0
    with closing(sqlite3.connect(tmp_path / "macie-inventory.db")) as connection:
        assert connection.execute("SELECT count(*) FROM mine").fetchone() == (0,)


def test_tracing_names_what_is_recorded() -> None:
    """docs/how-to/tracing.md names every span, attribute and metric that is recorded, and no other metric."""
    recorded, text = Recorded(), PAGES["tracing"]
    telemetry, target = recorded.telemetry(), Target("111122223333", "eu-west-1")
    with telemetry.run():
        telemetry.planned("the-run", [target])
        with telemetry.target(target) as note:
            with telemetry.call("macie2.ListClassificationJobs"):
                pass
            note(Harvest(target=target, outcome=Outcome.COLLECTED))
        telemetry.ended(RunStatus.COMPLETE)
    for span in recorded.spans():
        assert f"\n| `{span.name}`" in text
        for attribute in span.attributes or {}:
            short = attribute.removeprefix("macie_inventory")
            assert f"`{attribute}`" in text or f"`{short}`" in text, attribute
    documented = set(re.findall(r"^\| `(macie_inventory\.[\w.]+)` \| (?:counter|histogram)", text, re.MULTILINE))
    assert documented == recorded.metric_names()
