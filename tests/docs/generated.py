"""The reference pages that are made from the program: `python -m tests.docs.generated` writes them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from macie_inventory.cli.app import cli
from macie_inventory.cli.options import global_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
CONFIGURATION = ROOT / "config" / "macie-inventory.toml"

COMMANDS_HEAD = """\
# Commands

Made from the program by `python -m tests.docs.generated`; a test compares. Each command says the same with `--help`.

Options are read from the command line, the environment and the configuration file, in this order: see
[the configuration](configuration.md). A repeatable option (`…`) takes several values at once, `--region eu-west-1 us-east-1`, or
several times. What the exit codes mean: [exit codes](exit-codes.md).

## Options of every command

Before the command's name or after it.
"""

CONFIGURATION_HEAD = """\
# Configuration

Made from [config/macie-inventory.toml](../../config/macie-inventory.toml) by `python -m tests.docs.generated`; a test compares.

Options of the command line win over environment variables, and those over the TOML file: `./macie-inventory.toml`, or the one
that `--config` names. The key is the long option's name with `_` for `-`; the variable is the key in capitals behind
`MACIE_INVENTORY_`. Keys without an option are for those who have to tune something.

AWS credentials, profiles, regions, proxies and endpoints are not among them: the SDK finds them as for every AWS tool.

| key | environment variable | default | meaning |
|---|---|---|---|
"""


def commands_page() -> str:
    """Give the page of all commands."""
    every = {option.name for option in global_options(_nothing).__click_params__}  # type: ignore[attr-defined]
    lines = [COMMANDS_HEAD, *_options(cli, {"help"}), ""]
    for name, command in _all_commands(cli, "macie-inventory"):
        lines += [f"## {name.removeprefix('macie-inventory ')}", "", *_help(command)]
        arguments = [parameter for parameter in command.params if isinstance(parameter, click.Argument)]
        usage = " ".join(argument.metavar or (argument.name or "").upper() for argument in arguments)
        lines += ["```text", f"{name} [OPTIONS] {usage}".rstrip(), "```", ""]
        options = _options(command, {*every, "help"})
        lines += [*options, ""] if len(options) > 2 else []
    return "\n".join(lines).rstrip() + "\n"


def _nothing() -> None:
    """Carry the options."""


def _all_commands(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    for key, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _all_commands(command, f"{name} {key}")
        else:
            yield f"{name} {key}", command


def _help(command: click.Command) -> Iterator[str]:
    """Give the help's paragraphs; examples, each on a line of its own, become a block."""
    text = re.sub(r"\x08|\\b", "", command.help or "").strip()
    for paragraph in re.split(r"\n\s*\n", text):
        lines = [line.strip() for line in paragraph.strip().splitlines()]
        if all(line.startswith(("macie-inventory ", "eval ")) for line in lines):
            yield from ("```sh", *lines, "```", "")
        else:
            yield from (" ".join(lines), "")


def _options(command: click.Command, left_out: set[str]) -> list[str]:
    rows = ["| option | meaning |", "|---|---|"]
    for option in command.params:
        if isinstance(option, click.Option) and option.name not in left_out:
            names = ", ".join(f"`{name}`" for name in sorted(option.opts, key=len, reverse=True))
            value = "" if option.is_flag and not option.metavar else f" `{_value(option)}`"
            default = ""
            if option.show_default and option.default not in (None, ""):
                default = f" Default {option.default}."
            needed = " Required." if option.required else ""
            rows.append(f"| {names}{_cell(value)} | {_cell((option.help or '') + default + needed)} |")
    return rows


def _value(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return "|".join(str(choice) for choice in option.type.choices)
    return option.metavar or option.type.name.upper()


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def configuration_keys() -> list[tuple[str, str, str]]:
    """Give every key of the example file with its default ('' for none) and its sentence."""
    found: list[tuple[str, str, str]] = []
    comment: list[str] = []
    for line in CONFIGURATION.read_text(encoding="utf-8").splitlines():
        if key := re.fullmatch(r"#?(\w+) = (.*)", line):
            sentence = " ".join(comment)
            default = "" if "No default" in sentence else key[2]
            found.append((key[1], default, sentence.partition(" No default")[0]))
            comment = []
        elif line.startswith("# ") and not line.startswith("# --"):
            comment.append(line.removeprefix("# "))
        else:
            comment = []
    return found


def configuration_page() -> str:
    """Give the page of all keys."""
    rows = [
        f"| `{key}` | `MACIE_INVENTORY_{key.upper()}` | {f'`{_cell(default)}`' if default else 'none'} | {_cell(text)} |"
        for key, default, text in configuration_keys()
    ]
    return CONFIGURATION_HEAD + "\n".join(rows) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {"commands.md": commands_page, "configuration.md": configuration_page}


def main() -> None:
    """Write the pages."""
    for name, make in PAGES.items():
        (REFERENCE / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
