"""The errors, their family and their exit codes."""

from __future__ import annotations

import re

import pytest

from macie_inventory import errors


def _tree() -> dict[str, tuple[int, str]]:
    """Read the tree that the module's docstring draws: name, exit code and parent."""
    found: dict[str, tuple[int, str]] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"(?P<indent>[\s│├└─]*)(?P<name>\w+Error)\s+(?P<code>\d+)\s", line):
            depth = len(match["indent"])
            above = [(other, name) for other, name in above if other < depth]
            found[match["name"]] = (int(match["code"]), above[-1][1] if above else "Exception")
            above.append((depth, match["name"]))
    return found


def test_the_drawn_tree_is_complete() -> None:
    """The docstring draws every error that the module offers, and no other."""
    assert sorted(_tree()) == sorted(errors.__all__)


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_as_drawn(name: str) -> None:
    """An error's parent and exit code are those that the docstring draws."""
    code, parent = _tree()[name]
    error = getattr(errors, name)
    assert error.exit_code == code
    assert error.__bases__[0].__name__ == parent
    assert str(error("cannot do it")) == "cannot do it"
