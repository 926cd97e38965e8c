"""`plan`: what collect would visit, without visiting it."""

from __future__ import annotations

import json
from typing import Any

import rich_click as click

from macie_inventory.cli.options import Command, format_option, global_options, scope_options, settings_of

__all__ = ["plan"]


@click.command(cls=Command)
@scope_options
@format_option
@global_options
@click.pass_context
def plan(ctx: click.RichContext, /, **given: Any) -> None:
    """Show every target that collect would visit, and every exclusion with its reason.

    Only AWS Organizations and STS GetCallerIdentity are called; no database is opened.

    \b
    macie-inventory plan
    macie-inventory plan --ou /Root/Workloads --exclude-region me-south-1
    macie-inventory plan --format json | jq '.targets | length'
    """
    settings = settings_of(ctx, given)
    import anyio  # noqa: PLC0415 - after the options are known to be right

    from macie_inventory.aws.session import open_aws  # noqa: PLC0415 - the AWS SDK takes a second
    from macie_inventory.cli.logs import configure_logs  # noqa: PLC0415 - with its users
    from macie_inventory.pipeline.prepare import check_scope, prepare  # noqa: PLC0415 - the AWS SDK takes a second
    from macie_inventory.report import plan_as_json, plan_as_text  # noqa: PLC0415 - with its users

    logger = configure_logs(settings)
    scope, limits = settings.scope(), settings.limits()
    check_scope(scope)

    async def make() -> Any:  # noqa: ANN401 - a plan
        async with open_aws(limits) as aws:
            return (await prepare(aws, scope)).plan

    made = anyio.run(make)
    for warning in made.warnings:
        logger.warning(warning)
    if settings.format == "json":
        click.echo(json.dumps(plan_as_json(made), indent=2))
    else:
        click.echo("\n".join(plan_as_text(made)))
