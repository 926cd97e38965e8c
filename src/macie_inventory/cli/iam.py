"""`iam`: the least permissions that the program needs, as policies and templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from macie_inventory.cli.options import Command, global_options, settings_of
from macie_inventory.errors import UsageError

__all__ = ["DOCUMENTS", "iam"]

DOCUMENTS = {
    "member-policy": ("member-policy.json", "what the member role may do in each account"),
    "trust-policy": ("trust-policy.json", "who may assume the member role"),
    "collector-policy": ("collector-policy.json", "what the principal that runs the program may do"),
    "delegation-policy": (
        "delegation-policy.json",
        "the organization's resource policy that lets the collector read it",
    ),
    "cloudformation-member": ("cloudformation-member.yaml", "the member role; on its own for the management account"),
    "cloudformation-collector": ("cloudformation-collector.yaml", "policy and role of the collector's account"),
    "stackset": ("stackset.yaml", "a service-managed StackSet of the member role"),
    "terraform": ("macie-inventory.tf", "all of it as a Terraform module"),
}
"""Each document, the file that `--output` writes it to, and what it is."""

HELP = """\
Print least-privilege policies and templates, filled in from the options and the configuration.

Without DOCUMENT it says which there are; with --output it writes all of them, or the one that is named.

\b
macie-inventory iam member-policy
macie-inventory iam trust-policy --collector-account 111122223333 --organization-id o-a1b2c3d4e5
macie-inventory iam stackset --collector-account 111122223333 > stackset.yaml
macie-inventory iam --output permissions --collector-account 111122223333
"""


@click.command(cls=Command, help=HELP)
@click.argument("document", required=False, metavar="[DOCUMENT]", type=click.Choice(list(DOCUMENTS)))
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Write files, not stdout."
)
@click.option("--role-name", metavar="NAME", help="The role assumed in each account; default MacieInventoryReader.")
@click.option("--external-id", metavar="ID", help="The external id that the trust policy asks for.")
@click.option("--session-duration", metavar="SECONDS", help="The longest session the role admits; at least 3600.")
@click.option("--collector-account", metavar="ID", help="The account that runs the program.")
@click.option(
    "--collector-principal", metavar="ARN", help="The role or user that runs it; * may stand for parts of it."
)
@click.option("--organization-id", metavar="ID", help="Keep both sides of AssumeRole within this organization (o-…).")
@click.option("--partition", metavar="NAME", default="aws", help="Default aws.")
@click.option(
    "--discovery",
    type=click.Choice(["organization", "accounts", "caller"]),
    help="With accounts or caller nothing of Organizations is allowed.",
)
@click.option(
    "--account-tags", is_flag=True, help="Allow reading tags of accounts, which --account-tag of collect needs."
)
@global_options
@click.pass_context
def iam(ctx: click.Context, /, document: str | None, output: Path | None, **given: Any) -> None:
    """Print or write the documents."""
    if document is None and output is None:
        width = max(map(len, DOCUMENTS))
        lines = [f"{name:<{width}}  {what}" for name, (_, what) in DOCUMENTS.items()]
        click.echo(
            "\n".join([*lines, "", "Print one with `macie-inventory iam DOCUMENT`, or write all with --output DIR."])
        )
        return
    settings = settings_of(ctx, given)
    from macie_inventory.iam.render import render  # noqa: PLC0415 - only when something is rendered
    from macie_inventory.iam.request import Request  # noqa: PLC0415 - only when something is rendered

    request = Request(
        role_name=settings.role_name,
        external_id=settings.external_id.get_secret_value() if settings.external_id else None,
        collector_account=given["collector_account"],
        collector_principal=given["collector_principal"],
        organization_id=given["organization_id"],
        partition=given["partition"],
        session_duration=settings.session_duration,
        organization=settings.discovery in (None, "organization"),
        account_tags=given["account_tags"],
    )
    if output is None and document is not None:
        click.echo(render(document, request), nl=False)
    elif output is not None:
        names = (
            [document]
            if document
            else [name for name in DOCUMENTS if name != "delegation-policy" or request.organization]
        )
        _write(output, {DOCUMENTS[name][0]: render(name, request) for name in names})


def _write(folder: Path, texts: dict[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
            click.echo(folder / name)
    except OSError as error:
        raise UsageError(
            f"cannot write to --output {folder}: {error.strerror}; name a folder that you may write"
        ) from error
