"""Configuration: TOML file < environment `MACIE_INVENTORY_*` < command-line options.

Every key is the long option's name with `_` for `-`.
"""

from __future__ import annotations

import os
import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, TomlConfigSettingsSource

from macie_inventory.backoff import RetryPolicy
from macie_inventory.config import SCOPE_LISTS, Discovery, Limits, RoleSettings, Scope
from macie_inventory.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_settings import PydanticBaseSettingsSource

__all__ = ["DEFAULT_FILE", "ENV_PREFIX", "Settings", "load_settings"]

DEFAULT_FILE = Path("macie-inventory.toml")
ENV_PREFIX = "MACIE_INVENTORY_"

_ACCOUNT_ID = re.compile(r"\d{12}", re.ASCII)
_ROLE_NAME = re.compile(r"(?:[\x21-\x7e]+/)?[A-Za-z0-9_+=,.@-]{1,64}")
_SESSION_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_+=,.@:/-]{2,1224}")
_TAG = re.compile(r"[^=]+=.*", re.DOTALL)


_COMMA = re.compile(",")
_COMMA_BEFORE_UNIT = re.compile(r",(?=\s*(?:/|ou-|r-))")


def _parted(value: object, separator: re.Pattern[str]) -> list[str]:
    """Split "a,b" and let ["a,b", "c"] be three."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or any(isinstance(text, list | tuple | dict | bool) for text in texts):
        raise ValueError("it is no text and no list of texts")
    return [part.strip() for text in texts for part in separator.split(str(text)) if part.strip()]


def _words(value: object) -> object:
    return _parted(value, _COMMA)


def _units(value: object) -> object:
    # A comma may stand in a unit's name: "/Root/Sales, EMEA".
    return _parted(value, _COMMA_BEFORE_UNIT)


def _lines(value: object) -> object:
    """Let one text with commas stand for a list of one; several in an environment variable are separated by `;`."""
    return [part.strip() for part in value.split(";") if part.strip()] if isinstance(value, str) else value


def _matching(pattern: re.Pattern[str], problem: str) -> BeforeValidator:
    def check(value: object) -> object:
        for text in value if isinstance(value, list | tuple) else [value]:
            if isinstance(text, str) and not pattern.fullmatch(text):
                raise ValueError(f"{text!r} {problem}")
        return value

    return BeforeValidator(check)


def _external_id(value: object) -> object:
    # The value stays out of the message: an external id is a shared secret.
    if isinstance(value, str) and not _EXTERNAL_ID.fullmatch(value):
        raise ValueError("it is no external id: 2 to 1224 of letters, digits and _+=,.@:/-")
    return value


_NOT_AN_ACCOUNT = "is no account id: 12 digits are needed"
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
Units = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_units)]
Lines = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_lines)]
AccountIds = Annotated[tuple[str, ...], NoDecode, _matching(_ACCOUNT_ID, _NOT_AN_ACCOUNT), BeforeValidator(_words)]
Tags = Annotated[tuple[str, ...], NoDecode, _matching(_TAG, "is no tag: write KEY=VALUE"), BeforeValidator(_lines)]


class Settings(BaseSettings):
    """Every key of the configuration file, with its default."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False
    )

    database: str = "sqlite:///macie-inventory.db"
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    log_format: Literal["text", "json"] = "text"
    debug: bool = False

    discovery: Discovery | None = None
    accounts_file: Path | None = None
    account: AccountIds = ()
    exclude_account: AccountIds = ()
    account_name: Lines = ()
    account_tag: Tags = ()
    ou: Units = ()
    exclude_ou: Units = ()
    organizational_units: bool = True
    region: Words = ()
    exclude_region: Words = ()

    role_name: Annotated[
        str, _matching(_ROLE_NAME, "is no role name: 1 to 64 of letters, digits and _+=,.@-, a path before it")
    ] = "MacieInventoryReader"
    external_id: Annotated[SecretStr, BeforeValidator(_external_id)] | None = None
    session_name: Annotated[
        str, _matching(_SESSION_NAME, "is no session name: 2 to 64 of letters, digits and _+=,.@-")
    ] = "macie-inventory"
    session_duration: Annotated[int, Field(ge=900, le=43200)] = 3600
    assume_own_account: bool = False

    include: Lines = ()
    exclude: Lines = ()
    sort: str = "createdAt ASC"
    page_size: Annotated[int, Field(ge=1, le=10_000)] = 200

    format: Literal["text", "json"] = "text"
    progress: Literal["auto", "always", "never"] = "auto"
    metrics_file: Path | None = None

    concurrency: Annotated[int, Field(ge=1, le=1000)] = 50
    timeout: Annotated[float, Field(gt=0)] | None = None
    target_timeout: Annotated[float, Field(gt=0)] = 600.0
    connect_timeout: Annotated[float, Field(gt=0)] = 5.0
    read_timeout: Annotated[float, Field(gt=0)] = 15.0
    retry_attempts: Annotated[int, Field(ge=1, le=100)] = 10
    retry_base_delay: Annotated[float, Field(gt=0)] = 0.2
    retry_max_delay: Annotated[float, Field(gt=0)] = 8.0
    retry_max_time: Annotated[float, Field(gt=0)] = 90.0
    sts_rate: Annotated[float, Field(gt=0, le=600)] = 300.0
    organizations_quota_share: Annotated[float, Field(gt=0, le=1)] = 0.9
    max_jobs_per_target: Annotated[int, Field(ge=1)] = 200_000
    region_cool_off: Annotated[float, Field(ge=0)] = 5.0
    lease_seconds: Annotated[float, Field(ge=1)] = 60.0

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options, then the environment, then the file that `load_settings` has read."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    def scope(self) -> Scope:
        """Give what to visit; raises UsageError when options contradict each other."""
        role = RoleSettings(
            role_name=self.role_name,
            external_id=self.external_id,
            session_name=self.session_name,
            session_duration=self.session_duration,
            assume_own_account=self.assume_own_account,
        )
        scope = Scope(
            discovery=self.discovery,
            accounts_file=self.accounts_file,
            organizational_units=self.organizational_units,
            role=role,
            sort=self.sort,
            page_size=self.page_size,
            **{name: getattr(self, name) for name in SCOPE_LISTS},
        )
        scope.check()
        return scope

    def limits(self) -> Limits:
        """Give how much at once, how long and how often."""
        return Limits(
            concurrency=self.concurrency,
            timeout=self.timeout,
            target_timeout=self.target_timeout,
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            retry_policy=RetryPolicy(
                attempts=self.retry_attempts,
                base_delay=self.retry_base_delay,
                max_delay=self.retry_max_delay,
                max_time=self.retry_max_time,
            ),
            sts_rate=self.sts_rate,
            organizations_quota_share=self.organizations_quota_share,
            max_jobs_per_target=self.max_jobs_per_target,
            region_cool_off=self.region_cool_off,
            lease_seconds=self.lease_seconds,
        )


def load_settings(options: Mapping[str, Any], file: Path | None = None) -> Settings:
    """Merge the file (default `macie-inventory.toml` if it is there), the environment and the options.

    Options that are None count as not given. Raises ConfigurationError with one line naming the key and its source.
    """
    path = file if file is not None else (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)
    in_file = _read(path) if path else {}
    _check_environment()
    given = {key: value for key, value in options.items() if value is not None and value != ()}

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        return FromFile(**given)
    except ValidationError as error:
        raise ConfigurationError(_explain(error, given, in_file, path)) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read the configuration file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the configuration file {path} is not valid TOML: {error}") from error


def _check_environment() -> None:
    for name in os.environ:
        key = name.upper().removeprefix(ENV_PREFIX)
        if (
            name.upper().startswith(ENV_PREFIX)
            and not key.startswith("TEST_")
            and key.lower() not in Settings.model_fields
        ):
            raise ConfigurationError(
                f"the environment variable {name} is no setting{_similar(key.lower(), ENV_PREFIX)}"
            )


def _similar(key: str, prefix: str = "") -> str:
    close = get_close_matches(key, Settings.model_fields, n=1)
    return f"; did you mean {prefix}{close[0].upper() if prefix else close[0]}?" if close else ""


def _explain(error: ValidationError, given: Mapping[str, Any], in_file: Mapping[str, Any], path: Path | None) -> str:
    """Say in one line which key is wrong, where it stands, and what it may be."""
    problem = error.errors(include_url=False, include_input=False)[0]
    key = str(problem["loc"][0])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        return f"{path}: unknown key {key!r}{_similar(key) or '; see config/macie-inventory.toml for all keys'}"
    if key in given:
        source = "--" + key.replace("_", "-")
    elif key in in_file and f"{ENV_PREFIX}{key}".upper() not in {name.upper() for name in os.environ}:
        source = f"{path}: {key}"
    else:
        source = ENV_PREFIX + key.upper()
    return f"{source}: {message[0].lower()}{message[1:]}"
