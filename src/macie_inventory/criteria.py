"""The request's side of ListClassificationJobs: filters, sorting and page size, checked before any call; pure.

Source: https://docs.aws.amazon.com/macie/latest/APIReference/jobs-list.html
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from macie_inventory.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["COMPARATORS", "KEYS", "ListingRequest", "listing_request", "parse_criterion", "parse_sort"]

KEYS = ("jobType", "jobStatus", "createdAt", "name")
COMPARATORS = ("EQ", "GT", "GTE", "LT", "LTE", "NE", "CONTAINS", "STARTS_WITH")
ORDERS = ("ASC", "DESC")
_CRITERION_EXAMPLE = 'write KEY COMPARATOR VALUE[,VALUE…], such as "jobStatus EQ RUNNING,PAUSED"'


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingRequest:
    """What every listing of a run asks for, apart from the page's token."""

    sort: Mapping[str, str]
    page_size: int
    filter_criteria: Mapping[str, Any] | None = None
    parameters: Mapping[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        parameters: dict[str, Any] = {"maxResults": self.page_size, "sortCriteria": dict(self.sort)}
        if self.filter_criteria:
            parameters["filterCriteria"] = dict(self.filter_criteria)
        object.__setattr__(self, "parameters", parameters)

    @property
    def filtered(self) -> bool:
        """Whether the listing may leave jobs out, so that a job's absence means nothing."""
        return bool(self.filter_criteria)


def listing_request(include: Iterable[str], exclude: Iterable[str], sort: str, page_size: int) -> ListingRequest:
    """Build the request from the options' texts; raises UsageError naming the text that is wrong."""
    blocks = {
        "includes": [parse_criterion(text, option="--include") for text in include],
        "excludes": [parse_criterion(text, option="--exclude") for text in exclude],
    }
    criteria = {name: conditions for name, conditions in blocks.items() if conditions}
    return ListingRequest(sort=parse_sort(sort), page_size=page_size, filter_criteria=criteria or None)


def parse_criterion(text: str, *, option: str = "--include") -> dict[str, Any]:
    """Read `KEY COMPARATOR VALUE[,VALUE…]`; a value with a comma is written in double quotes.

    Keys and comparators are accepted in any case and given in AWS's spelling.
    """
    words = text.split(maxsplit=2)
    if len(words) != 3:  # noqa: PLR2004 - key, comparator, values
        raise UsageError(f"{option} {text!r} is no filter: {_CRITERION_EXAMPLE}")
    key = _one_of(words[0], KEYS, f"{option} {text!r}: unknown key")
    comparator = _one_of(words[1], COMPARATORS, f"{option} {text!r}: unknown comparator")
    try:
        values = [value.strip() for value in next(csv.reader([words[2]], skipinitialspace=True), [])]
    except csv.Error as error:
        raise UsageError(f"{option} {text!r} has values that cannot be read: {_CRITERION_EXAMPLE}") from error
    if not values or not all(values):
        raise UsageError(f"{option} {text!r} has an empty value: {_CRITERION_EXAMPLE}")
    return {"key": key, "comparator": comparator, "values": values}


def parse_sort(text: str) -> dict[str, str]:
    """Read `ATTRIBUTE [ASC|DESC]` into `sortCriteria`."""
    words = text.split()
    if len(words) not in (1, 2):
        raise UsageError(f'--sort {text!r} is no order: write ATTRIBUTE ASC or ATTRIBUTE DESC, such as "createdAt ASC"')
    attribute = _one_of(words[0], KEYS, f"--sort {text!r}: unknown attribute")
    order = _one_of(words[1] if len(words) > 1 else "ASC", ORDERS, f"--sort {text!r}: unknown order")
    return {"attributeName": attribute, "orderBy": order}


def _one_of(word: str, choices: tuple[str, ...], problem: str) -> str:
    by_folded = {choice.casefold(): choice for choice in choices}
    if choice := by_folded.get(word.casefold()):
        return choice
    close = get_close_matches(word.casefold(), by_folded, n=1)
    hint = f"did you mean {by_folded[close[0]]}?" if close else f"choose from {', '.join(choices)}"
    raise UsageError(f"{problem} {word!r}; {hint}")
