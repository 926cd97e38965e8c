"""The database: SQLite by default, PostgreSQL where several share it."""

from macie_inventory.store.engine import DatabaseUrl, parse_database_url
from macie_inventory.store.owner import Owner, this_process
from macie_inventory.store.reader import Gap, RunSummary
from macie_inventory.store.store import Store, open_store, require_free

__all__ = [
    "DatabaseUrl",
    "Gap",
    "Owner",
    "RunSummary",
    "Store",
    "open_store",
    "parse_database_url",
    "require_free",
    "this_process",
]
