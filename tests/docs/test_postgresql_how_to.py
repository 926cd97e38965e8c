"""docs/how-to/postgresql.md: its GRANTs are enough, and not too much."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
import pytest
from tests.store.material import HERE, collect, harvest, item

from macie_inventory.errors import DatabaseError
from macie_inventory.store import migrate, open_query, parse_database_url

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "postgresql.md").read_text(encoding="utf-8")


def _block(name: str) -> str:
    blocks = re.findall(rf"^```sql {name}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    return str(blocks[0])


@pytest.fixture
def roles(postgres_url: str) -> Iterator[dict[str, str]]:
    """Make the roles of the page for this schema, and give each one's URL."""
    schema = postgres_url.rpartition("%3D")[2]
    names = {role: f"{role}_{schema}" for role in ("collector", "reader")}
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        for name in names.values():
            owner.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'word'".encode())
    yield {
        "schema": schema,
        **{
            role: re.sub("//([^/@]*@)?", f"//{quote(name)}:word@", postgres_url, count=1)
            for role, name in names.items()
        },
    }
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        for name in names.values():
            owner.execute(f"DROP OWNED BY {name}".encode())
            owner.execute(f"DROP ROLE {name}".encode())


def _grant(url: str, block: str, schema: str) -> None:
    sql = re.sub(r"\bmacie\b", schema, _block(block))
    for role in ("collector", "reader"):
        sql = re.sub(rf"\b{role}\b", f"{role}_{schema}", sql)
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(sql.encode())


@pytest.mark.parametrize("first", ["grants", "defaults"])
async def test_the_pages_grants_are_enough(postgres_url: str, roles: dict[str, str], first: str) -> None:
    """The collector collects without DDL rights, the reader reads and cannot collect, whichever way they were granted."""
    if first == "defaults":
        _grant(postgres_url, "defaults", roles["schema"])
    await migrate.upgrade(parse_database_url(postgres_url))
    if first == "defaults":
        with psycopg.connect(postgres_url, autocommit=True) as owner:
            for role in ("collector", "reader"):
                owner.execute(f"GRANT USAGE ON SCHEMA {roles['schema']} TO {role}_{roles['schema']}".encode())
    else:
        _grant(postgres_url, "grants", roles["schema"])
    await collect(roles["collector"], 1, harvest(HERE, item("a")))
    await collect(roles["collector"], 2, harvest(HERE, item("a", jobStatus="IDLE"), item("b"), day=2))
    with pytest.raises(
        DatabaseError, match=r"the role lacks a permission: see the GRANTs in docs/how-to/postgresql.md"
    ):
        await migrate.upgrade(parse_database_url(roles["collector"]))
    async with open_query(
        parse_database_url(roles["reader"]), "SELECT job_status FROM current_jobs ORDER BY 1"
    ) as found:
        assert [batch async for batch in found.batches] == [[("IDLE",), ("RUNNING",)]]
    with pytest.raises(DatabaseError, match="the role lacks a permission"):
        await collect(roles["reader"], 3, harvest(HERE))
