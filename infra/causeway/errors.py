"""The two families of errors that a user of Causeway meets, and the place an error points to.

`Permanent` says: the same call fails again until somebody changes something. `Retryable` says: the same call may
go through later. Both carry what a person needs: what, where, why, what to do. Commands print them; nothing above
this module shows a traceback for them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a text file. `line` and `column` count from 1; 0 means the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """`file`, `file:line` or `file:line:column`, whichever is known."""
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}" if self.column else f"{self.file}:{self.line}"


class CausewayError(Exception):
    """An error with a code, a subject, a place, a reason and a hint.

    Args:
        code: stable, lower-case words joined by hyphens (`unknown-host`); the key of the troubleshooting page.
        reason: what went wrong and why, one sentence or a few.
        subject: what it is about (a host, a cluster, a field), empty when the reason says it.
        where: a `Location`, a host's name or a path; None when there is no place.
        hint: what to do now, a command where there is one.
        excerpt: the lines of the file that it is about, ready to print.
    """

    def __init__(
        self,
        code: str,
        reason: str,
        *,
        subject: str = "",
        where: Location | str | None = None,
        hint: str = "",
        excerpt: str = "",
    ) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.subject = subject
        self.where = where
        self.hint = hint
        self.excerpt = excerpt

    def __str__(self) -> str:
        """Each part that is known on its own lines: place, subject and reason; the excerpt; the hint."""
        head = " ".join(part for part in (f"{self.where}:" if self.where else "", self.subject) if part)
        lines = [f"{head}: {self.reason}" if self.subject else f"{head} {self.reason}".strip()]
        if self.excerpt:
            lines.append(self.excerpt)
        if self.hint:
            lines.append(f"  to do: {self.hint}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, str]:
        """The error as the `--json` outputs carry it."""
        return {
            "code": self.code,
            "subject": self.subject,
            "where": str(self.where) if self.where else "",
            "reason": self.reason,
            "hint": self.hint,
            "excerpt": self.excerpt,
        }


class Permanent(CausewayError):
    """Fails again until somebody changes the declaration, the machine or the command."""


class Retryable(CausewayError):
    """May go through when the same call is made again later."""


class Problems(CausewayError):
    """Several errors found in one pass, so that a user mends them all at once.

    Args:
        errors: at least one error, in the order in which a reader meets their places.
    """

    def __init__(self, errors: tuple[CausewayError, ...]) -> None:
        if not errors:
            raise ValueError("Problems needs at least one error")
        super().__init__("several-problems" if len(errors) > 1 else errors[0].code, f"{len(errors)} problem(s)")
        self.errors = errors

    def __str__(self) -> str:
        """Every error, separated by an empty line."""
        return "\n\n".join(str(error) for error in self.errors)
