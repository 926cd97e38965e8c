"""A user's SQL statement made ready for a driver: one statement, that reads, with its parameters; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from macie_inventory.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Statement", "check_parameters", "prepare", "sqlite_value", "with_query"]

_TOKEN = re.compile(
    r"""
      (?P<comment> --[^\n]* | /\*.*?\*/ )
    | (?P<quoted> [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<cast> :: )
    | (?<![\w\])])(?P<parameter> :[A-Za-z_]\w* )
    | (?P<end> ; )
    | (?P<word> [A-Za-z_]\w* )
    | (?P<space> \s+ )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_READING = frozenset({"select", "with", "values", "table", "explain", "show"})
_CANONICAL = re.compile(r"-?(0|[1-9]\d{0,17})(\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """SQL in the driver's own marks, the names of its parameters, its first word and every word it uses."""

    sql: str
    parameters: tuple[str, ...]
    first_word: str
    words: frozenset[str] = field(repr=False)


def prepare(sql: str, dialect: str) -> Statement:
    """Read one statement: `:name` marks a parameter, outside of quotes and comments.

    Raises UsageError for none, for several, and for one that begins like no query. (What begins like a query and yet
    writes is refused by the read-only connection.)
    """
    parts, names, words = [], [], []
    for kind, text in _tokens(sql):
        shown = text
        if kind == "parameter":
            names.append(text[1:])
            shown = f"%({text[1:]})s" if dialect == "postgresql" else text
        elif dialect == "postgresql":
            shown = text.replace("%", "%%")
        if kind == "word":
            words.append(text.lower())
        parts.append(shown)
    if not words:
        raise UsageError("the query is empty: write a SELECT")
    if words[0] not in _READING:
        raise UsageError(f"only reading is possible here, and {words[0].upper()} is no query: write a SELECT")
    unique = tuple(dict.fromkeys(names))
    return Statement(sql="".join(parts).strip(), parameters=unique, first_word=words[0], words=frozenset(words))


def _tokens(sql: str) -> Iterator[tuple[str, str]]:
    ended = False
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup or "other"
        if kind == "tag":
            kind = "quoted"
        if kind == "end":
            ended = True
        elif ended and kind not in ("space", "comment"):
            raise UsageError("there is more than one statement: ask one question at a time")
        else:
            # A comment may hold anything, a percent sign of psycopg's included: it is not needed.
            yield (kind, " ") if kind == "comment" else (kind, match.group())


def check_parameters(statement: Statement, given: Mapping[str, str]) -> None:
    """Raise UsageError for a parameter without a value, and for a value without a parameter."""
    for name in statement.parameters:
        if name not in given:
            raise UsageError(f"the parameter :{name} has no value: add --param {name}=…")
    for name in given:
        if name not in statement.parameters:
            raise UsageError(f"the query has no parameter :{name}: write it, or leave --param {name}=… out")


def sqlite_value(text: str) -> str | int | float:
    """Give a parameter's text as the number that it writes, since SQLite compares a number with no text.

    Only what writes the number in its one usual way is one: an account id with leading zeros stays text.
    """
    match = _CANONICAL.fullmatch(text)
    if not match:
        return text
    number = float(text) if match[2] else int(text)
    return number if str(number) == text else text


def with_query(sql: str, name: str, definition: str) -> str:
    """Let a prepared query see `definition` as a table called `name`."""
    begin = re.match(r"\s*with\s+(recursive\s+)?", sql, re.IGNORECASE)
    if begin is None:
        return f"WITH {name} AS ({definition}) {sql}"
    recursive = "RECURSIVE " if begin[1] else ""
    return f"WITH {recursive}{name} AS ({definition}), {sql[begin.end() :]}"
