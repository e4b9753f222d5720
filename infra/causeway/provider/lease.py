"""The resource Lease: the contract and this cluster's share of it, visible in state and previews. It does nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from causeway.provider import approvals
from causeway.provider.comparison import compared
from causeway.provider.model import Call, Change, Checked, Done
from causeway.provider.state_schema import FIELD, SCHEMA, upgraded
from causeway.provider.values import UNKNOWN, Unknown, Values

TYPE = "causeway:index:Lease"
REQUIRED = ("lease", "site", "accelerator", "quantity", "share", "start", "end")
_IDENTITY = frozenset({"lease"})
_DATES = ("start", "end")


class Lease:
    """A lease as one stack uses it."""

    def check(self, call: Call, old: Values | None, new: Values) -> Checked:  # noqa: ARG002 - the protocol's form
        """Inputs are complete, dates are dates, and the share is no larger than the lease."""
        failures = [(name, f"`{name}` is missing") for name in REQUIRED if new.get(name) is None]
        failures += [(name, _date_problem(new[name])) for name in _DATES if _date_problem(new.get(name))]
        quantity, share = new.get("quantity"), new.get("share")
        if isinstance(quantity, int) and isinstance(share, int) and share > quantity:
            failures.append(("share", f"{share} accelerators of a lease of {quantity}"))
        return Checked({FIELD: SCHEMA}, tuple(failures))

    def diff(self, call: Call, old_inputs: Values, outputs: Values, new: Values) -> Sequence[Change]:  # noqa: ARG002
        """Every field that differs; another lease is another resource."""
        changes = compared(upgraded(TYPE, old_inputs, {}), new, replacing=_IDENTITY)
        if any(change.replaces for change in changes):
            approvals.require(old_inputs, "replace", call.today, f"lease {old_inputs.get('lease')}")
        return changes

    def create(self, call: Call, new: Values, *, preview: bool) -> Done:  # noqa: ARG002
        """Nothing is made: the outputs repeat the contract."""
        return Done(_outputs(new))

    def update(self, call: Call, old_inputs: Values, outputs: Values, new: Values, *, preview: bool) -> Done:  # noqa: ARG002
        """Nothing is changed: the outputs repeat the contract."""
        return Done(_outputs(new))

    def read(self, call: Call, inputs: Values, outputs: Values) -> Done:  # noqa: ARG002
        """A contract has no state of its own."""
        return Done(outputs)

    def delete(self, call: Call, inputs: Values, outputs: Values) -> None:  # noqa: ARG002
        """Given up only with an approval; what runs on the capacity is other resources' business."""
        approvals.require(inputs, "destroy", call.today, f"lease {inputs.get('lease')}")


def _outputs(inputs: Values) -> Values:
    return {name: value for name, value in inputs.items() if name != approvals.PROTECTION}


def _date_problem(value: object) -> str:
    if value is None or value is UNKNOWN or isinstance(value, Unknown):
        return ""
    try:
        date.fromisoformat(str(value))
    except ValueError:
        return f"found {value!r}: write a day as 2026-11-22"
    return ""
