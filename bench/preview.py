"""A preview in which nothing changed, of one stack with 1,000 and with 5,000 hosts and of one of the reference fleet.

Against an empty Pulumi program, with the same engine, language host and backend. Stacks get their state by an `up` on
hosts and clusters that are files; the preview runs the real program and the real provider. Each round runs every
subject once, in an order that turns, so that a drifting machine moves all of them. Memory is the largest sum over the
engine and everything below it (resident, sampled from /proc).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

import declaration  # noqa: E402 - beside this file

from tests.provider.engine import Project, fake_plugin  # noqa: E402

PROGRAM = "from causeway.program import run\n\nrun()\n"
EMPTY = "import pulumi\n"
REFERENCE_CLUSTER = "cn-east-inference-1"
GOALS = {"1,000 hosts": 2.0, "5,000 hosts": 3.0, "reference stack": 3.0}
SAMPLE_S = 0.02


@dataclass
class Run:
    """One preview: seconds, and the largest resident memory of all its processes in MiB."""

    seconds: float
    memory: float


def _resident(top: int) -> float:
    """MiB that a process and everything below it hold."""
    below: dict[int, list[int]] = {}
    sizes: dict[int, int] = {}
    for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:  # noqa: PTH208 - a process may end midway
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        below.setdefault(int(fields[1]), []).append(pid)
        sizes[pid] = int(fields[21])
    waiting, total = [top], 0
    while waiting:
        pid = waiting.pop()
        total += sizes.get(pid, 0)
        waiting += below.get(pid, [])
    return total * os.sysconf("SC_PAGE_SIZE") / 2**20


def preview(project: Project) -> Run:
    """One preview, which must find nothing to do."""
    words = [str(Path(sys.prefix) / "bin/pulumi"), "preview", "--expect-no-changes", "--non-interactive"]
    largest = 0.0
    started = time.perf_counter()
    with subprocess.Popen(
        [*words, "--stack", project.stack],
        cwd=project.folder,
        env={**os.environ, **project.variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        done = threading.Event()

        def watch() -> None:
            nonlocal largest
            while not done.wait(SAMPLE_S):
                largest = max(largest, _resident(process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        _, told = process.communicate()
        seconds = time.perf_counter() - started
        done.set()
        watcher.join()
    if process.returncode:
        raise SystemExit(f"{project.stack}: the preview failed or found changes: {told.decode()[-2000:]}")
    return Run(seconds, largest)


def prepared(folder: Path, fleet: Path | None, stack: str) -> Project:
    """A stack whose state says that everything is done."""
    world = folder / "world"
    world.mkdir(parents=True)
    environ = {"CAUSEWAY_TEST_WORLD": str(world), "CAUSEWAY_FLEET": str(fleet) if fleet else ""}
    project = Project(folder / "project", stack, "bench", environ, fake_plugin(folder / "plugin"))
    project.write(PROGRAM if fleet else EMPTY)
    project.opened()
    project.pulumi("config", "set", "causeway:asOf", declaration.ON.isoformat())
    project.pulumi("config", "set", "--secret", "causeway:hmacKey", "bench")
    project.pulumi("up", "--yes", "--skip-preview")
    project.plugin = ROOT / "infra/plugin"
    project.write(PROGRAM if fleet else EMPTY)
    preview(project)
    return project


def subjects(folder: Path) -> dict[str, Project]:
    """What is measured, the empty program first."""
    found = {"empty program": prepared(folder / "empty", None, "dev")}
    for hosts in (1000, 5000):
        declaration.HOSTS_PER_CLUSTER = hosts
        fleet = folder / f"fleet-{hosts}"
        declaration.write_fleet(fleet, hosts)
        found[f"{hosts:,} hosts"] = prepared(folder / str(hosts), fleet, "bench.c001")
    reference = ROOT / "inventory/reference"
    name = next(
        line.split(":")[1].strip()
        for line in (reference / "fleet.yaml").read_text().splitlines()
        if line.startswith("name:")
    )
    found["reference stack"] = prepared(folder / "reference", reference, f"{name}.{REFERENCE_CLUSTER}")
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="causeway-bench-"))
    try:
        projects = subjects(folder)
        runs: dict[str, list[Run]] = {name: [] for name in projects}
        names = list(projects)
        for round_number in range(options.runs):
            turned = names[round_number % len(names) :] + names[: round_number % len(names)]
            for name in turned:
                runs[name].append(preview(projects[name]))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rows = _rows(runs)
    for row in rows:
        goal = f", goal {row['goal']:.0f}" if row["goal"] else ""
        print(
            f"{row['subject']:16} {row['seconds']:6.2f} s ({row['least']:.2f} to {row['most']:.2f})"
            f"  {row['times']:.2f} times the empty program{goal}  {row['memory_mib']:.0f} MiB"
        )
    if options.out:
        day = time.strftime("%Y-%m-%d", time.gmtime())
        words = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
        commit = subprocess.run(words, check=False, capture_output=True, text=True)
        document = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "day": day,
            "commit": commit.stdout.strip() or "unknown",
            "load": os.getloadavg(),
            "rows": rows,
        }
        options.out.write_text(json.dumps(document, indent=1) + "\n")


def _rows(runs: dict[str, list[Run]]) -> list[dict[str, Any]]:
    base = statistics.median(run.seconds for run in runs["empty program"])
    return [
        {
            "subject": name,
            "seconds": (median := statistics.median(run.seconds for run in found)),
            "least": min(run.seconds for run in found),
            "most": max(run.seconds for run in found),
            "times": median / base,
            "goal": GOALS.get(name),
            "memory_mib": statistics.median(run.memory for run in found),
        }
        for name, found in runs.items()
    ]


if __name__ == "__main__":
    main()
