"""The command line's options: several values at once, both sides of the command's name, and what they become."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import rich_click as click
from click.testing import CliRunner

from macie_inventory import __version__
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
from macie_inventory.errors import ConfigurationError
from macie_inventory.settings import ENV_PREFIX, Settings

if TYPE_CHECKING:
    from pathlib import Path

ONE, TWO, THREE = "1" * 12, "2" * 12, "3" * 12


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.upper().startswith(ENV_PREFIX):
            monkeypatch.delenv(name)


def _run(*arguments: str) -> tuple[Settings, dict[str, Any]]:
    """Give the settings and the options that a command with every option takes from these arguments."""
    caught: list[tuple[Settings, dict[str, Any]]] = []

    @click.group(cls=click.RichGroup)
    @global_options
    def group(**_: Any) -> None:
        """Have commands."""

    @group.command("visit", cls=Command)
    @scope_options
    @listing_options
    @limit_options
    @format_option
    @global_options
    @click.pass_context
    def visit(ctx: click.RichContext, /, **given: Any) -> None:
        """Visit nothing."""
        caught.append((settings_of(ctx, given), given))

    result = CliRunner().invoke(group, list(arguments), standalone_mode=False, catch_exceptions=False)
    assert result.exit_code == 0
    return caught[0]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--region", "a"], {"region": ("a",)}),
        (["--region", "a", "b", "c"], {"region": ("a", "b", "c")}),
        (["--region", "a", "--region", "b"], {"region": ("a", "b")}),
        (["--region=a", "--region", "b", "c"], {"region": ("a", "b", "c")}),
        (["--region", "a,b", "c"], {"region": ("a", "b", "c")}),
        (["--region", "a", "a"], {"region": ("a", "a")}),
        (["--account", ONE, TWO, "--exclude-account", THREE], {"account": (ONE, TWO), "exclude_account": (THREE,)}),
        (["--account", ONE, TWO, "--debug"], {"account": (ONE, TWO), "debug": True}),
        (
            ["--account", ONE, "--page-size", "7", "--ou", "/a, b", "ou-c"],
            {"account": (ONE,), "page_size": 7, "ou": ("/a, b", "ou-c")},
        ),
        (["--include", "name EQ a,b", "name NE c"], {"include": ("name EQ a,b", "name NE c")}),
        (["--account-name", "Acme, Inc*", "x"], {"account_name": ("Acme, Inc*", "x")}),
        (["--timeout", "1.5", "--read-timeout", "2"], {"timeout": 1.5, "read_timeout": 2.0}),
        (["--assume-own-account"], {"assume_own_account": True}),
        (["--format", "json"], {"format": "json"}),
    ],
)
def test_arguments_become_settings(arguments: list[str], expected: dict[str, object]) -> None:
    """Repeatable options take several values, in one go or repeated, and everything else is left at its default."""
    settings, _ = _run("visit", *arguments)
    defaults = Settings().model_dump()
    assert settings.model_dump() == defaults | expected


@pytest.mark.parametrize(
    "arguments",
    [
        ["stray"],
        ["--page-size", "5", "stray"],
        ["--debug", "stray"],
        ["--region", "a", "--debug", "stray"],
        ["--region"],
        ["--no-such-option"],
    ],
)
def test_a_stray_word_is_an_error(arguments: list[str]) -> None:
    """Only a repeatable option takes further words."""
    with pytest.raises(click.UsageError):
        _run("visit", *arguments)


def test_global_options_stand_before_or_after_the_command() -> None:
    """Both places mean the same; after the command wins."""
    before, _ = _run("--database", "sqlite:///a.db", "--log-level", "info", "visit")
    after, _ = _run("visit", "--database", "sqlite:///a.db", "--log-level", "info")
    assert before.model_dump() == after.model_dump()
    assert before.database == "sqlite:///a.db"
    both, _ = _run("--database", "sqlite:///a.db", "--debug", "visit", "--database", "sqlite:///b.db")
    assert (both.database, both.debug) == ("sqlite:///b.db", True)


def test_a_configuration_file_may_be_named_on_both_sides(tmp_path: Path) -> None:
    """`--config` is a global option like the others."""
    file = tmp_path / "x.toml"
    file.write_text("page_size = 5\n", encoding="utf-8")
    assert _run("--config", str(file), "visit")[0].page_size == 5
    assert _run("visit", "--config", str(file), "--page-size", "6")[0].page_size == 6


def test_a_bad_value_names_its_option() -> None:
    """What the settings refuse is said of the option that gave it."""
    with pytest.raises(ConfigurationError, match=r"^--page-size: "):
        _run("visit", "--page-size", "many")


def test_options_that_change_the_scope_are_known() -> None:
    """A resumed run refuses what would change its scope, and takes the rest."""
    _, given = _run("visit", "--region", "a", "--page-size", "5", "--concurrency", "3", "--external-id", "an-id")
    assert sorted(scope_option_names(given)) == ["--page-size", "--region"]
    _, given = _run("visit", "--timeout", "5", "--format", "json", "--database", "sqlite:///a.db", "--debug")
    assert scope_option_names(given) == []


def test_every_option_is_a_setting() -> None:
    """An option without a key could be set neither in the file nor in the environment."""
    _, given = _run("visit")
    assert set(given) - {"config"} <= set(Settings.model_fields)


def test_the_version_is_shown() -> None:
    """`--version` works after a command too."""

    @click.command(cls=Command)
    @global_options
    def nothing(**_: Any) -> None:
        """Do nothing."""

    result = CliRunner().invoke(nothing, ["--version"])
    assert (result.exit_code, result.output) == (0, f"macie-inventory {__version__}\n")
