"""Logging: structured, to stderr, as text or JSON lines."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, TextIO, cast

import structlog

if TYPE_CHECKING:
    from macie_inventory.settings import Settings

__all__ = ["configure_logs"]


def configure_logs(settings: Settings) -> structlog.typing.FilteringBoundLogger:
    """Set logging up for this process and give the program's logger.

    The SDK's own loggers stay silent below warnings, whatever the level: at debug they write headers with session
    tokens.
    """
    level = logging.DEBUG if settings.debug else getattr(logging, settings.log_level.upper())
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR"), pad_level=False
        )
    )
    stream = cast("TextIO", _CurrentStderr())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=stream, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger("macie_inventory")
    return logger


class _CurrentStderr:
    """Whatever stderr is when something is written: a live display takes it over to write above itself."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()
