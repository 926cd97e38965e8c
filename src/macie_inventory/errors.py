"""The errors that a user can meet, and the exit code each one means.

    MacieInventoryError           1  the run failed
    ├── UsageError                2  an option or an argument is wrong
    │   └── ConfigurationError    2  a file, a variable or a setting is wrong
    ├── CredentialsError          1  the base credentials are absent, refused or expired
    ├── DiscoveryError            1  Organizations could not be read
    ├── InterruptedRunError     130  a signal came before the first target was known
    ├── DeadlineError             3  so did the run's time limit
    └── DatabaseError             1  the database cannot be used
        ├── SchemaOutdatedError   1  it wants `macie-inventory db upgrade`
        └── LeaseHeldError        1  another run holds it

Every message is one line in lower case that names the thing and the next step. No message carries a credential.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "ConfigurationError",
    "CredentialsError",
    "DatabaseError",
    "DeadlineError",
    "DiscoveryError",
    "InterruptedRunError",
    "LeaseHeldError",
    "MacieInventoryError",
    "SchemaOutdatedError",
    "UsageError",
]


class MacieInventoryError(Exception):
    """The run failed."""

    exit_code: ClassVar[int] = 1


class UsageError(MacieInventoryError):
    """An option or an argument is wrong."""

    exit_code: ClassVar[int] = 2


class ConfigurationError(UsageError):
    """A file, an environment variable or a setting is wrong."""


class CredentialsError(MacieInventoryError):
    """The credentials that run the program are absent, refused or expired."""


class DiscoveryError(MacieInventoryError):
    """AWS Organizations could not be read."""


class InterruptedRunError(MacieInventoryError):
    """The run was interrupted before its first target was known; nothing was written."""

    exit_code: ClassVar[int] = 130


class DeadlineError(MacieInventoryError):
    """The run's time limit came before its first target was known; nothing was written."""

    exit_code: ClassVar[int] = 3


class DatabaseError(MacieInventoryError):
    """The database cannot be used."""


class SchemaOutdatedError(DatabaseError):
    """The database wants a migration before it can be written."""


class LeaseHeldError(DatabaseError):
    """Another run holds the database."""
