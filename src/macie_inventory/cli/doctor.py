"""`doctor`: whether a run could succeed from here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import rich_click as click

from macie_inventory.cli.options import Command, format_option, global_options, scope_options, settings_of
from macie_inventory.errors import MacieInventoryError

if TYPE_CHECKING:
    from pathlib import Path

    from macie_inventory.doctor import Check

__all__ = ["doctor"]

HELP = """\
Check everything that collect needs, each with its next step; nothing is written, no job is read.

In this order: configuration, credentials, AWS Organizations, the STS endpoint, the member role in a sample of accounts,
one ListClassificationJobs per region, the database, the clock.

Exit code 0: collect can begin. 1: something has to be mended first.

\b
macie-inventory doctor
macie-inventory doctor --all --role-name SecurityAudit
macie-inventory doctor --format json | jq '.checks[] | select(.status == "failed")'
"""

MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red"), "skipped": ("-", "bright_black")}


@click.command(cls=Command, help=HELP)
@click.option(
    "--all", "every_account", is_flag=True, help="Try the member role in every account, not in a sample of 5."
)
@scope_options
@format_option
@global_options
@click.pass_context
def doctor(ctx: click.RichContext, /, every_account: bool, **given: Any) -> int:
    """Check everything that collect needs; the help says more."""
    from macie_inventory.doctor import checks_as_json, examine, unusable_configuration  # noqa: PLC0415 - the SDK is slow

    as_json = (given.get("format") or "") == "json"
    try:
        settings = settings_of(ctx, given)
        as_json = settings.format == "json"
        scope = settings.scope()
    except MacieInventoryError as error:
        checks = list(unusable_configuration(str(error)))
        for check in () if as_json else checks:
            _print(check)
    else:
        import anyio  # noqa: PLC0415 - after the options are known to be right

        from macie_inventory.cli.logs import configure_logs  # noqa: PLC0415 - with its users

        configure_logs(settings)
        source = _source(ctx.find_root().params.get("config") or given.get("config"))

        async def run() -> list[Check]:
            limits, tell = settings.limits(), (_ignore if as_json else _print)
            return await examine(
                scope, limits, settings.database, source=source, every_account=every_account, tell=tell
            )

        checks = anyio.run(run, backend="asyncio")
    result = checks_as_json(checks)
    if as_json:
        click.echo(json.dumps(result, indent=2))
    else:
        click.echo("\ncollect can begin" if result["ok"] else "\nmend what is marked ✗, then run it again")
    return 0 if result["ok"] else 1


def _source(given: Path | None) -> str:
    from macie_inventory.settings import DEFAULT_FILE  # noqa: PLC0415 - pydantic is slow to import

    file = given or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)
    return f"read from {file}" if file else "no file; options, environment and defaults"


def _ignore(_: Check) -> None:
    """Print it later, with the others."""


def _print(check: Check) -> None:
    from rich.console import Console  # noqa: PLC0415 - with its users
    from rich.table import Table  # noqa: PLC0415 - with its users
    from rich.text import Text  # noqa: PLC0415 - with its users

    from macie_inventory.doctor import CHECKS  # noqa: PLC0415 - the SDK is slow
    from macie_inventory.report import printable  # noqa: PLC0415 - with its users

    console = Console(highlight=False, markup=False, emoji=False)
    mark, style = MARKS[check.status]
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(mark, style=style), Text.assemble((CHECKS[check.name], "bold"), f": {printable(check.detail)}"))
    if check.next_step and check.status != "skipped":
        grid.add_row("", Text(f"next: {check.next_step}"))
    with console.capture() as capture:
        console.print(grid)
    console.out("\n".join(line.rstrip() for line in capture.get().splitlines()), highlight=False)
