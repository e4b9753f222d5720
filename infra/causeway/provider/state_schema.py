"""The number of the state's shape: older state is read as the newest, newer state is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from causeway.errors import Permanent
from causeway.provider.values import Values

SCHEMA = 1
FIELD = "schema"

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]
"""Turns properties of one number into those of the next."""


def upgraded(kind: str, properties: Values, upgrades: Mapping[int, Upgrade], newest: int = SCHEMA) -> Values:
    """Stored properties in the newest shape.

    Args:
        kind: the resource's type, for messages.
        properties: inputs or outputs as stored; without a number they are of shape 0.
        upgrades: by the number that each turns into the next.
        newest: the number that this version writes.

    Raises:
        Permanent: a newer Causeway wrote them.
    """
    number = properties.get(FIELD, 0)
    if not properties or number == newest:
        return properties
    if not isinstance(number, int) or number > newest:
        raise Permanent(
            "state-newer",
            f"its state has shape {number!r}, and this version of Causeway knows shapes up to {newest}",
            subject=kind,
            hint="use the version of Causeway that wrote it, or a newer one",
        )
    found = dict(properties)
    for step in range(number, newest):
        found = upgrades[step](found) if step in upgrades else found
    return {**found, FIELD: newest}
