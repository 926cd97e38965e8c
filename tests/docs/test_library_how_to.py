"""The library's page: every block runs, one after the other, against a simulated organization."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import macie_inventory
from macie_inventory.simulator import demo_world, running

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how-to" / "library.md"


def run_python(program: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a program in an interpreter of its own, where every warning is an error."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MACIE_"))}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "NO_PROXY": "127.0.0.1"}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=folder,
        env=kept | nowhere | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_block_runs(tmp_path: Path) -> None:
    """The page's blocks run in their order and print what the text promises."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 6
    world, faults = demo_world(accounts=12)
    printed = []
    with running(world, faults=faults) as simulator:
        for block in blocks:
            result = run_python(block, tmp_path, **simulator.environment())
            assert result.returncode == 0, f"{block}\n{result.stderr}"
            assert not result.stderr
            printed.append(result.stdout)
    collected, scoped, followed, resumed, refused, queried = printed
    assert re.search(r"^partial \d+ of \d+$", collected, re.MULTILINE)
    assert "role_denied AccessDenied" in collected
    assert scoped == "('prod-*',) 900\n"
    assert re.search(r"^gap: \d{12} us-east-1 role_denied$", followed, re.MULTILINE)
    assert resumed.startswith("interrupted then partial")
    assert "needs --account" in refused
    assert "exit code 2" in refused
    assert "role_denied" in queried


def test_importing_the_package_is_cheap(tmp_path: Path) -> None:
    """The package itself imports none of its libraries; its names do when they are used."""
    heavy = "{'aiobotocore', 'sqlalchemy', 'pydantic', 'rich', 'anyio'}"
    program = (
        f"import sys, macie_inventory; assert not {heavy} & set(sys.modules); macie_inventory.collect; print('ok')"
    )
    result = run_python(program, tmp_path)
    assert result.stdout == "ok\n", result.stderr


def test_every_name_is_there_and_documented() -> None:
    """Each public name can be loaded, is listed by dir(), and stands on the page."""
    page = PAGE.read_text(encoding="utf-8")
    for name in macie_inventory.__all__:
        assert getattr(macie_inventory, name) is not None
        assert name in dir(macie_inventory)
        assert name in page or name == "Outcome", name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = macie_inventory.nothing
