"""The options that commands share, and how their values become settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import rich_click as click

if TYPE_CHECKING:
    from collections.abc import Callable

    from macie_inventory.settings import Settings

__all__ = [
    "Command",
    "format_option",
    "global_options",
    "limit_options",
    "listing_options",
    "scope_option_names",
    "scope_options",
    "settings_of",
]

F = TypeVar("F", bound="Callable[..., object]")

GLOBALS = ("config", "database", "log_level", "log_format", "debug")
RESUMABLE = frozenset({"external_id", "concurrency"})
"""Scope options that `--resume` takes: one is never stored, the other changes no target."""


class Command(click.RichCommand):
    """A command whose repeatable options also take several values at once: `--region eu-west-1 us-east-1`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option for each further value, then parse as ever."""
        if any(isinstance(parameter, click.Argument) for parameter in self.params):
            return super().parse_args(ctx, args)
        repeatable = {
            name for parameter in self.params if getattr(parameter, "multiple", False) for name in parameter.opts
        }
        expanded: list[str] = []
        current: str | None = None
        for position, word in enumerate(args):
            if word.startswith("-"):
                current = word if word in repeatable else None
            elif current is not None and args[position - 1] != current:
                expanded.append(current)
            expanded.append(word)
        return super().parse_args(ctx, expanded)


def _apply(function: F, *options: Callable[[F], F]) -> F:
    for option in reversed(options):
        function = option(function)
    return function


def _print_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from macie_inventory import __version__  # noqa: PLC0415 - with its users

        click.echo(f"macie-inventory {__version__}")
        ctx.exit()


def global_options(function: F) -> F:
    """Add the options that every command takes, before the command's name or after it."""
    return _apply(
        function,
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="TOML file; default ./macie-inventory.toml.",
        ),
        click.option("--database", metavar="URL", help="Default sqlite:///macie-inventory.db."),
        click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Default warning."),
        click.option("--log-format", type=click.Choice(["text", "json"]), help="Default text."),
        click.option("--debug", is_flag=True, default=None, help="Show tracebacks, and log everything."),
        click.option(
            "--version",
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_print_version,
            help="Show the version.",
        ),
    )


def _several(name: str, metavar: str, text: str) -> Callable[[F], F]:
    return click.option(name, multiple=True, metavar=metavar, help=text)


def scope_options(function: F) -> F:
    """Add what says which accounts and regions are visited, and as whom."""
    return _apply(
        function,
        click.option(
            "--discovery",
            type=click.Choice(["organization", "accounts", "caller"]),
            help="Where accounts come from: AWS Organizations (default), --account and --accounts-file, or the caller's own.",
        ),
        click.option(
            "--accounts-file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="c7n-org accounts.yml, list-accounts JSON, CSV with AccountId, or one id per line.",
        ),
        _several("--account", "ID…", "Only these accounts."),
        _several("--exclude-account", "ID…", "Not these accounts."),
        _several("--account-name", "GLOB…", "Only accounts whose name matches one of these, such as 'prod-*'."),
        _several("--account-tag", "KEY=VALUE…", "Only accounts with all of these tags."),
        _several("--ou", "ID|/PATH…", "Only accounts in these organizational units, or below."),
        _several("--exclude-ou", "ID|/PATH…", "No account in these organizational units, or below."),
        _several("--region", "NAME…", "Only these regions; default every region that has Macie."),
        _several("--exclude-region", "NAME…", "Not these regions."),
        click.option(
            "--role-name", metavar="NAME", help="The role assumed in each account; default MacieInventoryReader."
        ),
        click.option("--external-id", metavar="ID", help="The external id that the role's trust policy asks for."),
        click.option("--session-name", metavar="NAME", help="Shows in CloudTrail; default macie-inventory."),
        click.option("--session-duration", metavar="SECONDS", help="900 to 43200; default 3600."),
        click.option("--concurrency", metavar="N", help="Targets on the network at a time; default 50."),
        click.option(
            "--assume-own-account", is_flag=True, default=None, help="Assume the role in the caller's own account too."
        ),
    )


def listing_options(function: F) -> F:
    """Add what is asked of ListClassificationJobs."""
    return _apply(
        function,
        _several(
            "--include",
            "FILTER…",
            'Only jobs that fit "KEY COMPARATOR VALUE[,VALUE…]". Keys: jobType jobStatus createdAt name. '
            "Comparators: EQ GT GTE LT LTE NE CONTAINS STARTS_WITH. A filtered run marks nothing missing.",
        ),
        _several("--exclude", "FILTER…", "No job that fits the filter."),
        click.option("--sort", metavar='"ATTRIBUTE ASC|DESC"', help='Default "createdAt ASC".'),
        click.option("--page-size", metavar="N", help="maxResults of a page; default 200."),
    )


def limit_options(function: F) -> F:
    """Add how long a run and its parts may take."""
    return _apply(
        function,
        click.option("--timeout", metavar="SECONDS", help="End the run after this time; what is missing is a gap."),
        click.option("--target-timeout", metavar="SECONDS", help="Time for one account and region; default 600."),
        click.option("--connect-timeout", metavar="SECONDS", help="Time for a connection; default 5."),
        click.option("--read-timeout", metavar="SECONDS", help="Longest silence of an answer; default 15."),
    )


def format_option(function: F) -> F:
    """Add the choice of the output's form."""
    return click.option("--format", type=click.Choice(["text", "json"]), help="Default text.")(function)


def scope_option_names(given: dict[str, Any]) -> list[str]:
    """Name the given options that change what a run visits or asks for."""
    fixed = {parameter.name for parameter in _scope_parameters()} - RESUMABLE
    return ["--" + name.replace("_", "-") for name, value in given.items() if name in fixed and value not in (None, ())]


def _scope_parameters() -> list[click.Parameter]:
    @listing_options
    @scope_options
    def every_option() -> None:
        """Carry the options."""

    return list(every_option.__click_params__)  # type: ignore[attr-defined]


def settings_of(ctx: click.Context, given: dict[str, Any]) -> Settings:
    """Merge file, environment, the options before the command's name, and those after it."""
    from macie_inventory.settings import Settings, load_settings  # noqa: PLC0415 - pydantic is slow to import

    before = (ctx.find_root().params or {}) if ctx.parent else {}
    merged = {**{key: before.get(key) for key in GLOBALS}, **{k: v for k, v in given.items() if v not in (None, ())}}
    file = merged.pop("config", None)
    return load_settings({key: value for key, value in merged.items() if key in Settings.model_fields}, file)
