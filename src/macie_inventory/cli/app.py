"""The command line as a whole: its commands, its one way of failing."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING

import rich_click as click
from click.exceptions import Abort, Exit

from macie_inventory.cli.changes import changes
from macie_inventory.cli.collect import collect
from macie_inventory.cli.db import db
from macie_inventory.cli.demo import demo, simulate
from macie_inventory.cli.doctor import doctor
from macie_inventory.cli.export import export
from macie_inventory.cli.iam import iam
from macie_inventory.cli.options import global_options
from macie_inventory.cli.plan import plan
from macie_inventory.cli.prune import prune
from macie_inventory.cli.query import query, views
from macie_inventory.cli.report import report
from macie_inventory.cli.runs import runs
from macie_inventory.errors import MacieInventoryError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["cli", "run"]

# A paragraph each: rich-click joins the lines of one.
EXIT_CODES = """\
Exit codes:

0    complete: every target is covered

1    the run failed (credentials, Organizations, database)

2    usage or configuration

3    partial: the gaps are listed

130  interrupted
"""


@click.group(
    cls=click.RichGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@global_options
def cli(**_: object) -> None:
    """Every Amazon Macie classification job of a whole AWS organization, in SQL, without silent gaps.

    \b
    Try it without AWS:        macie-inventory demo
    See what would be visited: macie-inventory plan
    Collect the organization:  macie-inventory collect
    See what was not covered:  macie-inventory runs show last
    """


db.add_command(prune)
for command in (collect, plan, runs, query, views, changes, report, export, db, doctor, iam, demo, simulate):
    cli.add_command(command)


def run(arguments: Sequence[str]) -> int:
    """Run the command line with these arguments and give the exit code."""
    debug = "--debug" in arguments
    try:
        result = cli.main(list(arguments), prog_name="macie-inventory", standalone_mode=False)
    except Exit as leave:
        return leave.exit_code
    except Abort:
        return 130
    except click.ClickException as error:
        return _complain(_one_line(error.format_message()), error.exit_code, debug=debug)
    except MacieInventoryError as error:
        return _complain(str(error), error.exit_code, debug=debug)
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception as error:  # noqa: BLE001 - no traceback reaches a user
        cause = _innermost(error)
        return _complain(
            f"unexpected {type(cause).__name__}: {_one_line(str(cause))} (--debug shows where)", 1, debug=debug
        )
    return result if isinstance(result, int) else 0


def _innermost(error: BaseException) -> BaseException:
    """Give the first error that task groups have wrapped."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _complain(message: str, code: int, *, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"macie-inventory: error: {_one_line(message)}", file=sys.stderr)  # noqa: T201 - the one line a user sees
    return code


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line[:1].lower() + line[1:] if line[1:2].islower() else line
