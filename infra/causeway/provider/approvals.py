"""Leased and reserved capacity: given up or replaced only with an approval that counts on the day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from causeway.errors import Permanent
from causeway.provider.values import Values

PROTECTION = "protection"
"""Input of a resource that stands for protected capacity: `subject`, `why`, and the `approvals` on that subject."""


def require(inputs: Values, operation: str, on: date, what: str) -> None:
    """Refuse an operation on protected capacity unless an unexpired approval allows it.

    Args:
        inputs: the resource's inputs as stored.
        operation: `destroy` or `replace`.
        on: the day.
        what: the resource in words.

    Raises:
        Permanent: the capacity is protected, and no approval counts.
    """
    protection = inputs.get(PROTECTION)
    if not isinstance(protection, Mapping):
        return
    subject = str(protection.get("subject", ""))
    found = [each for each in _approvals(protection) if each.get("operation") == operation]
    if any(_last_day(each) >= on for each in found):
        return
    told = "; ".join(f"the approval of {each.get('approvedBy')} ended on {each.get('expires')}" for each in found)
    raise Permanent(
        "approval-missing",
        f"it is {protection.get('why', 'protected capacity')}, and no approval to {operation} it counts on "
        f"{on.isoformat()}" + (f" ({told})" if told else ""),
        subject=what,
        hint=(
            "an approval counts once it was brought up beside what it allows to give up: put that back into the "
            "declaration as it was, if it is gone or another one there, and add to policy.approvals "
            f"{{operation: {operation}, subject: {subject}, approved_by: ..., expires: ...}}; run `causeway up` on "
            "this stack; then try again"
        ),
    )


def _approvals(protection: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return [each for each in protection.get("approvals") or [] if isinstance(each, Mapping)]


def _last_day(approval: Mapping[str, Any]) -> date:
    try:
        return date.fromisoformat(str(approval.get("expires")))
    except ValueError:
        return date.min
