"""Which database URLs are accepted, and how they are shown."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from macie_inventory.errors import ConfigurationError
from macie_inventory.store import parse_database_url


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+aiosqlite", "SQLite"])
def test_sqlite_files_are_accepted(tmp_path: Path, scheme: str) -> None:
    """An SQLite URL names a file, with or without the driver."""
    url = parse_database_url(f"{scheme}:///{tmp_path}/a b%20c.db")
    assert (url.dialect, url.path, url.conninfo) == ("sqlite", tmp_path / "a b c.db", None)
    assert url.name == f"{tmp_path}/a b c.db"


def test_a_relative_file_is_relative_to_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three slashes and a name are a file of the working folder."""
    monkeypatch.chdir(tmp_path)
    assert parse_database_url("sqlite:///x.db").path == Path("x.db")


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_urls_reach_libpq_as_they_are(scheme: str) -> None:
    """Several hosts and every parameter are left to libpq; only the scheme is made its own."""
    rest = "u@h1:5432,h2:5433/db?options=-csearch_path%3Dmacie&target_session_attrs=read-write"
    url = parse_database_url(f"{scheme}://{rest}")
    assert (url.dialect, url.path, url.conninfo) == ("postgresql", None, f"postgresql://{rest}")
    assert str(url) == f"postgresql://{rest}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:secret@h/db", "postgresql://u:***@h/db"),
        ("postgresql://u:se%40cret@h1,h2/db", "postgresql://u:***@h1,h2/db"),
        (
            "postgresql:///db?user=u&password=secret&connect_timeout=3",
            "postgresql:///db?user=u&password=***&connect_timeout=3",
        ),
        ("postgresql:///db?sslpassword=secret", "postgresql:///db?sslpassword=***"),
    ],
)
def test_a_password_is_never_shown(text: str, shown: str) -> None:
    """Neither the text nor the representation of a URL holds its password."""
    url = parse_database_url(text)
    assert str(url) == shown
    assert "secret" not in repr(url)
    assert "cret" not in str(url).replace("secret", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("inventory.db", "write sqlite:///FILE"),
        ("", "write sqlite:///FILE"),
        ("mysql://h/db", "databases of kind 'mysql' are not supported"),
        ("postgresql+asyncpg://h/db", "not supported"),
        ("sqlite://", "names no file: write sqlite:///FILE"),
        ("sqlite://inventory.db", "write sqlite:///inventory.db, with three slashes"),
        ("sqlite:///", "write sqlite:///FILE"),
        ("sqlite:///:memory:", "in memory would be lost"),
        ("sqlite:///file:x?mode=memory", "in memory would be lost"),
        ("sqlite:///x.db?mode=ro", "takes no parameters: write sqlite:///x.db"),
        ("sqlite:////no/such/folder/x.db", "create /no/such/folder first"),
        ("sqlite:////tmp", "is no file name"),
        (
            "postgresql://u:secret@h:port:port/db?nonsense=1",
            "postgresql://u:***@h:port:port/db?nonsense=1 is no PostgreSQL URL",
        ),
    ],
)
def test_everything_else_is_refused_with_the_next_step(text: str, said: str) -> None:
    """A URL that cannot be used is a configuration error that says what to write, and shows no password."""
    with pytest.raises(ConfigurationError, match=re.escape(said)) as caught:
        parse_database_url(text)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_without_psycopg_the_extra_is_named() -> None:
    """Where psycopg is not installed, a PostgreSQL URL says how to install it, and SQLite works without it."""
    script = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from macie_inventory.errors import ConfigurationError\n"
        "from macie_inventory.store import parse_database_url\n"
        "parse_database_url('sqlite:///x.db')\n"
        "try: parse_database_url('postgresql://h/db')\n"
        "except ConfigurationError as error: print(error)\n"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert said.stdout == "PostgreSQL needs an extra: pip install 'macie-inventory[postgres]'\n"
