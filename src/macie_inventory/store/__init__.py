"""The database: SQLite by default, PostgreSQL where several share it."""

from macie_inventory.store.catalogue import View, views
from macie_inventory.store.engine import DatabaseUrl, parse_database_url
from macie_inventory.store.exports import EXPORTABLE, Exported, csv_line, export
from macie_inventory.store.history import Pruned, changes_since, prune
from macie_inventory.store.owner import Owner, this_process
from macie_inventory.store.query import Rows, moment_of, open_query
from macie_inventory.store.reader import Gap, RunSummary
from macie_inventory.store.store import Store, open_store, require_free

__all__ = [
    "EXPORTABLE",
    "DatabaseUrl",
    "Exported",
    "Gap",
    "Owner",
    "Pruned",
    "Rows",
    "RunSummary",
    "Store",
    "View",
    "changes_since",
    "csv_line",
    "export",
    "moment_of",
    "open_query",
    "open_store",
    "parse_database_url",
    "prune",
    "require_free",
    "this_process",
    "views",
]
