"""How long charts take: a whole fleet against `helm template`, an unchanged release against `helm upgrade`'s dry run.

Runs alternate (A B A B ...), so that a drifting machine moves both. Both sides get the same releases with the same
values, and their objects are counted against each other. Planning is in neither.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from causeway.cli.fleet_context import FleetContext
from causeway.cluster import objects
from causeway.cluster.model import Access, ReleaseSpec, Rendered
from causeway.cluster.releases import Releases, preview
from causeway.cluster.render import Renderer, Request, request_of
from causeway.errors import Permanent
from causeway.sandbox import clusters
from causeway.sandbox.clusters.places import Places
from causeway.sandbox.spec import ClusterSpec, NodeSpec, SandboxSpec
from causeway.toolchain.locate import locate_all, search_path
from causeway.toolchain.manifest import tools

ROOT = Path(__file__).resolve().parent.parent
ON = date(2026, 11, 22)


def requests(fleet: Path) -> list[Request]:
    """Every release of a fleet."""
    plan = FleetContext(fleet, ON).plan
    return [request_of(release, made.kubernetes) for made in plan.clusters.values() for release in made.releases]


def causeway(asked: Sequence[Request], home: Path) -> tuple[Rendered, ...]:
    """All of them at once, as `causeway render` and every preview do."""
    return Renderer.here(None, home, os.environ).render(asked)


def template(request: Request, renderer: Renderer) -> bytes:
    """One of them, as one would call Helm."""
    chart = renderer.charts.find(request.chart).path
    words = ["template", request.name, str(chart), "--namespace", request.namespace, "--values", "-"]
    words += ["--kube-version", request.kubernetes, "--is-upgrade", "--include-crds"]
    ended = renderer.helm.run(words, stdin=request.document().encode())
    if ended.status:
        raise Permanent("helm-failed", ended.error, subject=request.name)
    return ended.out


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes."""
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and range."""
    return {
        "median_s": round(statistics.median(values), 3),
        "min_s": round(min(values), 3),
        "max_s": round(max(values), 3),
    }


def ratio(other: Sequence[float], ours: Sequence[float]) -> float:
    """How many times longer the other takes: the median over the pairs of runs."""
    return round(statistics.median(a / b for a, b in zip(other, ours, strict=True)), 2)


def fleet_row(runs: int) -> dict[str, Any]:
    """The reference fleet."""
    asked = requests(ROOT / "inventory/reference")
    cores = os.cpu_count() or 1
    taken: dict[str, list[float]] = {"causeway": [], "kept": [], "in_turn": [], "together": []}
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(cores) as pool:
        renderer = Renderer.here(None, Path(scratch) / "helm", os.environ)
        made = causeway(asked, Path(scratch) / "first")
        for request, ours in zip(asked, made, strict=True):
            theirs = objects.rendered(list(objects.documents(template(request, renderer).decode())), request.namespace)
            if theirs != ours:
                raise Permanent("unequal", "Helm renders other objects", subject=request.name)
        for run in range(runs):
            home = Path(scratch) / str(run)
            taken["causeway"].append(seconds(lambda home=home: causeway(asked, home)))
            taken["in_turn"].append(seconds(lambda: [template(each, renderer) for each in asked]))
            taken["kept"].append(seconds(lambda home=home: causeway(asked, home)))
            taken["together"].append(seconds(lambda: list(pool.map(lambda each: template(each, renderer), asked))))
            shutil.rmtree(home)
    return {
        "what": "render the reference fleet",
        "releases": len(asked),
        "objects": sum(len(each.objects) for each in made),
        "causeway": spread(taken["causeway"]),
        "helm_template_in_turn": spread(taken["in_turn"]),
        "in_turn_to_causeway": ratio(taken["in_turn"], taken["causeway"]),
        f"helm_template_{cores}_at_once": spread(taken["together"]),
        "at_once_to_causeway": ratio(taken["together"], taken["causeway"]),
        "causeway_again_unchanged": spread(taken["kept"]),
    }


def nodes(values: Mapping[str, Any]) -> tuple[NodeSpec, ...]:
    """A node for each pool that the platform's values name."""
    return tuple(
        NodeSpec(each["pool"], None, (("causeway/pool", each["pool"]),), (), each["resource"], each["perHost"], vendor)
        for vendor, settings in values["vendors"].items()
        for each in settings["accelerators"]
    )


def release_row(runs: int) -> dict[str, Any]:
    """The accelerator platform of the sandbox's cluster with three vendors, installed and not changed."""
    name = "cn-north-inference"
    context = FleetContext(ROOT / "inventory/sandbox", ON)
    plan = context.plan.clusters[name]
    release = next(each for each in plan.releases if each.kind == "platform")
    located = locate_all(tools(), search_path(Path(sys.prefix) / "bin", os.environ))
    programs = {found.tool.name: found.chosen.path for found in located if found.chosen}
    cluster = ClusterSpec(name, plan.kubernetes, nodes(release.values))
    fleet = f"bench-{secrets.token_hex(4)}"
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        request = request_of(release, plan.kubernetes)
        try:
            clusters.up(SandboxSpec(fleet, clusters=(cluster,)), home, programs)
            environment = {**os.environ, "KUBECONFIG": str(Places(home).kubeconfig)}
            os.environ["KUBECONFIG"] = environment["KUBECONFIG"]
            access = Access(context=name)
            (rendered,) = causeway([request], home)
            spec = ReleaseSpec(
                access, request.name, request.namespace, request.chart, request.values, plan.kubernetes, rendered
            )
            releases = Releases.here(None, home, environment)
            outcome = releases.install_or_upgrade(spec)
            if outcome.failure is not None:
                raise outcome.failure
            taken: dict[str, list[float]] = {"preview": [], "observe": [], "helm": []}
            chart = releases.charts.find(request.chart).path
            words = [
                "upgrade",
                request.name,
                str(chart),
                "--namespace",
                request.namespace,
                "--values",
                "-",
                "--dry-run=server",
            ]
            words += ["--kube-context", name]

            def compare(scratch: Path) -> None:
                if preview(rendered, causeway([request], scratch)[0]):
                    raise Permanent("unequal", "a change where there is none", subject=request.name)

            def observe() -> None:
                if releases.observe(spec).drifted:
                    raise Permanent("unequal", "a drift where there is none", subject=request.name)

            def helm() -> None:
                ended = releases.helm.run(
                    words, stdin=request.document().encode(), extra={"KUBECONFIG": environment["KUBECONFIG"]}
                )
                if ended.status:
                    raise Permanent("helm-failed", ended.error, subject=request.name)

            for run in range(runs):
                taken["preview"].append(seconds(lambda run=run: compare(home / f"run-{run}")))
                taken["helm"].append(seconds(helm))
                taken["observe"].append(seconds(observe))
        finally:
            clusters.down(fleet, home)
    return {
        "what": "look at a release that has not changed",
        "objects": len(rendered.objects),
        "preview": spread(taken["preview"]),
        "helm_upgrade_dry_run_server": spread(taken["helm"]),
        "helm_to_preview": ratio(taken["helm"], taken["preview"]),
        "observe_on_cluster": spread(taken["observe"]),
        "helm_to_observe": ratio(taken["helm"], taken["observe"]),
    }


def main() -> None:
    """Command line of the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="measurements of each")
    parser.add_argument("--offline", action="store_true", help="only what needs no cluster")
    parser.add_argument("--out", type=Path, help="file for the result as JSON")
    arguments = parser.parse_args()
    rows = []
    for measure in (fleet_row, *(() if arguments.offline else (release_row,))):
        rows.append(measure(arguments.runs))
        print(json.dumps(rows[-1]), flush=True)
    if arguments.out:
        machine: dict[str, Any] = {
            "day": datetime.now(UTC).date().isoformat(),
            "commit": subprocess.run(
                ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
            ).stdout.strip(),
            "python": platform.python_version(),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
        }
        machine["load_average"] = [round(each, 1) for each in os.getloadavg()]
        head = {"benchmark": "charts", **machine, "runs": arguments.runs}
        arguments.out.write_text(json.dumps({**head, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
