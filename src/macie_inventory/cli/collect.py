"""`collect`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from macie_inventory.cli.options import (
    Command,
    format_option,
    global_options,
    limit_options,
    listing_options,
    scope_option_names,
    scope_options,
    settings_of,
)
from macie_inventory.errors import UsageError

__all__ = ["collect"]


@click.command(cls=Command)
@scope_options
@listing_options
@limit_options
@click.option(
    "--resume",
    is_flag=False,
    flag_value="last",
    metavar="[RUN_ID]",
    help="Go on with what a run did not cover, with that run's scope; default the last run.",
)
@click.option("--progress", type=click.Choice(["auto", "always", "never"]), help="Default auto: in a terminal only.")
@click.option("--metrics-file", type=click.Path(path_type=Path), metavar="FILE", help="Write Prometheus metrics here.")
@format_option
@global_options
@click.pass_context
def collect(ctx: click.RichContext, /, resume: str | None, **given: Any) -> int:
    """Collect every classification job of every account and region into the database.

    Exit code 0: every target is covered. 3: there are gaps, and they are listed.

    \b
    macie-inventory collect
    macie-inventory collect --account-name 'prod-*' --region eu-west-1 eu-central-1
    macie-inventory collect --include "jobStatus EQ RUNNING,PAUSED" --format json
    macie-inventory collect --resume
    """
    if resume and (options := scope_option_names(given)):
        raise UsageError(f"--resume goes on with the scope of its run: drop {', '.join(options)}")
    settings = settings_of(ctx, given)
    from macie_inventory.cli.running import run_and_report  # noqa: PLC0415 - the AWS SDK takes a second

    return run_and_report(settings, resume=resume)
