"""A Release's effects on real clusters, through `causeway.cluster`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from causeway.cluster.compare import told
from causeway.cluster.model import Access, ChartRef, ReleaseOutcome, ReleaseSpec, ReleaseStep, Rendered
from causeway.cluster.releases import Releases
from causeway.errors import CausewayError, Problems
from causeway.hosts.model import Phase, Progress
from causeway.hosts.observe import EVENTS_VARIABLE, EventsFile
from causeway.provider.model import Call
from causeway.provider.release_effects import ReleaseResult, ReleaseRun

DEPLOYED = "deployed"
_PHASES = {"check": Phase.PENDING, "done": Phase.DONE, "rollback": Phase.FAILED}


class RealClusters:
    """`causeway.provider.release_effects.ReleaseEffects` on real clusters."""

    def apply(self, call: Call, run: ReleaseRun) -> ReleaseResult:
        """Install or upgrade the release, wait until it is ready, and undo it when it is not."""
        tell = _teller(call, run)
        try:
            outcome = _releases(call).install_or_upgrade(_spec(run), tell, call.cancelled)
        except CausewayError as error:
            tell(ReleaseStep("rollback", str(error)))
            return ReleaseResult(f"failed {error.code}", _reasons(error))
        return _result(outcome)

    def look(self, call: Call, run: ReleaseRun) -> ReleaseResult:
        """What Helm and the API server say of the release.

        A cluster that does not answer is this release's trouble alone: an error would end the refresh of the stack.
        """
        try:
            drift = _releases(call).observe(_spec(run))
        except CausewayError as error:
            return ReleaseResult(f"unknown {error.code}", _reasons(error))
        if not drift.drifted:
            return ReleaseResult(DEPLOYED)
        what = told(drift.changes) or f"Helm says {drift.status}"
        return ReleaseResult(f"drifted: {what}")

    def uninstall(self, call: Call, run: ReleaseRun) -> None:
        """Uninstall the release, and delete its Secrets."""
        _releases(call).uninstall(_spec(run), _teller(call, run))


def _releases(call: Call) -> Releases:
    return Releases.here(call.fleet_dir, call.home, call.environ)


def _spec(run: ReleaseRun) -> ReleaseSpec:
    values: Mapping[str, Any] = run.inputs
    access = values["access"]
    return ReleaseSpec(
        access=Access(access.get("context"), access.get("kubeconfig")),
        name=str(values["release"]),
        namespace=str(values["namespace"]),
        chart=ChartRef(str(values["chart"]), values.get("version"), values.get("digest")),
        values=values.get("values") or {},
        kubernetes=str(values.get("kubernetes") or ""),
        rendered=Rendered(values.get("objects") or {}, values.get("hooks") or {}, values.get("crds") or {}),
        secrets={name: str(value) for name, value in (values.get("secrets") or {}).items()},
    )


def _teller(call: Call, run: ReleaseRun) -> Callable[[ReleaseStep], None]:
    events = call.environ.get(EVENTS_VARIABLE)
    file = EventsFile(Path(events)) if events else None
    resource = f"{run.inputs['namespace']}/{run.inputs['release']}"

    def tell(step: ReleaseStep) -> None:
        call.log(step.text, ephemeral=True)
        if file is not None:
            phase = _PHASES.get(step.phase, Phase.APPLIED)
            file(Progress(call.now(), call.stack, resource, "", phase, 0, 0, step.text))

    return tell


def _result(outcome: ReleaseOutcome) -> ReleaseResult:
    if outcome.action == "cancelled":
        reason = "cancelled before it was applied; run the same command again"
        return ReleaseResult("cancelled", (reason,), outcome.notes)
    if outcome.failure is not None:
        return ReleaseResult(f"failed {outcome.failure.code}", _reasons(outcome.failure), outcome.notes)
    return ReleaseResult(DEPLOYED, (), outcome.notes)


def _reasons(error: CausewayError) -> tuple[str, ...]:
    errors = error.errors if isinstance(error, Problems) else (error,)
    return tuple(f"[{each.code}] {each}" for each in errors)
