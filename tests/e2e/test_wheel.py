"""The wheel is whole: built, installed alone and run in another folder, it needs nothing of the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as a release would."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_all_that_is_read_at_run_time(wheel: Path) -> None:
    """Every module, view, query, template and migration of the checkout is in the wheel, and no test is."""
    held = set(zipfile.ZipFile(wheel).namelist())
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "src", "alembic"],  # noqa: S607 - wherever git is
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    expected = {
        name.removeprefix("src/").replace("alembic/", "macie_inventory/store/migrations/", 1)
        if name.startswith("alembic/")
        else name.removeprefix("src/")
        for name in listed
    }
    assert expected <= held
    assert not [name for name in held if name.startswith("tests") or name.endswith(".pyc")]


def test_the_wheel_alone_runs_the_demonstration(wheel: Path, tmp_path: Path) -> None:
    """In an environment and a folder of its own the program migrates, collects and answers."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True, timeout=120)
    python = tmp_path / "venv" / "bin" / "python"
    site = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
    )
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # The libraries come from the tests' own environment; the program does not, because its folder stands first.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    where = "import macie_inventory; print(macie_inventory.__file__)"
    found = subprocess.run([python, "-c", where], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert found.stdout.startswith(str(site))
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MACIE_INVENTORY_"))
    }
    done = subprocess.run(
        [python, "-W", "error", "-m", "macie_inventory", "demo"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "189 of 195 targets covered" in done.stdout
    assert "What have we not seen, and why?" in done.stdout
    assert (tmp_path / "macie-inventory-demo.db").exists()
