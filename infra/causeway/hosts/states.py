"""The one short string that says how a host is, made and read in one place (the table is in `model`)."""

from __future__ import annotations

from datetime import datetime

_OK = "ok"
_LONGEST = 300
_DRIFTED = "drifted: "
_UNTOLD = f"{_DRIFTED}nobody can tell whether "
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


def deferred(until: str, why: str, before: str = "") -> str:
    """It is left for a later run, which has to know when it had drifted. Args: `before` is its state until now."""
    kept = _drift(before)[: _LONGEST // 2]
    tail = f"; {kept}" if kept else ""
    return f"deferred until {until}: {_one_line(why)[: _LONGEST - len(tail)]}{tail}"


def at(moment: datetime) -> str:
    """A moment as states and people read it, in the time zone that it carries."""
    zone = getattr(moment.tzinfo, "key", None) or moment.tzname() or ""
    return f"{moment:%Y-%m-%d %H:%M} {zone}".strip()


def untold(what: str) -> str:
    """It was right, and what is asked of it could not be told. Args: `what` follows `whether`."""
    return f"{_UNTOLD}{_one_line(what)}"


def is_failed(state: str) -> bool:
    """Whether the last run failed on the host."""
    return state.startswith("failed ")


def is_drifted(state: str) -> bool:
    """Whether a probe had found the host otherwise than its stamp says; not when something could not be told."""
    return bool(_drift(state))


def _drift(state: str) -> str:
    """How it had drifted, also when it was deferred since; empty when it had not."""
    found = state if state.startswith(_DRIFTED) else ""
    if state.startswith("deferred "):
        found = "".join(state.partition(f"; {_DRIFTED}")[1:]).removeprefix("; ")
    return "" if found.startswith(_UNTOLD) else found


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
