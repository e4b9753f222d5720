"""Renders charts without a cluster: same chart, values, names and versions in, same objects out.

    renderer = Renderer.here(loaded.root, home, os.environ)
    by_cluster = render_plans(renderer, loaded, plan.clusters.values())    # {cluster: (Rendered of each release, ...)}

Equal requests are rendered once, and what was rendered is kept in `<home>/cache/render`, one file by the digest of
everything that it was made from. Many releases go through one process where `causeway-render` is built
(tools/helm/render); `helm template`, once for each, gives the same.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from causeway.cluster import objects
from causeway.cluster.charts import Chart, Charts
from causeway.cluster.helm import Ended, Helm, find, run
from causeway.cluster.model import ChartRef, Rendered
from causeway.cluster.render_cache import RenderCache
from causeway.cluster.render_errors import chart_error, in_declaration
from causeway.errors import CausewayError, Problems
from causeway.fleet.load import LoadedFleet
from causeway.plan.model import ClusterPlan, ReleasePlan

_TOGETHER = "causeway-render"
_TIMEOUT_S = 120.0
_SCHEMA = 1
"""Of what is kept; a change of meaning counts it up."""


_Made = Iterable[objects.Part] | str | CausewayError
"""The parts of a release, or what Helm says is wrong with it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One release to render.

    Args:
        kubernetes: version of the cluster, `1.34`.
    """

    chart: ChartRef
    name: str
    namespace: str
    values: Mapping[str, Any]
    kubernetes: str

    def document(self) -> str:
        """The values as Helm gets them."""
        return json.dumps(self.values, sort_keys=True, separators=(",", ":"))


def request_of(plan: ReleasePlan, kubernetes: str) -> Request:
    """What a planned release renders."""
    chart = ChartRef(plan.chart, plan.version, plan.digest)
    return Request(chart, plan.name, plan.namespace, plan.values, kubernetes)


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders the releases of a fleet.

    Args:
        together: the program that renders many at once; None to call Helm for each.
    """

    charts: Charts
    cache: RenderCache
    helm: Helm
    together: Path | None = None

    @classmethod
    def here(cls, root: Path | None, home: Path, environ: Mapping[str, str]) -> Renderer:
        """With what this machine has.

        Args:
            root: the declaration's folder.
            home: the fleet's `.causeway`.

        Raises:
            Permanent: Helm is missing.
        """
        helm = Helm.here(environ)
        cache = home / "cache"
        charts = Charts(root, cache / "charts", helm)
        return cls(charts, RenderCache(cache / "render"), helm, find(_TOGETHER, environ))

    def render(self, requests: Sequence[Request]) -> tuple[Rendered, ...]:
        """What each request renders, in their order.

        Raises:
            Problems: with what is wrong with each of them.
        """
        outcomes = self.attempt(requests)
        errors = tuple(dict.fromkeys(each for each in outcomes if isinstance(each, CausewayError)))
        if errors:
            raise Problems(errors)
        return tuple(each for each in outcomes if isinstance(each, Rendered))

    def attempt(self, requests: Sequence[Request]) -> tuple[Rendered | CausewayError, ...]:
        """What each request renders, or why it does not, in their order."""
        keys: list[str | CausewayError] = []
        missing: dict[str, tuple[Request, Chart]] = {}
        done: dict[str, Rendered | CausewayError] = {}
        for request in requests:
            try:
                chart = self.charts.find(request.chart)
            except CausewayError as error:
                keys.append(error)
                continue
            key = self._key(request, chart)
            keys.append(key)
            if key not in done and key not in missing:
                kept = self.cache.get(key)
                if kept is None:
                    missing[key] = (request, chart)
                else:
                    done[key] = kept
        done |= self._fresh(missing)
        return tuple(done[key] if isinstance(key, str) else key for key in keys)

    def _key(self, request: Request, chart: Chart) -> str:
        """Digest of everything that the rendering depends on, Helm included."""
        programs = [_identity(each) for each in (self.helm.program, self.together) if each]
        names = (request.name, request.namespace, request.kubernetes)
        whole = json.dumps([_SCHEMA, chart.digest, *names, *programs, request.document()])
        return hashlib.sha256(whole.encode()).hexdigest()

    def _fresh(self, missing: Mapping[str, tuple[Request, Chart]]) -> dict[str, Rendered | CausewayError]:
        if not missing:
            return {}
        work = list(missing.values())
        parts = self._at_once(work) if self.together and len(work) > 1 else self._one_by_one(work)
        found: dict[str, Rendered | CausewayError] = {}
        for key, (request, chart), made in zip(missing, work, parts, strict=True):
            found[key] = _outcome(made, request, chart)
            outcome = found[key]
            if isinstance(outcome, Rendered):
                self.cache.put(key, outcome)
        self.cache.sweep()
        return found

    def _one_by_one(self, work: Sequence[tuple[Request, Chart]]) -> list[_Made]:
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
            return list(pool.map(lambda each: _template(self.helm, *each), work))

    def _at_once(self, work: Sequence[tuple[Request, Chart]]) -> list[_Made]:
        asked = [
            {
                "chart": str(chart.path),
                "name": request.name,
                "namespace": request.namespace,
                "kubernetes": request.kubernetes,
                "values": request.values,
            }
            for request, chart in work
        ]
        ended = run([str(self.together)], self.helm.environment(), json.dumps(asked).encode(), timeout=_TIMEOUT_S)
        if ended.status != 0:
            return self._one_by_one(work)
        answers = json.loads(ended.out)
        return [
            each["error"] if each.get("error") else [objects.Part(p["source"], p["object"]) for p in each["parts"]]
            for each in answers
        ]


def render_plans(
    renderer: Renderer, loaded: LoadedFleet, plans: Iterable[ClusterPlan]
) -> dict[str, tuple[Rendered, ...]]:
    """What every release of these clusters renders, in the order of each plan's releases; all in one go.

    Raises:
        Problems: with all that charts refuse, each at its line of the declaration.
    """
    clusters = list(plans)
    releases = [(release, plan.kubernetes) for plan in clusters for release in plan.releases]
    outcomes = renderer.attempt([request_of(*each) for each in releases])
    errors: dict[str, CausewayError] = {}
    for (release, _), outcome in zip(releases, outcomes, strict=True):
        if isinstance(outcome, CausewayError):
            errors |= {str(error): error for error in in_declaration(outcome, release, loaded)}
    if errors:
        raise Problems(tuple(errors.values()))
    made = iter([each for each in outcomes if isinstance(each, Rendered)])
    return {plan.cluster: tuple(next(made) for _ in plan.releases) for plan in clusters}


def _template(helm: Helm, request: Request, chart: Chart) -> _Made:
    """The parts of one release, or what Helm says is wrong."""
    words = ["template", request.name, str(chart.path), "--namespace", request.namespace, "--values", "-"]
    words += ["--kube-version", request.kubernetes, "--is-upgrade", "--include-crds"]
    ended: Ended = helm.run(words, stdin=request.document().encode(), timeout=_TIMEOUT_S)
    if ended.status != 0:
        return "helm did not end within two minutes" if ended.stopped else ended.error
    try:
        return list(objects.documents(ended.out.decode()))
    except CausewayError as error:
        return error


def _outcome(made: _Made, request: Request, chart: Chart) -> Rendered | CausewayError:
    if isinstance(made, CausewayError):
        return made
    if isinstance(made, str):
        return chart_error(made, request.name, chart.ref)
    try:
        return objects.rendered(made, request.namespace)
    except CausewayError as error:
        return error


def _identity(program: Path) -> str:
    """Which build of a program this is, without running it."""
    told = program.stat()
    return f"{program.resolve()}:{told.st_size}:{told.st_mtime_ns}"
