"""A stack's settings as the program reads them: Causeway's own, the day that rules see, and declared secrets."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pulumi
from pulumi.runtime import get_config

from causeway.errors import Permanent

NAMESPACE = "causeway"


def setting(name: str) -> str | None:
    """A key of `causeway:`, secret or not."""
    return _text(get_config(f"{NAMESPACE}:{name}"))


def secret_setting(name: str) -> str | None:
    """A declared secret: a key of the project's own namespace, else of `causeway:`; or with a namespace of its own."""
    if ":" in name:
        return _text(get_config(name))
    return _text(get_config(f"{pulumi.get_project()}:{name}")) or setting(name)


def day() -> date:
    """The day that rules see: `causeway:asOf`, or today.

    Raises:
        Permanent: the setting is no day.
    """
    told = setting("asOf")
    if not told:
        return datetime.now().astimezone().date()
    try:
        return date.fromisoformat(told)
    except ValueError as error:
        hint = "pulumi config set causeway:asOf 2026-11-22, or pulumi config rm causeway:asOf"
        raise Permanent("bad-day", f"causeway:asOf is {told!r}, which is no day", hint=hint) from error


def _text(value: Any) -> str | None:
    return str(value) if value is not None else None
