"""How the code is built: layers, sizes, exports, docstrings, and that every test says what it is for."""

from __future__ import annotations

import ast
import importlib
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from importlinter.api import read_configuration
from importlinter.cli import lint_imports

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "macie_inventory"
MODULES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted(chain((ROOT / "benchmarks").rglob("*.py"), (ROOT / "alembic").rglob("*.py")))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

MOST_LINES = 320
MOST_FUNCTION_LINES = 50

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _dotted(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, FUNCTIONS))


def test_the_import_contracts_hold(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Layers import only downwards, the core does no input or output, and the simulator stands apart."""
    monkeypatch.chdir(ROOT)
    assert len(read_configuration()["contracts_options"]) >= 4
    assert lint_imports(no_cache=True, no_logo=True) == 0, capsys.readouterr().out


def test_the_simulator_imports_nothing_of_the_rest() -> None:
    """The contract names the modules of today; here nothing of tomorrow is allowed either."""
    simulator = [path for path in MODULES if "simulator" in path.parts]
    assert simulator
    ours = {(_name(path), name) for path in simulator for name in _imports(_tree(path)) if "macie_inventory" in name}
    assert not [entry for entry in ours if not entry[1].startswith("macie_inventory.simulator")]


def test_modules_are_short() -> None:
    """A module has one subject; what is longer has two."""
    lines = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert not {name: count for name, count in lines.items() if count > MOST_LINES}


def test_functions_are_short() -> None:
    """A function fits on a screen, its docstring included."""
    lengths = {
        f"{_name(path)}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in MODULES
        for node in _functions(_tree(path))
    }
    assert not {name: count for name, count in lengths.items() if count > MOST_FUNCTION_LINES}


def test_modules_say_what_they_are_for() -> None:
    """The first thing in a module is a docstring whose first line is a whole sentence or title."""
    docstrings = {_name(path): ast.get_docstring(_tree(path)) or "" for path in (*MODULES, *SCRIPTS, *TESTS)}
    assert not [name for name, text in docstrings.items() if not text.partition("\n")[0].endswith((".", "?", ":"))]


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_exports_exist(path: Path) -> None:
    """`__all__` names what is there: public names, each once, and importable."""
    exported = getattr(importlib.import_module(_dotted(path)), "__all__", [])
    assert len(set(exported)) == len(exported)
    assert not [name for name in exported if name.startswith("_")]
    module = importlib.import_module(_dotted(path))
    assert not [name for name in exported if not hasattr(module, name)]


def test_every_test_says_what_it_shows() -> None:
    """A test's docstring is what must hold, as a sentence."""
    docstrings = {
        f"{_name(path)}:{node.lineno} {node.name}": ast.get_docstring(node) or ""
        for path in TESTS
        for node in _functions(_tree(path))
        if path.name.startswith("test_") and node.name.startswith("test_")
    }
    assert docstrings
    assert not [name for name, text in docstrings.items() if not text.endswith((".", "?"))]


def test_no_mocking_library_is_used() -> None:
    """Tests speak to the wire: to the simulator on a socket and to real databases."""
    banned = {"unittest", "unittest.mock", "mock", "pytest_mock", "responses", "aioresponses", "asynctest", "flexmock"}
    assert not {(_name(path), name) for path in TESTS for name in _imports(_tree(path)) if name in banned}
