"""The resource Release: a Helm release, shown object by object, applied by Helm, its secrets made by us."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from causeway.errors import Permanent
from causeway.provider.model import Call, Change, Checked, Done
from causeway.provider.release_effects import ReleaseEffects, ReleaseResult, ReleaseRun
from causeway.provider.state_schema import FIELD, SCHEMA, Upgrade, upgraded
from causeway.provider.values import Secret, Unknown, Values, plain

TYPE = "causeway:index:Release"
UPGRADES: Mapping[int, Upgrade] = {}
REQUIRED = ("release", "namespace", "chart", "access")
DEPLOYED = "deployed"
DRIFT = "CAUSEWAY_DRIFT"
STATUS = "status"


class Release:
    """A Helm release.

    Args:
        effects: gives the cluster layer; called when a cluster is worked on, never in a preview.
    """

    def __init__(self, effects: Callable[[], ReleaseEffects]) -> None:
        self._effects = effects

    def check(self, call: Call, old: Values | None, new: Values) -> Checked:  # noqa: ARG002 - the protocol's form
        """Inputs are complete; no secret stands where it would be shown."""
        failures = [(name, f"`{name}` is missing") for name in REQUIRED if new.get(name) is None]
        secrets = new.get("secrets") or {}
        if isinstance(secrets, Mapping):
            failures += [
                ("secrets", f"{name} is no secret: wrap its value, pulumi.Output.secret(...)")
                for name, value in secrets.items()
                if not isinstance(value, Secret | Unknown)
            ]
        return Checked({STATUS: DEPLOYED, FIELD: SCHEMA}, tuple(failures))

    def diff(self, call: Call, old_inputs: Values, outputs: Values, new: Values) -> Sequence[Change]:  # noqa: ARG002
        """What changes on the cluster, field by field, and a release that is not deployed."""
        from causeway.provider.release_diff import changes  # noqa: PLC0415 - only stacks with releases need it

        return changes(upgraded(TYPE, old_inputs, UPGRADES), upgraded(TYPE, outputs, UPGRADES), new)

    def create(self, call: Call, new: Values, *, preview: bool) -> Done:
        """Install, or adopt a release of this name that is there."""
        return self._applied(call, {}, new, preview=preview)

    def update(self, call: Call, old_inputs: Values, outputs: Values, new: Values, *, preview: bool) -> Done:  # noqa: ARG002
        """Upgrade."""
        return self._applied(call, upgraded(TYPE, old_inputs, UPGRADES), new, preview=preview)

    def _applied(self, call: Call, old: Values, new: Values, *, preview: bool) -> Done:
        if preview:
            _predict(call, old, new)
            return _done(DEPLOYED)
        if call.cancelled():
            return _done("not applied: cancelled", ("cancelled before it was applied; run the same command again",))
        return _ended(call, self._effects().apply(call, ReleaseRun(plain(new), old)))

    def read(self, call: Call, inputs: Values, outputs: Values) -> Done:
        """The release as the last run left it; with `CAUSEWAY_DRIFT` as the cluster tells it."""
        level = call.environ.get(DRIFT) or "none"
        if level == "none":
            return Done(outputs)
        if level not in ("facts", "check"):
            raise Permanent("bad-drift-level", f"{DRIFT} is {level!r}", hint="write none, facts or check")
        return _ended(call, self._effects().look(call, ReleaseRun(plain(upgraded(TYPE, inputs, UPGRADES)))))

    def delete(self, call: Call, inputs: Values, outputs: Values) -> None:  # noqa: ARG002
        """Uninstall, and delete the Secrets that were made for it."""
        self._effects().uninstall(call, ReleaseRun(plain(inputs)))


def _done(status: str, reasons: tuple[str, ...] = ()) -> Done:
    return Done({FIELD: SCHEMA, STATUS: status}, reasons)


def _ended(call: Call, result: ReleaseResult) -> Done:
    for note in result.notes:
        call.log(note)
    return _done(result.status, result.reasons)


def _predict(call: Call, old: Values, new: Values) -> None:
    """Tell what Kubernetes does not let anybody change in place, since it is deleted and made again."""
    from causeway.provider.release_diff import objects_that_change  # noqa: PLC0415

    if not old:
        return
    for each in objects_that_change(old, new):
        if each.action == "replace":
            call.log(f"{each.key} is deleted and made again: {each.reason}")
