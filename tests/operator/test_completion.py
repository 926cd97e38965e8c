"""Tab completes, as docs/how-to/completion.md shows it, and slips are answered with what may have been meant."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.operator.programs import ROOT, SCRIPTS, macie_inventory, run

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs" / "how-to" / "completion.md").read_text()
EXAMPLES = [
    (line.removesuffix("<Tab>"), re.split(r"\s+", answer.strip()))
    for line, answer in re.findall(r"^\$ (macie-inventory .*<Tab>)\n(.*)$", PAGE, re.MULTILINE)
]
INSTALLATIONS = re.findall(r"```sh\n(mkdir.*?)```", PAGE, re.DOTALL)


def in_path() -> dict[str, str]:
    """Give an environment in which the program is found by its name."""
    return dict(os.environ) | {"PATH": os.pathsep.join([str(SCRIPTS), os.environ["PATH"]])}


def test_the_page_has_examples_and_three_shells() -> None:
    """What the tests below read from the page is there."""
    assert len(EXAMPLES) == len(INSTALLATIONS) == 3


@pytest.mark.parametrize("commands", INSTALLATIONS, ids=["bash", "zsh", "fish"])
def test_the_script_is_written(commands: str, tmp_path: Path) -> None:
    """The commands of the page write a script that asks the program."""
    result = run("/bin/sh", "-e", "-c", commands, env=in_path() | {"HOME": str(tmp_path)})
    assert (result.returncode, result.stderr) == (0, "")
    (script,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert "_MACIE_INVENTORY_COMPLETE" in script.read_text()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(("line", "expected"), EXAMPLES)
def test_bash_completes_the_examples(line: str, expected: list[str], tmp_path: Path) -> None:
    """A real bash with the script completes each line of the page to what the page shows."""
    run("/bin/sh", "-e", "-c", INSTALLATIONS[0], env=in_path() | {"HOME": str(tmp_path)})
    (script,) = (path for path in tmp_path.rglob("*") if path.is_file())
    words = " ".join(f"'{word}'" for word in line.split(" "))
    ask = f"COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _macie_inventory_completion macie-inventory"
    result = run(
        "bash", "-c", f'source "{script}" 2>/dev/null; {ask}; printf "%s\\n" "${{COMPREPLY[@]}}"', env=in_path()
    )
    assert sorted(result.stdout.split()) == sorted(expected)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("colect",), "Did you mean 'collect'?"),
        (("runs", "lst"), "Did you mean 'list'?"),
        (("db", "upgrad"), "Did you mean 'upgrade'?"),
        (("collect", "--regoin", "eu-west-1"), "Did you mean '--region'?"),
        (("iam", "--organisation-id", "o-1"), "Did you mean '--organization-id'?"),
    ],
)
def test_a_slip_is_answered(arguments: tuple[str, ...], meant: str, tmp_path: Path) -> None:
    """A mistyped command or option ends with exit code 2 and one line that says what is near."""
    result = macie_inventory(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert meant in result.stderr
    assert len(result.stderr.splitlines()) == 1
