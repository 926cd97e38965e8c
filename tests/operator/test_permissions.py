"""The table of operations is what the program calls: no permission is missing, none is asked for in vain."""

from __future__ import annotations

import io
import tokenize
from typing import TYPE_CHECKING

import botocore.session
import pytest
from botocore import xform_name
from tests.operator.programs import ROOT, macie_inventory

from macie_inventory.iam.actions import OPERATIONS, Caller
from macie_inventory.simulator import generate_world, running

if TYPE_CHECKING:
    from pathlib import Path

TABLE = {operation.action for operation in OPERATIONS}
WITHOUT_UNITS = {"MACIE_INVENTORY_ORGANIZATIONAL_UNITS": "false"}
"""Only the command that asks for units walks the tree, which AWS lets one do slowly."""

DOCUMENTATION = (ROOT / "docs" / "how-to" / "permissions.md").read_text()


def test_every_command_calls_what_the_table_says(tmp_path: Path) -> None:
    """A simulated AWS receives exactly the operations of the table, the members' signed by the members."""
    world = generate_world(accounts=5, regions=2, jobs=2, seed=3)
    database = f"sqlite:///{tmp_path / 'inventory.db'}"
    with running(world, record_signers=True) as simulator:
        for arguments in (
            ("collect", "--database", database),
            ("collect", "--database", database, "--account-tag", "team=none"),
            ("plan", "--exclude-ou", "/Root/Nowhere"),
            ("doctor", "--database", database, "--all"),
        ):
            env = simulator.environment() | WITHOUT_UNITS
            macie_inventory(*arguments, "--region", *world.regions, env=env, cwd=tmp_path)
        received = {f"{key.service}:{key.operation}" for key in simulator.calls.received}
        foreign = {
            f"{signature.call.service}:{signature.call.operation}"
            for signature in simulator.calls.signers
            if signature.account_id != world.caller_account_id
        }
    assert received == TABLE
    assert foreign - {"sts:GetCallerIdentity"} == {item.action for item in OPERATIONS if item.caller is Caller.MEMBER}


def _words(source: str) -> set[str]:
    """Give the names and texts of a module, without its comments and longer strings."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.string.strip("\"'") for token in tokens if token.type in {tokenize.NAME, tokenize.STRING}}


def test_the_source_names_no_other_operation() -> None:
    """No module of aws/, pipeline/ or cli/ names an operation of these services that the table lacks."""
    session = botocore.session.Session()
    operations = {
        name: f"{service}:{operation}"
        for service in ("macie2", "sts", "organizations", "account", "ec2")
        for operation in session.get_service_model(service).operation_names
        for name in (operation, xform_name(operation))
    }
    folders = [ROOT / "src/macie_inventory" / part for part in ("aws", "pipeline", "cli")]
    # limits.py holds the quotas of operations, whether they are called or not.
    modules = [path for folder in folders for path in folder.glob("*.py") if path.name != "limits.py"]
    named = {operations[word] for path in modules for word in _words(path.read_text()) & operations.keys()}
    assert named == TABLE


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.action)
def test_the_page_lists_the_operation(operation: object) -> None:
    """docs/how-to/permissions.md has one row for each operation, as the table has it."""
    item = next(candidate for candidate in OPERATIONS if candidate is operation)
    assert f"| `{item.action}` | {item.caller} | {item.feature} | {item.purpose} |\n" in DOCUMENTATION


def test_the_page_lists_no_other_operation() -> None:
    """The page has as many rows as the table."""
    rows = [line for line in DOCUMENTATION.splitlines() if line.startswith("| `") and ":" in line.split("|")[1]]
    assert len(rows) == len(OPERATIONS)
