"""A cluster's Helm releases: what would change, bring one up, take one away, look whether it is what it should be.

    changes = preview(old, new)                                     # pure: rendered with rendered
    releases = Releases.here(root, home, os.environ)
    outcome = releases.install_or_upgrade(spec, on_progress, cancelled)
    drift = releases.observe(spec)
    releases.uninstall(spec)

`install_or_upgrade` first asks the API server about every object (`rehearse`), and changes nothing when one would be
refused. When all is as it should be already, Helm is not called and no revision is made. A release that does not become
ready is rolled back, a first install taken away again; the outcome says what kept it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from causeway.cluster import definitions, patience, readiness, records, replacements, secrets
from causeway.cluster.api import Api
from causeway.cluster.charts import Chart, Charts, last_words
from causeway.cluster.compare import changes, compare, told
from causeway.cluster.helm import Ended, Helm
from causeway.cluster.helm_release import HelmRelease, Wait, machine_mark
from causeway.cluster.model import (
    Changes,
    Drift,
    Object,
    ObjectChange,
    ReleaseOutcome,
    ReleaseSpec,
    ReleaseStep,
    Rendered,
)
from causeway.cluster.rehearse import Rehearsal, Rehearsed, Release, refusals
from causeway.cluster.waiting import wait_for
from causeway.cluster.watch_release import Watch
from causeway.errors import Permanent, Problems, Retryable

Tell = Callable[[ReleaseStep], None]
_ROLLBACK_S = 300.0
_UNINSTALL_S = 300.0
_GONE_S = 120.0
_BUSY_S = 900.0
"""Age after which a revision that another machine's Helm left pending counts as left behind."""


def preview(old: Rendered | None, new: Rendered | None) -> Changes:
    """What a release changes on its cluster; None where there is none. Pure."""
    return changes(old, new)


@dataclass(frozen=True)
class _Now:
    """A release as it is on its cluster."""

    history: tuple[records.Record, ...]

    @property
    def last(self) -> records.Record | None:
        return self.history[0] if self.history else None

    @property
    def deployed(self) -> records.Record | None:
        return next((each for each in self.history if each.status == "deployed"), None)

    @property
    def rendered(self) -> Rendered:
        return self.deployed.rendered() if self.deployed else Rendered({})


@dataclass(frozen=True)
class Releases:
    """The releases that this machine brings up.

    Args:
        now: the clock, in UTC.
    """

    charts: Charts
    helm: Helm
    machine: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @classmethod
    def here(cls, root: Path | None, home: Path, environ: Mapping[str, str]) -> Releases:
        """With what this machine has.

        Args:
            root: the declaration's folder; None where no chart beside it is named.
            home: the fleet's `.causeway`.

        Raises:
            Permanent: Helm is missing.
        """
        helm = Helm.here(environ)
        return cls(Charts(root, home / "cache" / "charts", helm), helm, machine_mark())

    def install_or_upgrade(
        self, spec: ReleaseSpec, on_progress: Tell = lambda _step: None, cancelled: Callable[[], bool] = lambda: False
    ) -> ReleaseOutcome:
        """Bring a release to what it should be.

        Raises:
            Retryable: the cluster cannot be asked, or another Helm is at work on the release.
            Permanent: credentials, chart or records are wrong.
            Problems: objects that the API server would refuse; nothing was changed.
        """
        api = Api(spec.access, self.helm.environ)
        on_progress(ReleaseStep("check", f"looking at {spec.name} on the cluster"))
        now = self._recovered(api, spec, on_progress)
        if (
            now.deployed
            and now.last is now.deployed
            and _same(now.rendered, spec.rendered)
            and not secrets.stale(api, spec.namespace, spec.secrets)
        ):
            rehearsed = self._rehearsal(api, spec, now.rendered).all(spec.rendered.objects)
            if not _work(rehearsed) and not definitions.stale(api, spec.rendered.crds):
                return ReleaseOutcome("unchanged", now.deployed.revision, notes=_notes(rehearsed))
        chart = self.charts.find(spec.chart)
        secrets.namespace(api, spec.namespace)
        rehearsal = self._rehearsal(api, spec, now.rendered)
        rehearsed = rehearsal.all(spec.rendered.objects)
        if found := (*refusals(rehearsed), *rehearsal.hooks(spec.rendered.hooks)):
            raise Problems(found)
        replaced = replacements.needed(now.rendered, spec.rendered, rehearsed)
        if cancelled():
            return ReleaseOutcome("cancelled", now.deployed.revision if now.deployed else 0)
        if spec.secrets:
            on_progress(ReleaseStep("secrets", f"{len(spec.secrets)} Secrets"))
            secrets.apply(api, spec.name, spec.namespace, spec.secrets)
        definitions.apply(api, spec.rendered.crds)
        for each in replaced:
            on_progress(ReleaseStep("apply", f"{each.key} is deleted and made again: {each.reason}"))
            replacements.delete(api, each.key, {**now.rendered.objects, **spec.rendered.objects}, spec.namespace)
        return self._apply(_Run(api, spec, now, on_progress, cancelled), chart, rehearsed)

    def observe(self, spec: ReleaseSpec) -> Drift:
        """Look whether a release is what it should be. Changes nothing.

        Raises:
            Retryable: the cluster cannot be asked.
            Permanent: credentials or records are wrong.
        """
        api = Api(spec.access, self.helm.environ)
        now = _Now(records.history(api, spec.namespace, spec.name))
        last = now.last
        if last is None or last.status == "uninstalled":
            made = tuple(ObjectChange(key, "create") for key in spec.rendered.objects)
            return Drift("missing", last.revision if last else 0, made)
        rehearsed = self._rehearsal(api, spec, now.rendered).all(spec.rendered.objects)
        gone = compare(now.rendered.objects, spec.rendered.objects)
        found = [each.change for each in rehearsed if each.change is not None]
        found += [ObjectChange(each.key, "change", reason=each.refused.reason) for each in rehearsed if each.refused]
        found += [each for each in gone if each.action == "delete"]
        if definitions.stale(api, spec.rendered.crds):
            found += [ObjectChange(key, "change", reason="the cluster has another one") for key in spec.rendered.crds]
        for name in secrets.stale(api, spec.namespace, spec.secrets):
            found.append(ObjectChange(f"v1/Secret/{spec.namespace}/{name}", "change", reason="its value differs"))
        return Drift(last.status, last.revision, tuple(sorted(found, key=lambda each: each.key)))

    def uninstall(self, spec: ReleaseSpec, on_progress: Tell = lambda _step: None) -> None:
        """Take a release and its Secrets away; one that is gone is fine. Definitions (CRDs) and the namespace stay.

        Raises:
            Retryable: the cluster cannot be asked, or did not let the objects go in time.
            Permanent: it refuses.
        """
        api = Api(spec.access, self.helm.environ)
        api.request("GET", "/version")
        on_progress(ReleaseStep("uninstall", f"taking {spec.name} away"))
        ended = self._helm(spec).uninstall(_UNINSTALL_S, keep_history=False)
        left = _left(api, spec, _GONE_S if ended.status == 0 else 0.0)
        if ended.status != 0 or left:
            reason = f"{last_words(ended.error)}; " if ended.status != 0 else ""
            reason += f"still there: {', '.join(left) or 'nothing'}"
            hint = "look at what holds them (finalizers, a controller that is away); then run it again"
            raise Retryable("release-not-gone", reason, subject=spec.name, where=api.where, hint=hint)
        secrets.remove(api, spec.name, spec.namespace)

    def _helm(self, spec: ReleaseSpec) -> HelmRelease:
        return HelmRelease(self.helm, spec.access, spec.name, spec.namespace, self.machine)

    def _rehearsal(self, api: Api, spec: ReleaseSpec, before: Rendered) -> Rehearsal:
        coming = definitions.kinds(spec.rendered.crds)
        return Rehearsal(api, Release(spec.name, spec.namespace), coming, before.objects)

    def _recovered(self, api: Api, spec: ReleaseSpec, on_progress: Tell) -> _Now:
        """The release as it is; a revision that a killed Helm left pending counts as failed from now on."""
        now = _Now(records.history(api, spec.namespace, spec.name))
        last = now.last
        if last is None or not last.pending:
            return now
        age = (self.now() - last.began).total_seconds() if last.began else _BUSY_S + 1
        ours = last.labels.get(records.MACHINE) == self.machine
        alive = ours and _is_running(spec)
        if alive or (not ours and age < _BUSY_S):
            reason = f"another Helm began revision {last.revision} {age:.0f} s ago ({last.status})"
            hint = f"wait for it; if it is dead: helm -n {spec.namespace} rollback {spec.name}"
            raise Retryable("release-busy", reason, subject=spec.name, where=api.where, hint=hint)
        on_progress(ReleaseStep("check", f"revision {last.revision} was left {last.status} by a Helm that is gone"))
        records.unlock(api, last)
        return _Now(records.history(api, spec.namespace, spec.name))

    def _apply(self, run: _Run, chart: Chart, rehearsed: tuple[Rehearsed, ...]) -> ReleaseOutcome:
        spec = run.spec
        timeout = spec.timeout_s or patience.of(spec.rendered.objects)
        taken = tuple(
            f"{each.key}: taken back from people's hands: {', '.join(each.taken)}" for each in rehearsed if each.taken
        )
        notes = (*taken, *_notes(rehearsed))
        run.tell("apply", f"helm upgrade of {spec.name}, at most {timeout:.0f} s")
        with Watch(run.api, spec.rendered.objects, spec.namespace, run.on_progress) as watch:
            ended = self._upgraded(
                run, chart, timeout, lambda: watch.hopeless or run.cancelled(), take_back=bool(taken)
            )
        after = _Now(records.history(run.api, spec.namespace, spec.name))
        if ended.status == 0 and after.last is not None:
            secrets.remove(run.api, spec.name, spec.namespace, keep=spec.secrets.keys())
            surprise = _surprises(after.rendered, spec.rendered)
            run.tell("done", f"revision {after.last.revision} is ready")
            return ReleaseOutcome(
                "upgraded" if run.before.deployed else "installed", after.last.revision, notes=(*notes, *surprise)
            )
        if run.cancelled():
            return ReleaseOutcome("cancelled", run.before.deployed.revision if run.before.deployed else 0, notes=notes)
        return self._failed(run, ended, after, notes)

    def _upgraded(self, run: _Run, chart: Chart, timeout: float, stop: Callable[[], bool], *, take_back: bool) -> Ended:
        """Helm's upgrade; where a Job is held, for which Helm would wait in vain, we wait for all else ourselves."""
        spec, documents = run.spec, run.spec.rendered.objects
        helm = self._helm(spec)
        if not readiness.held(run.api, documents, spec.namespace):
            return helm.upgrade(chart, spec.values, timeout, stop, take_back=take_back)
        ended = helm.upgrade(chart, spec.values, timeout, stop, take_back=take_back, wait="legacy")
        if ended.status != 0:
            return ended
        left = wait_for(
            lambda: readiness.look(run.api, documents, spec.namespace), lambda found: not found, timeout, stop
        )
        return replace(ended, status=1) if left else ended

    def _failed(self, run: _Run, ended: Ended, after: _Now, notes: tuple[str, ...]) -> ReleaseOutcome:
        """Say what kept it, and bring back what was before."""
        spec = run.spec
        found = readiness.look(run.api, spec.rendered.objects, spec.namespace, explain=True)
        begun = after.last is not None and (run.before.last is None or after.last.revision > run.before.last.revision)
        reason = readiness.sentence(found) if found and begun else last_words(ended.error)
        if not begun:
            failure = Permanent(
                "release-refused", reason, subject=spec.name, where=run.api.where, hint="see Helm's words"
            )
            return ReleaseOutcome(
                "failed", run.before.deployed.revision if run.before.deployed else 0, failure, notes=notes
            )
        back = run.before.deployed
        if after.last is not None and after.last.pending:
            records.unlock(run.api, after.last)
        run.tell(
            "rollback",
            f"{spec.name} did not become ready: " + (f"back to revision {back.revision}" if back else "taken away"),
        )
        helm = self._helm(spec)
        wait: Wait = "legacy" if readiness.held(run.api, run.before.rendered.objects, spec.namespace) else "watcher"
        undone = (
            helm.rollback(back.revision, _ROLLBACK_S, wait) if back else helm.uninstall(_UNINSTALL_S, keep_history=True)
        )
        what = f"revision {back.revision} is back" if back else "the first install was taken away again"
        if undone.status == 0 and not back:
            _left(run.api, spec, _GONE_S)
        if undone.status != 0:
            what = f"and could not be undone: {last_words(undone.error)}"
        hint = f"{what}; mend what is said and run it again. History: helm -n {spec.namespace} history {spec.name}"
        failure = Permanent("release-not-ready", reason, subject=spec.name, where=run.api.where, hint=hint)
        last = _Now(records.history(run.api, spec.namespace, spec.name)).deployed
        gone = (back.revision if back else 0) if undone.status == 0 else None
        return ReleaseOutcome("failed", last.revision if last else 0, failure, gone, notes)


@dataclass(frozen=True)
class _Run:
    """One call of `install_or_upgrade`."""

    api: Api
    spec: ReleaseSpec
    before: _Now
    on_progress: Tell
    cancelled: Callable[[], bool]

    def tell(self, phase: str, text: str) -> None:
        self.on_progress(ReleaseStep(phase, text))


def _left(api: Api, spec: ReleaseSpec, seconds: float) -> tuple[str, ...]:
    """What is still there of a release that Helm has deleted."""
    going = {key: each for key, each in spec.rendered.objects.items() if not _is_kept(each)}
    longest = max((patience.grace(each) for each in going.values()), default=0.0) if seconds else 0.0
    return wait_for(
        lambda: readiness.present(api, going, spec.name, spec.namespace),
        lambda left: not left,
        seconds + longest,
        lambda: False,
    )


def _is_kept(document: Object) -> bool:
    """Whether Helm leaves an object behind, as its chart asks."""
    return (document["metadata"].get("annotations") or {}).get("helm.sh/resource-policy") == "keep"


def _same(old: Rendered, new: Rendered) -> bool:
    """Whether Helm would apply the same; definitions are not Helm's."""
    return not changes(replace(old, crds={}), replace(new, crds={}))


def _work(rehearsed: tuple[Rehearsed, ...]) -> bool:
    return any(each.change is not None or each.refused is not None or each.taken for each in rehearsed)


def _notes(rehearsed: tuple[Rehearsed, ...]) -> tuple[str, ...]:
    return tuple(note for each in rehearsed for note in each.notes)


def _surprises(actual: Rendered, expected: Rendered) -> tuple[str, ...]:
    """Where the chart rendered otherwise on the cluster than offline: it asked the cluster something."""
    other = tuple(compare(expected.objects, actual.objects))
    if not other:
        return ()
    return (f"on the cluster the chart rendered otherwise than in the preview, as it asks the cluster: {told(other)}",)


def _is_running(spec: ReleaseSpec) -> bool:
    """Whether a Helm of this machine is at work on the release."""
    wanted = {b"upgrade", spec.name.encode(), spec.namespace.encode()}
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().split(b"\0")
        except OSError:
            continue
        if Path(words[0].decode(errors="replace")).name == "helm" and wanted <= set(words):
            return True
    return False
