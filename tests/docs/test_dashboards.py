"""The queries of config/datasette and config/grafana, each run against a real database."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.store.material import ACCOUNT, ELSEWHERE, HERE, collect, harvest, item

from macie_inventory.model import Account, Outcome
from macie_inventory.store import open_query, parse_database_url
from macie_inventory.store.catalogue import VIEW_NAMES
from macie_inventory.store.schema import VERSION_TABLE, metadata

pytestmark = pytest.mark.anyio

CONFIG = Path(__file__).parents[2] / "config"
DATASETTE = yaml.safe_load((CONFIG / "datasette" / "metadata.yaml").read_text(encoding="utf-8"))["databases"][
    "macie-inventory"
]
DASHBOARD = json.loads((CONFIG / "grafana" / "macie-inventory.json").read_text(encoding="utf-8"))


async def _fill(url: str) -> None:
    paused = {"jobStatus": "USER_PAUSED", "userPausedDetails": {"jobExpiresAt": "2026-11-10T00:00:00Z"}}
    failed = {"lastRunErrorStatus": {"code": "ERROR"}}
    denied = harvest(ELSEWHERE, outcome=Outcome.ACCESS_DENIED, error_code="AccessDeniedException")
    accounts = [Account(account_id=ACCOUNT, name="Prod"), Account(account_id=ELSEWHERE.account_id, name="It's else")]
    await collect(url, 1, harvest(HERE, item("a", **failed), item("p", **paused)), denied, accounts=accounts)


def test_datasette_describes_every_table_and_view() -> None:
    """Each table and each view has a title, and there is no other."""
    assert set(DATASETTE["tables"]) == {*metadata.tables, *VIEW_NAMES, VERSION_TABLE}
    assert all(table["title"] for table in DATASETTE["tables"].values())


@pytest.mark.parametrize("name", list(DATASETTE["queries"]))
async def test_datasettes_queries_answer(sqlite_url: str, name: str) -> None:
    """Each canned query runs as Datasette runs it, its parameters as texts, and finds something."""
    await _fill(sqlite_url)
    given = {"days": "", "day": "2027-01-01", "bucket": "invoices", "job_id": "a"}
    query = DATASETTE["queries"][name]
    wanted = re.findall(r"(?<!\w):(\w+)", re.sub(r"'[^']*'", "", query["sql"]))
    path = parse_database_url(sqlite_url).path
    assert path is not None
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    rows = connection.execute(query["sql"], {parameter: given[parameter] for parameter in wanted}).fetchall()
    connection.close()
    assert query["title"].endswith("?")
    assert len(rows) >= 1 or name == "changed_since_yesterday"


def test_datasettes_sorting_names_columns() -> None:
    """A table is sorted by a column that it has."""
    for name, table in DATASETTE["tables"].items():
        for key in ("sort", "sort_desc", "label_column"):
            if key in table:
                assert table[key] in metadata.tables[name].c


def _grafana_queries() -> list[tuple[str, str]]:
    variables = [(v["name"], v["query"]) for v in DASHBOARD["templating"]["list"] if v["type"] == "query"]
    panels = [(panel["title"], target["rawSql"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return variables + panels


def _as_grafana(sql: str) -> str:
    """Put in what Grafana's PostgreSQL data source puts in for its macros and variables."""
    sql = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 BETWEEN '2026-10-01T00:00:00Z' AND '2026-12-01T00:00:00Z'", sql)
    group = r"floor(extract(epoch from \1)/3600)*3600 AS \"time\"".replace('\\"', '"')
    sql = re.sub(r"\$__timeGroupAlias\((\w+), \$__interval\)", group, sql)
    return sql.replace("${account:sqlstring}", f"'{ACCOUNT}','{ELSEWHERE.account_id}'")


@pytest.mark.parametrize("place", range(len(_grafana_queries())), ids=[title for title, _ in _grafana_queries()])
async def test_grafanas_queries_answer(postgres_url: str, place: int) -> None:
    """Each query of the dashboard runs on PostgreSQL with Grafana's macros put in, and finds something."""
    await _fill(postgres_url)
    _, sql = _grafana_queries()[place]
    ready = _as_grafana(sql)
    assert "$" not in ready
    async with open_query(parse_database_url(postgres_url), ready) as found:
        rows: list[Any] = [row for batch in [batch async for batch in found.batches] for row in batch]
    assert rows
    assert any(value is not None for value in rows[0])


def test_the_dashboard_is_laid_out() -> None:
    """Panels have their own ids, stand inside the 24 columns, do not overlap, and use the chosen data source."""
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        mine = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & mine
        cells |= mine
        assert panel["datasource"]["uid"] == "${datasource}"
