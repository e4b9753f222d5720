"""The hosts layer against plain Ansible, on hosts of a sandbox of its own: the probe, and a first run of site.yml.

* probe: Causeway's probe of all hosts, against `ansible -m setup` with pipelining and as many forks.
* first: a pool's first rollout (one wave, since nothing runs on the hosts yet), against `ansible-playbook site.yml`
  with pipelining, ControlPersist and as many forks, on fresh disks and with the same inventory.

Both alternate, and the one that begins alternates too. It needs root, takes a while, and says nothing on a busy
machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from causeway import assets
from causeway.assets import home_root
from causeway.fleet.clusters import Rollout
from causeway.hosts.inventory import inventory
from causeway.hosts.model import HostSpec, PoolSpec, Surroundings
from causeway.hosts.rollout import converge
from causeway.hosts.transport import OpenSshTransport
from causeway.sandbox.layout import layout

ROOT = Path(__file__).resolve().parent.parent
FORKS = 50
FLEET = """version: 1
name: {name}
parties:
  us:
    legal_name: Bench Ltd
    country: CN
    own: true
    ultimate_parent: {{legal_name: Bench Holding Ltd, country: CN, headquarters: CN}}
sites:
  north:
    country: CN
    tenure: owned
    owner: us
    operator: us
    time_zone: Asia/Shanghai
    data_classes: [china]
    mirrors: {{packages: "http://mirror.north.test"}}
    ssh: {{user: ops, become: true}}
clusters:
  north-bench:
    site: north
    purpose: inference
    kubernetes: {{version: "1.34", access: {{context: north-bench}}}}
    pools:
      h20:
        accelerator: h20
        accelerators_per_host: 8
        hosts: "bench-[01:{hosts:02d}]"
        os: {{id: debian, version: "12", architecture: x86_64}}
        drivers: {{driver: "580.95.05"}}
"""
VARIABLES = {
    "ansible_user": "ops",
    "ansible_become": True,
    "causeway__fleet": "bench",
    "causeway__site": "north",
    "causeway__cluster": "north-bench",
    "causeway__pool": "h20",
    "causeway__tenure": "owned",
    "causeway__accelerator": "h20",
    "causeway__accelerators_per_host": 8,
    "causeway__vendor": "nvidia",
    "causeway__pci_vendor": "10de",
    "causeway__pci_devices": ["2329"],
    "causeway__driver_role": "nvidia_driver",
    "causeway__os_architecture": "x86_64",
    "causeway__state": "in_service",
    "baseline_os__os_id": "debian",
    "baseline_os__os_version": "12",
    "baseline_os__mirror": "http://mirror.north.test",
    "container_runtime__mirror": "http://mirror.north.test",
    "nvidia_driver__mirror": "http://mirror.north.test",
    "nvidia_driver__driver_version": "580.95.05",
    "nvidia_driver__expected_accelerators": 8,
}


class Bench:
    """A sandbox of hosts, and the two ways to work on them."""

    def __init__(self, folder: Path, hosts: int) -> None:
        self.name = f"bench-{os.getpid()}-{secrets.token_hex(2)}"
        self.folder = folder
        self.hosts = {f"bench-{number:02d}": dict(VARIABLES) for number in range(1, hosts + 1)}
        (folder / "fleet.yaml").write_text(FLEET.format(name=self.name, hosts=hosts), encoding="utf-8")
        self.environment = {**os.environ, "CAUSEWAY_CACHE": str(ROOT / ".causeway" / "cache")}
        self.place = layout(self.name, home_root(folder, self.environment), self.environment)
        self.environment["CAUSEWAY_SSH_CONFIG"] = str(self.place.ssh_config)

    def sandbox(self, *words: str) -> None:
        """A `causeway sandbox` command."""
        group, *rest = words
        argv = [sys.executable, "-m", "causeway.cli.app", "sandbox", group, "--fleet", str(self.folder), *rest]
        subprocess.run(argv, env=self.environment, check=True, capture_output=True)

    def tuned(self) -> dict[str, str]:
        """The environment of an `ansible-playbook` that somebody tuned."""
        sockets = Path(tempfile.mkdtemp(prefix="b", dir="/dev/shm"))
        return self.environment | {
            "ANSIBLE_CONFIG": str(assets.playbooks() / "ansible.cfg"),
            "ANSIBLE_INVENTORY_ENABLED": "ansible.builtin.yaml",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(sockets),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def ansible(self, *words: str) -> None:
        """Plain Ansible, with its masters closed afterwards as Causeway closes its own."""
        environment = self.tuned()
        path = self.folder / "hosts.json"
        wanted = {"causeway__intent": "bench", "causeway__code": "", "causeway__desired": "ok bench"}
        hosts = {name: {**own, **wanted} for name, own in self.hosts.items()}
        path.write_text(json.dumps(inventory(hosts, str(self.place.ssh_config))), encoding="utf-8")
        program, *rest = words
        try:
            argv = [program, "-i", str(path), "-f", str(FORKS), *rest]
            done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                bad = [line for line in done.stdout.splitlines() if "UNREACHABLE" in line or "FAILED" in line]
                raise SystemExit("\n".join((*bad[:5], done.stderr[-1000:])))
        finally:
            sockets = Path(environment["ANSIBLE_SSH_CONTROL_PATH_DIR"])
            for socket in sockets.iterdir():
                closing = ["ssh", "-F", "/dev/null", "-O", "exit", "-o", f"ControlPath={socket}", "master"]
                subprocess.run(closing, capture_output=True, check=False)
            shutil.rmtree(sockets, ignore_errors=True)

    def transport(self) -> OpenSshTransport:
        """Causeway's way to the hosts."""
        return OpenSshTransport(self.folder / "home", environment=self.environment)

    def probe(self) -> None:
        """Causeway's probe of all hosts."""
        found = self.transport().probe(self.hosts, lambda: False)
        silent = {name: facts.unreachable for name, facts in found.items() if facts.facts is None}
        if silent:
            raise SystemExit(f"no answer: {silent}")

    def setup(self) -> None:
        """Ansible's own facts."""
        self.ansible("ansible", "all", "-m", "ansible.builtin.setup")

    def site(self) -> None:
        """Plain `ansible-playbook`."""
        self.ansible("ansible-playbook", str(assets.playbooks() / "site.yml"))

    def rollout(self) -> None:
        """A pool's first rollout."""
        spec = PoolSpec(
            stack=f"{self.name}.north-bench",
            fleet=self.name,
            cluster="north-bench",
            pool="h20",
            play="site",
            hosts=tuple(HostSpec(name, "ok bench", own, joining=True) for name, own in self.hosts.items()),
            rollout=Rollout(),
            time_zone="Asia/Shanghai",
        )
        around = Surroundings(
            transport=self.transport(),
            nodes=None,
            now=lambda: datetime.now(UTC),
            sleep=time.sleep,
            cancelled=lambda: False,
            observer=lambda _step: None,
            home=self.folder / "home",
        )
        outcome = converge(spec, {}, list(self.hosts), around)
        if set(outcome.states.values()) != {"ok bench"}:
            raise SystemExit(f"not all hosts are right: {outcome}")

    def fresh(self) -> None:
        """Fresh disks."""
        self.sandbox("reset")


def timed(work: Callable[[], None]) -> float:
    """Seconds that something takes."""
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def compare(
    label: str, mine: Callable[[], None], plain: Callable[[], None], prepare: Callable[[], None], runs: int
) -> Mapping[str, Any]:
    """Alternate two ways to do the same, and compare their medians."""
    seconds: dict[str, list[float]] = {"causeway": [], "plain": []}
    for run in range(runs):
        pair = [("causeway", mine), ("plain", plain)]
        for name, work in pair if run % 2 == 0 else reversed(pair):
            prepare()
            seconds[name].append(timed(work))
            print(f"{label} {run + 1}/{runs} {name}: {seconds[name][-1]:.2f} s", file=sys.stderr, flush=True)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "what": label,
        **{f"{name}_s": round(value, 2) for name, value in medians.items()},
        **{f"{name}_s_min_max": [round(min(v), 2), round(max(v), 2)] for name, v in seconds.items()},
        "causeway_to_plain": round(medians["causeway"] / medians["plain"], 3),
    }


def main() -> None:
    """Command line of the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=24, help="hosts of the sandbox")
    parser.add_argument("--runs", type=int, default=5, help="measurements of each way")
    parser.add_argument("--only", choices=["probe", "first"], help="measure one of them")
    parser.add_argument("--out", type=Path, help="file for the result as JSON")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("left out: the sandbox's hosts need root")
        return
    rows: list[Mapping[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(Path(scratch), arguments.hosts)
        try:
            bench.sandbox("up", "--hosts-only")
            if arguments.only != "first":
                rows.append(compare("probe", bench.probe, bench.setup, lambda: None, arguments.runs))
                print(json.dumps(rows[-1]), flush=True)
            if arguments.only != "probe":
                rows.append(compare("first", bench.rollout, bench.site, bench.fresh, arguments.runs))
                print(json.dumps(rows[-1]), flush=True)
        finally:
            bench.sandbox("down", "--name", bench.name)
    if arguments.out:
        peak = {
            who: round(resource.getrusage(kind).ru_maxrss / 1024, 1)
            for who, kind in (("own", resource.RUSAGE_SELF), ("children", resource.RUSAGE_CHILDREN))
        }
        about = {"python": platform.python_version(), "hosts": arguments.hosts, "runs": arguments.runs, "forks": FORKS}
        about |= {"processors": os.cpu_count() or 0}
        text = json.dumps({"benchmark": "hosts", **about, "peak_mb": peak, "rows": rows}, indent=2)
        arguments.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
