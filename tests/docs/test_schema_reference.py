"""docs/reference/schema.md against both databases: nothing undocumented, nothing invented, every example runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.store.material import ACCOUNT, HERE, collect, harvest, item

from macie_inventory.model import Account
from macie_inventory.store import open_query, parse_database_url
from macie_inventory.store.catalogue import VIEW_NAMES
from macie_inventory.store.columns import kind_of
from macie_inventory.store.schema import metadata

pytestmark = pytest.mark.anyio

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "schema.md"


def _sections() -> dict[str, str]:
    parts = re.split(r"^## (\w+)$", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _columns(section: str) -> list[tuple[str, str, bool]]:
    """Give (column, kind, whether it is part of the key) of a section's table."""
    rows = re.findall(r"^\| (\*\*)?(\w+)(?:\*\*)? \| (\w+) \| [^|]+ \|$", section, flags=re.MULTILINE)
    return [(name, kind, bool(bold)) for bold, name, kind in rows if name != "column"]


def test_every_relation_is_documented_once() -> None:
    """The sections are the tables, the views and jobs_as_of."""
    assert list(_sections()) == [*metadata.tables, *VIEW_NAMES, "jobs_as_of"]


@pytest.mark.parametrize("relation", [*metadata.tables, *VIEW_NAMES, "jobs_as_of"])
async def test_every_column_is_documented(database_url: str, relation: str) -> None:
    """The documented columns are those of the database, in their order, and of the documented kind."""
    await collect(database_url, 1, harvest(HERE, item("a")))
    as_of = "2026-11-02" if relation == "jobs_as_of" else None
    async with open_query(parse_database_url(database_url), f"SELECT * FROM {relation}", as_of=as_of) as found:
        columns = found.columns
    documented = _columns(_sections()[relation])
    assert [name for name, _, _ in documented] == list(columns)
    assert [kind for _, kind, _ in documented] == [kind_of(name, relation) for name in columns]


@pytest.mark.parametrize("table", list(metadata.tables))
def test_keys_are_in_bold(table: str) -> None:
    """The bold columns are the natural key."""
    bold = [name for name, _, key in _columns(_sections()[table]) if key]
    assert bold == [column.name for column in metadata.tables[table].primary_key] or table == "job_buckets"


@pytest.mark.parametrize("view", VIEW_NAMES)
async def test_every_example_runs(database_url: str, view: str) -> None:
    """Each view has an example for each database, and it runs."""
    await collect(database_url, 1, harvest(HERE, item("a")), accounts=[Account(account_id=ACCOUNT)])
    url = parse_database_url(database_url)
    blocks = re.findall(r"^```sql ?(\w*)\n(.*?)^```$", _sections()[view], flags=re.MULTILINE | re.DOTALL)
    examples = [sql for dialect, sql in blocks if dialect in ("", url.dialect)]
    assert len(examples) == 1
    assert view in examples[0]
    async with open_query(url, examples[0]) as found:
        rows = [row async for batch in found.batches for row in batch]
    assert bool(rows) is (view in ("current_jobs", "latest_targets", "job_status_counts"))
