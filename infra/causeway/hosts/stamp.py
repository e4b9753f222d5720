"""What a host says of itself, `/var/lib/causeway/stamp.json`: the truth over the engine's state and the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from causeway.hosts.states import fingerprints

VERIFIED = "verified"
_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Stamp:
    """A host's stamp. While a run works on the host its phase is `applying`, and intent and code are empty."""

    intent: str
    code: str
    phase: str
    run: str
    since: str

    @property
    def verified(self) -> bool:
        """Whether everything was proved when it was written."""
        return self.phase == VERIFIED

    def says(self, state: str) -> bool:
        """Whether it proves a state `ok INTENT [CODE]`."""
        return self.verified and fingerprints(state) == (self.intent, self.code)

    def has_intent_of(self, state: str) -> bool:
        """Whether it proves the intent of a state, whatever its code."""
        wanted = fingerprints(state)
        return self.verified and wanted is not None and wanted[0] == self.intent


def stamp_of(facts: Mapping[str, Any] | None, host: str) -> Stamp | None:
    """The stamp in a host's facts; None when there is none that can be understood, or it is another host's.

    A disk that was copied from another host carries that host's stamp.
    """
    found = facts.get("stamp") if facts else None
    if not isinstance(found, Mapping) or found.get("schema") != _SCHEMA or found.get("host") != host:
        return None
    return Stamp(*(str(found.get(key) or "") for key in ("intent", "code", "phase", "run", "since")))
