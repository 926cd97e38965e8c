"""From a page as received to values that SQL can hold; pure.

`read_page` splits the body of a ListClassificationJobs response into jobs without taking them apart; `take_apart` does
that for the jobs that are new or changed. Nothing that AWS may send makes them fail: unknown enum values and fields are
kept, a value of an unexpected type becomes its JSON text, and what a database cannot hold (NUL, a lone surrogate)
becomes U+FFFD.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from macie_inventory.normalise import anything, documented
from macie_inventory.normalise.page import NotAListingError, read_page
from macie_inventory.normalise.rows import JOB_COLUMNS, Row, Rows
from macie_inventory.normalise.values import integer, storable_json, storable_text

if TYPE_CHECKING:
    from macie_inventory.model import Job, Target

__all__ = [
    "JOB_COLUMNS",
    "NotAListingError",
    "Row",
    "Rows",
    "integer",
    "read_page",
    "storable_json",
    "storable_text",
    "take_apart",
]


def take_apart(target: Target, partition: str, job: Job) -> Rows:
    """Give one job's rows, in the way that its fields allow; both ways give the same rows."""
    rows = documented.take_apart(target, partition, job)
    return anything.take_apart(target, partition, job) if rows is None else rows
