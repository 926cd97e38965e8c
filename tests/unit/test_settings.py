"""Settings: file < environment < options, and one clear line for whatever is wrong."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from macie_inventory.backoff import RetryPolicy
from macie_inventory.config import Limits, Scope
from macie_inventory.errors import ConfigurationError, UsageError
from macie_inventory.settings import DEFAULT_FILE, ENV_PREFIX, Settings, load_settings

EXAMPLE = Path(__file__).parents[2] / "config" / "macie-inventory.toml"

OTHER_VALUES: dict[str, tuple[Any, Any, Any]] = {
    "database": ("sqlite:///a.db", "sqlite:///b.db", "sqlite:///c.db"),
    "log_level": ("debug", "info", "error"),
    "log_format": ("json", "text", "json"),
    "debug": (True, False, True),
    "discovery": ("accounts", "caller", "organization"),
    "accounts_file": (Path("a"), Path("b"), Path("c")),
    "metrics_file": (Path("a"), Path("b"), Path("c")),
    "account": (("1" * 12,), ("2" * 12, "3" * 12), ("4" * 12,)),
    "exclude_account": (("1" * 12,), ("2" * 12, "3" * 12), ("4" * 12,)),
    "account_name": (("a", "b, c"), ("d, e",), ("f",)),
    "account_tag": (("a=1", "b="), ("c=x=y, z",), ("d=2",)),
    "ou": (("/Root/Sales, EMEA", "ou-a"), ("ou-b", "/Root/c, d"), ("r-e",)),
    "exclude_ou": (("/Root/Sales, EMEA", "ou-a"), ("ou-b", "/Root/c, d"), ("r-e",)),
    "organizational_units": (False, True, False),
    "region": (("eu-west-1", "eu-west-2"), ("us-east-1", "us-east-2"), ("sa-east-1",)),
    "exclude_region": (("eu-west-1", "eu-west-2"), ("us-east-1", "us-east-2"), ("sa-east-1",)),
    "role_name": ("a/b", "C", "D"),
    "external_id": (SecretStr("aa"), SecretStr("bb"), SecretStr("cc")),
    "session_name": ("aa", "bb", "cc"),
    "session_duration": (900, 1000, 43200),
    "assume_own_account": (True, False, True),
    "include": (("name EQ a,b", "name NE c"), ("name EQ d,e",), ("name EQ f",)),
    "exclude": (("name EQ a,b", "name NE c"), ("name EQ d,e",), ("name EQ f",)),
    "sort": ("name ASC", "name DESC", "jobType ASC"),
    "page_size": (1, 2, 3),
    "format": ("json", "text", "json"),
    "progress": ("always", "never", "auto"),
    "concurrency": (1, 2, 1000),
    "timeout": (1.5, 2.5, 3.5),
    "max_jobs_per_target": (1, 2, 3),
    "lease_seconds": (1.0, 2.0, 3.0),
    "organizations_quota_share": (0.1, 0.2, 1.0),
}
FLOATS = (1.5, 2.5, 3.5)
"""What every number of seconds and every rate may be."""


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.upper().startswith(ENV_PREFIX):
            monkeypatch.delenv(name)


def _values(key: str) -> tuple[Any, Any, Any]:
    if key in OTHER_VALUES:
        return OTHER_VALUES[key]
    default = Settings.model_fields[key].default
    assert isinstance(default, int | float), f"give {key} its values in OTHER_VALUES"
    return (1, 2, 3) if isinstance(default, int) else FLOATS


def _toml(value: object) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, tuple):
        value = list(value)
    return json.dumps(str(value) if isinstance(value, Path) else value)


def _text(key: str, value: object) -> str:
    """Write a value as an environment variable or as one option holds it."""
    if isinstance(value, tuple):
        by_line = key in ("account_name", "account_tag", "include", "exclude")
        return (";" if by_line else ",").join(value)
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _file(text: str) -> Path:
    path = Path("settings.toml")
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("key", Settings.model_fields)
def test_options_win_over_the_environment_and_that_over_the_file(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key is read from all three places, in this order of precedence."""
    in_file, in_environment, given = _values(key)
    assert getattr(load_settings({}), key) == Settings.model_fields[key].default
    path = _file(f"{key} = {_toml(in_file)}\n")
    assert getattr(load_settings({}, path), key) == in_file
    monkeypatch.setenv(ENV_PREFIX + key.upper(), _text(key, in_environment))
    assert getattr(load_settings({}, path), key) == in_environment
    option = given if isinstance(given, tuple | bool) else _text(key, given)
    assert getattr(load_settings({key: option}, path), key) == given


@pytest.mark.parametrize("key", Settings.model_fields)
def test_options_that_are_not_given_change_nothing(key: str) -> None:
    """None and an empty list are no values."""
    in_file, _, _ = _values(key)
    path = _file(f"{key} = {_toml(in_file)}\n")
    assert getattr(load_settings({key: None}, path), key) == in_file
    assert getattr(load_settings({key: ()}, path), key) == in_file


def test_the_default_file_is_read_if_it_is_there() -> None:
    """`macie-inventory.toml` of the working folder counts; another file named instead replaces it."""
    assert load_settings({}).page_size == 200
    DEFAULT_FILE.write_text("page_size = 5\n", encoding="utf-8")
    assert load_settings({}).page_size == 5
    assert load_settings({}, _file("")).page_size == 200


def test_environment_names_count_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lower-case variable is a setting too, and is named when it is wrong, even if the file has the key."""
    monkeypatch.setenv("macie_inventory_page_size", "7")
    assert load_settings({}).page_size == 7
    monkeypatch.setenv("macie_inventory_page_size", "0")
    with pytest.raises(ConfigurationError, match="MACIE_INVENTORY_PAGE_SIZE: "):
        load_settings({}, _file("page_size = 5\n"))


def test_lists_take_several_values_in_every_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commas, repetition and blanks mean the same; blanks around and empty parts fall away."""
    assert load_settings({"region": ("a, b", "c,", " d ")}).region == ("a", "b", "c", "d")
    monkeypatch.setenv("MACIE_INVENTORY_REGION", "a, b,c")
    assert load_settings({}).region == ("a", "b", "c")
    monkeypatch.setenv("MACIE_INVENTORY_REGION", "")
    assert load_settings({}).region == ()


def test_names_with_commas_stay_whole() -> None:
    """A comma in an account's or a unit's name, a filter or a tag separates nothing."""
    settings = load_settings(
        {
            "account_name": ("Acme, Inc*",),
            "ou": ("/Root/Sales, EMEA, /Root/IT, ou-1",),
            "account_tag": ("owner=Doe, Jane",),
            "include": ("jobStatus EQ RUNNING,PAUSED",),
        }
    )
    assert settings.account_name == ("Acme, Inc*",)
    assert settings.ou == ("/Root/Sales, EMEA", "/Root/IT", "ou-1")
    assert settings.account_tag == ("owner=Doe, Jane",)
    assert settings.include == ("jobStatus EQ RUNNING,PAUSED",)


NOT_TEXTS = ("no text and no list of texts", "valid string", "valid path")
BAD_VALUES = [
    ("log_level", '"loud"', "input should be 'debug', 'info', 'warning' or 'error'"),
    ("log_format", '"xml"', "input should be 'text' or 'json'"),
    ("debug", '"perhaps"', "valid boolean"),
    ("discovery", '"guess"', "input should be 'organization', 'accounts' or 'caller'"),
    ("account", '"1234"', "'1234' is no account id: 12 digits are needed"),
    ("account", '["123456789012", "12345678901x"]', "'12345678901x' is no account id"),
    ("account", "123456789012", "no text and no list of texts"),
    ("account", "{ a = 1 }", "no text and no list of texts"),
    ("region", '[["eu-west-1"]]', "no text and no list of texts"),
    ("exclude_account", '"prod"', "'prod' is no account id"),
    ("account_tag", '"env"', "'env' is no tag: write KEY=VALUE"),
    ("account_tag", '"=prod"', "'=prod' is no tag"),
    ("role_name", '""', "'' is no role name"),
    ("role_name", '"my role"', "'my role' is no role name"),
    ("role_name", '"arn:aws:iam::123456789012:role/x y"', "is no role name"),
    ("session_name", '"x"', "'x' is no session name: 2 to 64"),
    ("session_name", f'"{"x" * 65}"', "is no session name"),
    ("session_duration", "899", "greater than or equal to 900"),
    ("session_duration", "43201", "less than or equal to 43200"),
    ("page_size", "0", "greater than or equal to 1"),
    ("page_size", '"many"', "valid integer"),
    ("format", '"yaml"', "input should be 'text' or 'json'"),
    ("progress", '"maybe"', "input should be 'auto', 'always' or 'never'"),
    ("concurrency", "0", "greater than or equal to 1"),
    ("concurrency", "1001", "less than or equal to 1000"),
    ("timeout", "0", "greater than 0"),
    ("timeout", "-1", "greater than 0"),
    ("timeout", "nan", "finite number"),
    ("timeout", "inf", "finite number"),
    ("region_cool_off", "inf", "finite number"),
    ("sts_rate", "601", "less than or equal to 600"),
    ("organizations_quota_share", "1.1", "less than or equal to 1"),
    ("retry_attempts", "0", "greater than or equal to 1"),
    ("lease_seconds", "0.5", "greater than or equal to 1"),
    ("database", "5", "valid string"),
    ("accounts_file", "5", "valid path"),
]


@pytest.mark.parametrize(("key", "value", "part"), BAD_VALUES)
def test_a_bad_value_in_the_file_is_one_line_with_its_place(key: str, value: str, part: str) -> None:
    """The message names the file and the key, and says what is needed."""
    path = _file(f"{key} = {value}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_settings({}, path)
    message = str(caught.value)
    assert message.startswith(f"{path}: {key}: ")
    assert part in message
    assert len(message.splitlines()) == 1


# Lists and tables exist in the file only, and there a bare number is no text.
BAD_TEXTS = [bad for bad in BAD_VALUES if bad[1][0] not in "[{" and bad[2] not in NOT_TEXTS]


@pytest.mark.parametrize(("key", "value", "part"), BAD_TEXTS)
def test_a_bad_value_elsewhere_names_its_source(
    key: str, value: str, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same value from the environment names the variable, and as an option the option."""
    value = value.strip('"')
    path = _file("")
    monkeypatch.setenv(ENV_PREFIX + key.upper(), value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings({}, path)
    assert str(caught.value).startswith(f"{ENV_PREFIX}{key.upper()}: ")
    assert part in str(caught.value)
    monkeypatch.delenv(ENV_PREFIX + key.upper())
    with pytest.raises(ConfigurationError) as caught:
        load_settings({key: value}, path)
    assert str(caught.value).startswith(f"--{key.replace('_', '-')}: ")
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("regions = ['a']", "settings.toml: unknown key 'regions'; did you mean region?"),
        ("page-size = 5", "settings.toml: unknown key 'page-size'; did you mean page_size?"),
        ("zzz = 1", "settings.toml: unknown key 'zzz'; see config/macie-inventory.toml for all keys"),
        ("[collect]\nregion = 'a'", "settings.toml: unknown key 'collect'; see config/macie-inventory.toml"),
        (
            "page_size = \n",
            "the configuration file settings.toml is not valid TOML: Invalid value (at line 1, column 13)",
        ),
        ("a = 1\na = 2", "the configuration file settings.toml is not valid TOML: Cannot overwrite a value"),
    ],
)
def test_an_unknown_key_is_named_with_a_suggestion(text: str, message: str) -> None:
    """A slip of the pen is not passed over."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings({}, _file(text))
    assert str(caught.value).startswith(message)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("MACIE_INVENTORY_REGIONS", "is no setting; did you mean MACIE_INVENTORY_REGION?"),
        ("macie_inventory_pagesize", "is no setting; did you mean MACIE_INVENTORY_PAGE_SIZE?"),
        ("MACIE_INVENTORY_ZZZ", "is no setting"),
        ("MACIE_INVENTORY_", "is no setting"),
    ],
)
def test_an_unknown_variable_is_named_with_a_suggestion(
    name: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for the environment."""
    monkeypatch.setenv(name, "a-secret-value")
    with pytest.raises(ConfigurationError) as caught:
        load_settings({})
    assert str(caught.value) == f"the environment variable {name} {message}"


def test_variables_of_the_tests_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """`MACIE_INVENTORY_TEST_…` is for the tests."""
    monkeypatch.setenv("MACIE_INVENTORY_TEST_POSTGRES", "postgresql://localhost/x")
    load_settings({})


@pytest.mark.parametrize("secret", ["x", "my secret", "s3cret\n", "ä" * 5, "x" * 1225])
@pytest.mark.parametrize("source", ["file", "misspelled key", "environment", "option"])
def test_an_external_id_is_never_echoed(secret: str, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a shared secret: not even a wrong one stands in a message."""
    path, options = None, {}
    if source == "file":
        path = _file(f"external_id = {json.dumps(secret)}\n")
    elif source == "misspelled key":
        path = _file(f"externalid = {json.dumps(secret)}\n")
    elif source == "environment":
        monkeypatch.setenv("MACIE_INVENTORY_EXTERNAL_ID", secret)
    else:
        options = {"external_id": secret}
    with pytest.raises(ConfigurationError) as caught:
        load_settings(options, path)
    message = str(caught.value)
    assert secret == "x" or secret not in message
    assert "external_id" in message.lower() or "external-id" in message
    assert len(message.splitlines()) == 1
    assert caught.value.__cause__ is None


def test_an_external_id_does_not_show() -> None:
    """Nor does a right one, however the settings and the scope are printed or stored."""
    settings = load_settings({"external_id": "0123-my-secret"})
    scope = settings.scope()
    shown = f"{settings!r} {settings} {scope!r} {scope.as_json()} {settings.model_dump()}"
    assert "my-secret" not in shown
    assert scope.role.external_id is not None
    assert scope.role.external_id.get_secret_value() == "0123-my-secret"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: None, "cannot read the configuration file settings.toml: No such file or directory"),
        (lambda path: path.mkdir(), "cannot read the configuration file settings.toml: Is a directory"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "the configuration file settings.toml is not valid TOML: "),
    ],
    ids=["absent", "folder", "binary"],
)
def test_a_file_that_cannot_be_read_is_named(make: Any, message: str) -> None:  # noqa: ANN401 - a function of a path
    """A file that was asked for and is not there is an error, not an empty one."""
    path = Path("settings.toml")
    make(path)
    with pytest.raises(ConfigurationError) as caught:
        load_settings({}, path)
    assert str(caught.value).startswith(message)


def test_scope_and_limits_are_those_of_the_settings() -> None:
    """Without settings both are at their own defaults, so that there is one place for each."""
    assert load_settings({}).scope() == Scope()
    assert load_settings({}).limits() == Limits()
    settings = load_settings({"retry_attempts": 3, "retry_base_delay": 1, "retry_max_delay": 2, "retry_max_time": 3})
    assert settings.limits().retry_policy == RetryPolicy(attempts=3, base_delay=1, max_delay=2, max_time=3)


def test_contradictions_are_usage_errors() -> None:
    """The scope is checked when it is made."""
    with pytest.raises(UsageError, match="--discovery accounts needs --account"):
        load_settings({"discovery": "accounts"}).scope()


def _example() -> list[tuple[str, str, str]]:
    """Read the example: each key, its value as written, and the sentence above it."""
    entries: list[tuple[str, str, str]] = []
    sentence = ""
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if line == "#" or line.startswith("# "):
            sentence = f"{sentence} {line[2:]}".strip()
            continue
        if line:
            key, _, value = line.removeprefix("#").partition(" = ")
            entries.append((key, value, sentence))
        sentence = ""
    return entries


def test_the_example_file_has_every_key_with_its_default() -> None:
    """`config/macie-inventory.toml` shows each key once, in order, with its default and a sentence."""
    assert [key for key, _, _ in _example()] == list(Settings.model_fields)
    for key, value, sentence in _example():
        default = Settings.model_fields[key].default
        assert sentence.endswith("."), f"{key} has no sentence"
        assert ("No default" in sentence) == (default is None), f"{key} says the wrong thing about its default"
        if default is not None:
            shown = tomllib.loads(f"{key} = {value}")[key]
            assert shown == (list(default) if isinstance(default, tuple) else default)
            assert type(shown) is type(list(default) if isinstance(default, tuple) else default)


def test_the_example_file_is_a_configuration() -> None:
    """As it stands it changes nothing; with its defaults switched on neither; and the other values are valid."""
    unchanged = load_settings({}).model_dump()
    assert load_settings({}, EXAMPLE).model_dump() == unchanged
    defaults = [f"{key} = {value}" for key, value, sentence in _example() if "No default" not in sentence]
    assert load_settings({}, _file("\n".join(defaults))).model_dump() == unchanged
    load_settings({}, _file("\n".join(f"{key} = {value}" for key, value, _ in _example())))
