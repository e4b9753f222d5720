"""The one short string that says how a host is, made and read in one place (the table is in `model`)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from causeway.hosts.model import ABSENT, PENDING
from causeway.plan.disruption import ORDER

_OK = "ok"
_LONGEST = 300
_DRIFTED = "drifted: "
_UNTOLD = f"{_DRIFTED}nobody can tell whether "
_WAS = "; was "
_NEEDS = ", needs "
_FOUND = re.compile(r"(?:drifted|failed (?P<code>[a-z0-9-]+)): ")
_TELLING = re.compile(rf"; (?={_FOUND.pattern}|was ok )")
NEXT_RUN = "the next run"


def fingerprints(state: str) -> tuple[str, str] | None:
    """(intent, code) of `ok INTENT [CODE]`, the code empty when there is none; None for every other state."""
    words = state.split()
    if len(words) not in (2, 3) or words[0] != _OK:
        return None
    return words[1], words[2] if len(words) == 3 else ""


@dataclass(frozen=True, slots=True)
class Past:
    """What a state keeps of a host from before the run that could do nothing for it.

    Args:
        found: how it had drifted or failed; empty when it had not.
        code: of a failure.
        proved: `ok INTENT [CODE]`, as it was when it was last right; empty when it was not, or failed since.
        needs: the most that the changes since then may do to it; empty when there were none.
    """

    found: str = ""
    code: str = ""
    proved: str = ""
    needs: str = ""

    @property
    def tail(self) -> str:
        """How it stands at the end of a state."""
        found = f"; {self.found}" if self.found else ""
        return found[: _LONGEST // 2] + self._proved

    @property
    def _proved(self) -> str:
        needs = f"{_NEEDS}{self.needs}" if self.needs else ""
        return f"{_WAS}{self.proved}{needs}" if self.proved else ""

    @property
    def is_drifted(self) -> bool:
        """Whether a probe had found the host otherwise than its stamp says; not when something could not be told."""
        return self.found.startswith(_DRIFTED)

    def and_needs(self, desired: str, disruption: str) -> Past:
        """The same after one more change that could not be made.

        Args:
            desired: what the host is to be.
            disruption: the most that the change may do to it.
        """
        if not self.proved or self.proved == desired:
            return replace(self, needs="")
        return replace(self, needs=self.worst(disruption))

    def worst(self, disruption: str) -> str:
        """The most that one more change and those before it may do; a word that nobody knows counts as the worst."""
        words = (self.needs or ORDER[0], disruption)
        return max(words, key=lambda word: ORDER.index(word) if word in ORDER else len(ORDER))


def past(state: str) -> Past:
    """What a state keeps."""
    if fingerprints(state) is not None:
        return Past(proved=state)
    head, _, tail = state.rpartition(_WAS)
    proved, _, needs = tail.partition(_NEEDS)
    if fingerprints(proved) is None:
        head, proved, needs = state, "", ""
    needs = needs if needs in ("", *ORDER) else ORDER[-1]
    for part in _TELLING.sub("\n", head).split("\n"):
        match = _FOUND.match(part)
        if match is not None and not part.startswith(_UNTOLD):
            return Past(part, match["code"] or "", proved, needs)
    return Past("", "", proved, needs)


def told(state: str) -> str:
    """A state without what only the next run needs to know."""
    kept = past(state)
    return state if kept.proved == state else state.removesuffix(replace(kept, found="").tail)


def failed(code: str, what: str, kept: Past | None = None) -> str:
    """The last run failed on it. Args: `kept` is what was known of it, where nothing on it was changed since."""
    return _with(f"failed {code}: {_reason(what)}", Past() if kept is None else replace(kept, found=""))


def drifted(what: str) -> str:
    """It was verified, and is otherwise now."""
    return f"{_DRIFTED}{_reason(what)}"


def unreachable(why: str, kept: Past) -> str:
    """It did not answer. Args: `kept` is what was known of it."""
    return _with(f"unreachable: {_reason(why)}", kept)


def deferred(until: str, why: str, kept: Past) -> str:
    """It is left for a later run, which has to know what was found of it.

    Args:
        until: `the next run`, or a moment.
        why: one sentence.
        kept: what was known of it.
    """
    return _with(f"deferred until {until}: {_reason(why)}", kept)


def unfinished(before: str, kept: Past) -> str:
    """The run ended before its turn came.

    Args:
        before: its state; what was found of it stays.
        kept: what the next run has to know.
    """
    if fingerprints(before) is not None or before == ABSENT or before.startswith(PENDING):
        return _with(PENDING, kept)
    return _with(told(before), replace(kept, found=""))


def untold(what: str, proved: str) -> str:
    """It was right, and what is asked of it could not be told.

    Args:
        what: follows `whether`.
        proved: `ok INTENT [CODE]`, as it was.
    """
    return _with(f"{_UNTOLD}{_reason(what)}", Past(proved=proved))


def _with(head: str, kept: Past) -> str:
    tail = kept.tail
    return f"{head[: _LONGEST - len(tail)]}{tail}"


def _reason(text: str) -> str:
    """One line that cannot be taken for what a state keeps."""
    return _TELLING.sub(", ", _one_line(text))


def at(moment: datetime) -> str:
    """A moment as states and people read it, in the time zone that it carries."""
    zone = getattr(moment.tzinfo, "key", None) or moment.tzname() or ""
    return f"{moment:%Y-%m-%d %H:%M} {zone}".strip()


def failure(message: str, code: str) -> tuple[str, str, str]:
    """(code, what, hint) out of a failed task's message `CODE: what; to do: hint`.

    Args:
        message: the task's message.
        code: stands in for a code where the message has none.
    """
    line = next((line.strip() for line in message.splitlines() if line.strip()), "")
    head, separator, rest = line.partition(": ")
    if not separator or not _is_code(head):
        head, rest = code, line
    what, _, hint = rest.partition("; to do: ")
    return head, what or "no reason given", hint


def _is_code(text: str) -> bool:
    return bool(text) and text == text.lower() and all(c.isalnum() or c == "-" for c in text)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]
