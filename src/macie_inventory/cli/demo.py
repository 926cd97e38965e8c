"""`demo` and `simulate`: the built-in AWS."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import rich_click as click

from macie_inventory.cli.options import Command, global_options, settings_of
from macie_inventory.errors import UsageError
from macie_inventory.model import parse_timestamp

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["demo", "simulate"]

QUERIES = {
    "Which jobs failed in their last run?": (
        "SELECT account_name, region, name, job_status FROM failing_jobs ORDER BY account_name, region, name LIMIT 5"
    ),
    "Which paused jobs expire soon?": (
        "SELECT account_name, region, name, round(days_left, 1) AS days_left FROM expiring_jobs "
        "WHERE days_left > 0 ORDER BY days_left LIMIT 5"
    ),
    "What have we not seen, and why?": (
        "SELECT account_id, region, outcome, error_code FROM coverage_gaps ORDER BY account_id, region LIMIT 8"
    ),
}


@click.command(cls=Command)
@global_options
@click.pass_context
def demo(ctx: click.RichContext, /, **given: Any) -> None:
    """Collect a simulated organization of 40 accounts into an SQLite file, and query it.

    No AWS account is needed and no network is used. The organization has gaps, as real ones have.
    """
    given["database"] = (
        given.get("database") or ctx.find_root().params.get("database") or "sqlite:///macie-inventory-demo.db"
    )
    settings = settings_of(ctx, given)
    from macie_inventory.cli.running import run_and_report  # noqa: PLC0415 - the AWS SDK takes a second
    from macie_inventory.cli.tables import print_table  # noqa: PLC0415 - with its users
    from macie_inventory.settings import Settings  # noqa: PLC0415 - pydantic is slow to import
    from macie_inventory.simulator import demo_world, running  # noqa: PLC0415 - only here
    from macie_inventory.store import parse_database_url  # noqa: PLC0415 - SQLAlchemy is slow to import

    path = parse_database_url(settings.database).path
    if path is None:
        raise UsageError("the demonstration writes an SQLite file: name one with --database sqlite:///FILE")
    world, faults = demo_world(now=_first_seen(path))
    _forget_aws_environment()
    with running(world, faults=faults) as simulator:
        os.environ.update(simulator.environment())
        click.echo(f"simulated AWS: {len(world.accounts)} accounts x {len(world.regions)} regions at {simulator.url}")
        # The user's own scope, role and limits are for the user's own organization.
        shown = {name: getattr(settings, name) for name in ("database", "log_level", "log_format", "debug", "progress")}
        run_and_report(Settings.model_construct(**shown, region=tuple(world.regions)))
    for question, sql in QUERIES.items():
        click.echo(f"\n{question}\n  {sql}")
        print_table(*_rows_of(path, sql))
    click.echo(f"\nThe inventory stands in {settings.database}.")


def _rows_of(path: Path, sql: str) -> tuple[list[str], list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        cursor = connection.execute(sql)
        return [column[0] for column in cursor.description], cursor.fetchall()


def _forget_aws_environment() -> None:
    """Keep the demonstration away from the user's own profiles, proxies and endpoints."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["NO_PROXY"] = "127.0.0.1"


def _first_seen(path: Path) -> datetime:
    """Give the moment at which the organization stands still: a second demonstration finds what the first one left."""
    moment = datetime.now(UTC)
    if path.exists():
        with suppress(sqlite3.Error):
            _, [(started_at,)] = _rows_of(path, "SELECT min(started_at) FROM runs")
            moment = parse_timestamp(str(started_at)) if started_at else moment
    return moment.replace(minute=0, second=0, microsecond=0)


@click.command(cls=Command)
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Default: any free one.")
@click.option(
    "--accounts", type=click.IntRange(1, 50_000), default=40, show_default=True, metavar="N", help="Accounts."
)
@click.option("--regions", type=click.IntRange(1, 22), default=5, show_default=True, metavar="N", help="Regions.")
@click.option(
    "--jobs",
    type=click.IntRange(0, 100_000),
    default=None,
    metavar="N",
    help="Jobs per account and region; default 0 to 9.",
)
@click.option(
    "--seed", type=int, default=7, show_default=True, metavar="N", help="The same seed, the same organization."
)
@click.option(
    "--changes",
    type=click.IntRange(0, 1_000_000),
    default=0,
    metavar="N",
    help="So many things have happened to its jobs, as between two runs; the same number, the same things.",
)
@click.option(
    "--faults", default="", metavar="SPEC", help="What goes wrong, such as throttle=0.1,role-missing=3,macie-off=5%."
)
@global_options
def simulate(
    port: int, accounts: int, regions: int, jobs: int | None, seed: int, changes: int, faults: str, **_: Any
) -> None:
    """Serve the simulated AWS on a loopback port until interrupted.

    \b
    macie-inventory simulate --accounts 300 --faults throttle=0.1,role-missing=3
    eval "$(macie-inventory simulate … | head -6)"   # in another shell: export lines
    """
    import time  # noqa: PLC0415 - with its users

    from macie_inventory.simulator import parse_faults, running, world_with_macie_in  # noqa: PLC0415 - only here

    try:
        plan = parse_faults(faults)
    except ValueError as error:
        raise UsageError(f"--faults {faults!r}: {error}") from error
    world = world_with_macie_in(
        regions,
        accounts=accounts,
        jobs=(0, 9) if jobs is None else jobs,
        seed=seed,
        now=datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0),
    )
    world.mutate.evolve(seed=seed, changes=changes)
    try:
        with running(world, faults=plan, port=port) as simulator:
            for name, value in simulator.environment().items():
                click.echo(f"export {name}={value}")
            click.echo("# in the other shell, if they are set there: unset AWS_PROFILE AWS_SESSION_TOKEN", err=True)
            click.echo(f"# {accounts} accounts, Macie in {regions} regions; end with Ctrl-C", err=True)
            while True:
                time.sleep(3600)
    except OSError as error:
        raise UsageError(f"--port {port}: {error.strerror or error}; name another one") from error
