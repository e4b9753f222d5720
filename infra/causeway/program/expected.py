"""Keeps Python's tracebacks of what is expected to fail out of the user's sight: the engine has told it already."""

from __future__ import annotations

import logging


def quiet() -> None:
    """Drop the tracebacks of resources that failed and of what waited for them."""
    logging.getLogger("asyncio").addFilter(_is_unexpected)
    logging.getLogger("pulumi").addFilter(_is_unexpected)


def _is_unexpected(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    return not any(word in text for word in ("ResourceRegistrationFailed", "resource registration failed"))
