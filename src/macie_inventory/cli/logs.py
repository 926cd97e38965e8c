"""Logging: structured, to stderr, as text or JSON lines."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

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
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_level=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger("macie_inventory")
    return logger
