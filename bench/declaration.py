"""How load, check and plan grow with the fleet, against PyYAML reading the same files.

Each measurement is a process of its own, so that its peak memory is its own. Sizes alternate with the reader of
plain YAML (A B A B ...), so that a drifting machine moves both.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
HOSTS_PER_CLUSTER = 1875
ON = date(2026, 11, 22)

CLUSTER = """  {name}:
    site: home
    purpose: inference
    kubernetes: {{version: "1.34", access: {{context: {name}}}}}
    pools:
      ascend:
        accelerator: ascend-910b3
        accelerators_per_host: 8
        hosts: "{name}-asc-[0001:{ascend:04d}]"
        os: {{id: debian, version: "12", architecture: x86_64}}
        drivers: {{driver: "25.5.0", firmware: "7.8.0.5.216", toolkit: "8.5.0"}}
        cost:
          {{kind: owned, per_host: 130000, currency: USD, amortise_months: 48, in_service_on: 2025-06-01, source: b}}
        rollout: {{canary: 2, max_unavailable: 5%}}
      h20:
        accelerator: h20
        accelerators_per_host: 8
        hosts: "{name}-h20-[0001:{h20:04d}]"
        os: {{id: debian, version: "12", architecture: x86_64}}
        drivers: {{driver: "580.95.05", container_toolkit: "1.20.0"}}
        authorisations: [{{id: BENCH-0001, rule: us-h20-letter, valid_until: 2027-12-31}}]
        cost:
          {{kind: owned, per_host: 150000, currency: USD, amortise_months: 48, in_service_on: 2025-06-01, source: b}}
        rollout: {{canary: 2, max_unavailable: 5%}}
"""
HEAD = """version: 1
name: bench
money: {currency: USD}
parties:
  us:
    legal_name: Bench Ltd
    country: CN
    own: true
    ultimate_parent: {legal_name: Bench Ltd, country: CN, headquarters: CN}
sites:
  home:
    country: CN
    tenure: owned
    owner: us
    operator: us
    time_zone: Asia/Shanghai
    data_classes: [china]
    mirrors: {packages: "http://mirror.test", images: registry.test}
clusters:
"""


def write_fleet(folder: Path, hosts: int) -> None:
    """A fleet of two pools a cluster, with one serving workload on each cluster."""
    clusters, workloads = [], ["workloads:\n"]
    left, index = hosts, 0
    while left > 0:
        size = min(left, HOSTS_PER_CLUSTER)
        index, left = index + 1, left - size
        h20 = max(1, size * 2 // 5)
        clusters.append(CLUSTER.format(name=f"c{index:03d}", ascend=max(1, size - h20), h20=h20))
        workloads.append(
            f"  chat-{index:03d}:\n    kind: inference\n    audience: china\n"
            f"    model: {{name: chat, parameters_b: 30, precision: bf16, weights: 's3://m/chat'}}\n    serve:\n"
            f"      - {{cluster: c{index:03d}, pool: ascend, replicas: {max(1, size - h20)},"
            " accelerators_per_replica: 4, weight: 60, engine: {name: vllm-ascend, version: '0.13.0'}}\n"
            f"      - {{cluster: c{index:03d}, pool: h20, replicas: {h20}, accelerators_per_replica: 4, weight: 40,"
            " engine: {name: vllm}}\n"
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "fleet.yaml").write_text(HEAD + "".join(clusters) + "".join(workloads))


def measure_causeway(folder: Path) -> dict[str, float]:
    """Seconds of each step in this process."""
    started = time.perf_counter()
    from causeway.cli.fleet_context import FleetContext  # noqa: PLC0415 - its import is part of what is measured

    marks = {"import": time.perf_counter() - started}
    context = FleetContext(folder, ON)
    for step, attribute in (("load", "loaded"), ("check", "findings"), ("plan", "plan")):
        before = time.perf_counter()
        getattr(context, attribute)
        marks[step] = time.perf_counter() - before
    marks["total"] = time.perf_counter() - started
    marks["cpu"] = time.process_time()
    return marks


def measure_yaml(folder: Path) -> dict[str, float]:
    """Seconds that PyYAML's C loader takes to read the same files."""
    before = time.perf_counter()
    for path in sorted(folder.rglob("*.yaml")):
        yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    return {"total": time.perf_counter() - before}


def _machine() -> dict[str, Any]:
    """What was measured where and when, before anything is."""
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], check=False, capture_output=True, text=True
    )
    return {
        "day": datetime.now(UTC).date().isoformat(),
        "commit": commit.stdout.strip() or "unknown",
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load_average": [round(each, 1) for each in os.getloadavg()],
    }


def _child(kind: str, folder: Path) -> dict[str, float]:
    answer = subprocess.run(
        [sys.executable, __file__, "--child", kind, str(folder)], check=True, capture_output=True, text=True
    )
    return dict(json.loads(answer.stdout))


def _row(label: str, folder: Path, runs: int) -> dict[str, Any]:
    pairs = [(_child("causeway", folder), _child("yaml", folder)) for _ in range(runs)]
    mine, plain = [pair[0] for pair in pairs], [pair[1] for pair in pairs]

    def median(rows: list[dict[str, float]], key: str) -> float:
        return statistics.median(row[key] for row in rows)

    return {
        "fleet": label,
        **{f"{step}_s": round(median(mine, step), 3) for step in ("load", "check", "plan", "total")},
        "total_s_min_max": [round(min(r["total"] for r in mine), 3), round(max(r["total"] for r in mine), 3)],
        "cpu_s": round(median(mine, "cpu"), 3),
        "peak_mb": round(median(mine, "peak_mb"), 1),
        "yaml_s": round(median(plain, "total"), 3),
        "load_to_yaml": round(statistics.median(a["load"] / b["total"] for a, b in pairs), 2),
    }


def main() -> None:
    """Command line of the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,10000,51000,100000,500000", help="hosts, comma-separated")
    parser.add_argument("--runs", type=int, default=5, help="measurements of each size")
    parser.add_argument("--note", default="", help="what a reader of the result has to know of the machine")
    parser.add_argument("--out", type=Path, help="file for the result as JSON")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        kind, folder = arguments.child
        marks = measure_causeway(Path(folder)) if kind == "causeway" else measure_yaml(Path(folder))
        marks["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(marks))
        return
    machine = _machine()
    print(json.dumps(machine), flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for size in (int(word) for word in arguments.sizes.split(",")):
            folder = Path(scratch) / f"hosts-{size}"
            write_fleet(folder, size)
            rows.append(_row(f"{size} hosts", folder, arguments.runs))
            print(json.dumps(rows[-1]), flush=True)
    rows.append(_row("reference", ROOT / "inventory/reference", arguments.runs))
    print(json.dumps(rows[-1]), flush=True)
    result = {"benchmark": "declaration", **machine, "note": arguments.note, "runs": arguments.runs, "rows": rows}
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
