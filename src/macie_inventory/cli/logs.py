"""Logging: structured, to stderr, as text or JSON lines."""

from __future__ import annotations

import logging
import os
import sys
from functools import cached_property
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    import structlog

    from macie_inventory.settings import Settings

__all__ = ["Logger", "configure_logs"]


class Logger:
    """The program's logger: each message is an event and its values.

    structlog is imported with the first message that is to be seen, because most runs have none and it is a twentieth of
    what starting costs.
    """

    def __init__(self, settings: Settings) -> None:
        self._json = settings.log_format == "json"
        self._level = logging.DEBUG if settings.debug else getattr(logging, settings.log_level.upper())

    def debug(self, event: str, **values: object) -> None:
        """Log what helps to find a fault."""
        if self._level <= logging.DEBUG:
            self._shown.debug(event, **values)

    def info(self, event: str, **values: object) -> None:
        """Log what is as it should be."""
        if self._level <= logging.INFO:
            self._shown.info(event, **values)

    def warning(self, event: str, **values: object) -> None:
        """Log what the user should know."""
        if self._level <= logging.WARNING:
            self._shown.warning(event, **values)

    @cached_property
    def _shown(self) -> structlog.typing.FilteringBoundLogger:
        import structlog  # noqa: PLC0415 - see above

        renderer: structlog.typing.Processor = (
            structlog.processors.JSONRenderer()
            if self._json
            else structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR"), pad_level=False
            )
        )
        logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
            structlog.PrintLogger(cast("TextIO", _CurrentStderr())),
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                renderer,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(self._level),
        )
        return logger


def configure_logs(settings: Settings) -> Logger:
    """Set logging up for this process and give the program's logger.

    The SDK's own loggers stay silent below warnings, whatever the level: at debug they write headers with session
    tokens.
    """
    stream = cast("TextIO", _CurrentStderr())
    logging.basicConfig(stream=stream, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    return Logger(settings)


class _CurrentStderr:
    """Whatever stderr is when something is written: a live display takes it over to write above itself."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()
