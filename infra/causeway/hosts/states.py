"""The one short string that says how a host is, made and read in one place (the table is in `model`)."""

from __future__ import annotations

import re
from datetime import datetime

_OK = "ok"
_LONGEST = 300
_DRIFTED = "drifted: "
_UNTOLD = f"{_DRIFTED}nobody can tell whether "
_WAS = "; was "
_FOUND = re.compile(r"^(?:deferred .*?; )?(?P<kept>(?:drifted|failed [a-z0-9-]+): .*)")
NEXT_RUN = "the next run"


def fingerprints(state: str) -> tuple[str, str] | None:
    """(intent, code) of `ok INTENT [CODE]`, the code empty when there is none; None for every other state."""
    words = state.split()
    if len(words) not in (2, 3) or words[0] != _OK:
        return None
    return words[1], words[2] if len(words) == 3 else ""


def failed(code: str, what: str) -> str:
    """The last run failed on it."""
    return f"failed {code}: {_one_line(what)}"


def unreachable(why: str) -> str:
    """It did not answer."""
    return f"unreachable: {_one_line(why)}"


def deferred(until: str, why: str, before: str = "", proved: str = "") -> str:
    """It is left for a later run, which has to know what was found of it.

    Args:
        until: `the next run`, or a moment.
        why: one sentence.
        before: its state until now; how it had drifted or failed is kept.
        proved: `ok INTENT [CODE]`, when its stamp says this and only its node is in doubt.
    """
    tail = f"{_WAS}{proved}" if proved else _tail(_kept(before)[: _LONGEST // 2])
    return f"deferred until {until}: {_one_line(why)[: _LONGEST - len(tail)]}{tail}"


def _tail(kept: str) -> str:
    return f"; {kept}" if kept else ""


def at(moment: datetime) -> str:
    """A moment as states and people read it, in the time zone that it carries."""
    zone = getattr(moment.tzinfo, "key", None) or moment.tzname() or ""
    return f"{moment:%Y-%m-%d %H:%M} {zone}".strip()


def untold(what: str, proved: str) -> str:
    """It was right, and what is asked of it could not be told.

    Args:
        what: follows `whether`.
        proved: `ok INTENT [CODE]`, as it was.
    """
    tail = f"{_WAS}{proved}"
    return f"{_UNTOLD}{_one_line(what)[: _LONGEST - len(tail)]}{tail}"


def proved(state: str) -> str:
    """`ok INTENT [CODE]` of a host that was right when it was last asked; empty for every other one."""
    found = state.rpartition(_WAS)[2]
    return found if fingerprints(found) is not None else ""


def is_failed(state: str) -> bool:
    """Whether the last run that worked on the host failed on it."""
    return _kept(state).startswith("failed ")


def is_drifted(state: str) -> bool:
    """Whether a probe had found the host otherwise than its stamp says; not when something could not be told."""
    return _kept(state).startswith(_DRIFTED)


def _kept(state: str) -> str:
    """How it had drifted or failed, also when it was deferred since; empty when it had not."""
    found = _FOUND.search(state)
    return found["kept"] if found is not None and not found["kept"].startswith(_UNTOLD) else ""


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
