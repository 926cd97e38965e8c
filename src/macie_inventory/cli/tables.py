"""Query results as tables for people."""

from __future__ import annotations

import sqlite3

from rich.console import Console
from rich.table import Table

__all__ = ["print_query"]
