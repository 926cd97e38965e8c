"""Read the lists of accounts that people already have.

- c7n-org's `accounts.yml`: https://cloudcustodian.io/docs/tools/c7n-org.html
- the JSON of `aws organizations list-accounts`, or a JSON list of ids
- CSV with an `AccountId` column
- one id per line, `#` begins a comment
"""

from __future__ import annotations

import csv
import json
import re
from itertools import dropwhile
from typing import TYPE_CHECKING, Any

import yaml

from macie_inventory.errors import ConfigurationError
from macie_inventory.model import Account

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["read_accounts"]

_ACCOUNT_ID = re.compile(r"\d{12}", re.ASCII)
_ID_KEYS = ("accountid", "id", "account")


def read_accounts(path: Path) -> list[Account]:
    """Give the accounts that a file names, each once; raises ConfigurationError naming the file and what is wrong."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"cannot read the accounts file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"the accounts file {path} is not UTF-8 text; save it as UTF-8") from error
    accounts: dict[str, Account] = {}
    for entry in _entries(text, path):
        account = _account(entry, path)
        accounts.setdefault(account.account_id, account)
    if not accounts:
        raise ConfigurationError(f"the accounts file {path} names no account")
    return list(accounts.values())


def _entries(text: str, path: Path) -> Iterable[Mapping[str, Any]]:
    """Tell the formats apart by what they look like, whatever the file is called."""
    stripped = text.lstrip()
    lines = [line.split("#", 1)[0].strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    if stripped.startswith(("{", "[")):
        return _from_json(text, path)
    if any(re.match(r"accounts\s*:", line) for line in lines):
        return _from_yaml(text, path)
    if lines and any(_folded(name) in _ID_KEYS for name in re.split(r"[,;\t]", lines[0])):
        dialect = csv.excel_tab if "\t" in lines[0] else csv.excel
        delimiter = ";" if ";" in lines[0] and "," not in lines[0] else dialect.delimiter
        return _from_csv(text, path, delimiter)
    return [{"id": line} for line in lines]


def _from_csv(text: str, path: Path, delimiter: str) -> Iterable[Mapping[str, Any]]:
    lines = text.splitlines(keepends=True)
    table = dropwhile(lambda line: not line.split("#", 1)[0].strip(), lines)
    try:
        return list(csv.DictReader(table, delimiter=delimiter))
    except csv.Error as error:
        raise ConfigurationError(f"the accounts file {path} is not valid CSV: {error}") from error


def _from_json(text: str, path: Path) -> Iterable[Mapping[str, Any]]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"the accounts file {path} is not valid JSON: {error}") from error
    return _listed(content.get("Accounts", content.get("accounts")) if isinstance(content, dict) else content, path)


def _from_yaml(text: str, path: Path) -> Iterable[Mapping[str, Any]]:
    try:
        # Everything stays text: as a number, an id would lose its leading zeros or be read as octal.
        content = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - BaseLoader makes texts, lists and mappings only
    except (yaml.YAMLError, RecursionError) as error:
        problem = " ".join(str(error).split())
        raise ConfigurationError(f"the accounts file {path} is not valid YAML: {problem}") from error
    return _listed(content.get("accounts") if isinstance(content, dict) else None, path)


def _listed(entries: Any, path: Path) -> Iterable[Mapping[str, Any]]:  # noqa: ANN401 - whatever the file says
    if not isinstance(entries, list):
        raise ConfigurationError(f"the accounts file {path} has no list of accounts")
    return [entry if isinstance(entry, dict) else {"id": entry} for entry in entries]


def _folded(name: object) -> str:
    return re.sub(r"[^a-z]", "", str(name).casefold())


def _account(entry: Mapping[str, Any], path: Path) -> Account:
    values = {_folded(key): value for key, value in entry.items() if key is not None}
    found = next((values[key] for key in _ID_KEYS if values.get(key) not in (None, "")), None)
    # JSON tools that take an id for a number drop its leading zeros.
    account_id = f"{found:012d}" if type(found) is int else str(found).strip()
    if found is None or not _ACCOUNT_ID.fullmatch(account_id):
        named = "an entry without an account id" if found is None else f"{account_id!r} is no account id"
        raise ConfigurationError(f"the accounts file {path}: {named}: 12 digits are needed")
    state = values.get("state") or values.get("status")
    return Account(
        account_id=account_id,
        name=_optional(values.get("name") or values.get("accountname")),
        email=_optional(values.get("email")),
        state=str(state).strip().upper() if state else None,
        arn=_optional(values.get("arn")),
    )


def _optional(value: object) -> str | None:
    return str(value).strip() or None if value is not None else None
