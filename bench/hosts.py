"""The hosts layer against plain Ansible on one pool of a sandbox: the probe, a first run, and a run with nothing to do.

* probe: Causeway's probe of all hosts, against `ansible -m setup`.
* first: `pulumi up` of the pool on bare hosts (one wave, since nothing runs there yet), against
  `ansible-playbook site.yml`; each on fresh disks.
* unchanged: `causeway up` when nothing is to be done, against the same `ansible-playbook`.

Plain Ansible is tuned (pipelining, ControlPersist, as many forks, no `serial`) and gets its inventory ready-made, as a
file. Ways alternate, and the one that begins alternates too. It needs root and takes a while.
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
from pathlib import Path
from typing import Any

import yaml

from causeway import assets
from causeway.hosts.play import FORKS
from causeway.hosts.transport import OpenSshTransport

ROOT = Path(__file__).resolve().parent.parent
OWN = Path(sys.prefix) / "bin"
PARTS = ("probe", "first", "unchanged")
GOALS = {"probe": "at least 8 times faster", "first": "at most 1.10 times", "unchanged": "at least 20 times faster"}
DAY = "2026-11-22"
PROJECT = """name: causeway
main: {root}/infra/
runtime: python
plugins:
  providers:
    - name: causeway
      path: {root}/infra/plugin
"""
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
  bench:
    site: north
    purpose: inference
    delivery: argocd  # only hosts are measured: releases are not ours to apply
    kubernetes: {{version: "1.34", access: {{context: bench}}}}
    pools:
      h20:
        accelerator: h20
        accelerators_per_host: 8
        hosts: "bench-[01:{hosts:02d}]"
        os: {{id: debian, version: "12", architecture: x86_64}}
        drivers: {{driver: "580.95.05"}}
        authorisations: [{{id: BENCH-0001, rule: us-h20-letter, valid_until: 2027-12-31}}]
"""


class Bench:
    """A sandbox with one cluster of one pool, and the two ways to work on its hosts."""

    def __init__(self, folder: Path, hosts: int) -> None:
        self.name = f"bench-{os.getpid()}-{secrets.token_hex(2)}"
        self.folder = folder
        self.fleet = folder / "inventory" / self.name
        self.fleet.mkdir(parents=True)
        (self.fleet / "fleet.yaml").write_text(FLEET.format(name=self.name, hosts=hosts), encoding="utf-8")
        (folder / "Pulumi.yaml").write_text(PROJECT.format(root=ROOT), encoding="utf-8")
        unset = ("PULUMI_", "ANSIBLE_", "KUBECONFIG", "CAUSEWAY_")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(unset)}
        self.environment["CAUSEWAY_CACHE"] = os.environ.get("CAUSEWAY_CACHE", str(ROOT / ".causeway" / "cache"))
        self.sockets = Path(tempfile.mkdtemp(prefix="b", dir="/dev/shm"))

    def causeway(self, *words: str) -> str:
        """A command of `causeway` on this fleet, and what it prints."""
        argv = [sys.executable, "-m", "causeway.cli.app", *words, "--fleet", str(self.fleet)]
        return self._run(argv, self.environment)

    def begin(self) -> None:
        """Bring the sandbox up, make the stack, and keep Ansible's inventory as a file."""
        self.causeway("sandbox", "up")
        self.causeway("preview", "--as-of", DAY)
        self.environment |= json.loads(self.causeway("env", "--json"))["variables"]
        listed = [str(OWN / "ansible-inventory"), "--list", "--yaml", "--export", "--output"]
        self._run([*listed, str(self.folder / "hosts.yaml")], self.environment)
        self.environment |= {
            "ANSIBLE_INVENTORY": str(self.folder / "hosts.yaml"),
            "ANSIBLE_INVENTORY_ENABLED": "ansible.builtin.yaml",
            "ANSIBLE_FORKS": str(FORKS),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.sockets),
        }

    def end(self) -> None:
        """Leave nothing behind."""
        self.causeway("sandbox", "down")
        shutil.rmtree(self.sockets, ignore_errors=True)

    def fresh(self) -> None:
        """Bare hosts, and a stack that knows of none."""
        self.causeway("destroy", "bench", "--yes")
        self.causeway("sandbox", "reset")
        self.causeway("preview", "--as-of", DAY)

    def done(self) -> None:
        """Hosts on which everything is done."""
        self.causeway("up", "--yes", "--as-of", DAY)

    def probe(self) -> None:
        """Causeway's probe of all hosts."""
        groups = yaml.safe_load((self.folder / "hosts.yaml").read_text(encoding="utf-8"))
        transport = OpenSshTransport(self.folder / "home", assets.playbooks_of(self.fleet), self.environment)
        found = transport.probe(_hosts(groups), lambda: False)
        silent = {name: facts.unreachable for name, facts in found.items() if facts.facts is None}
        if silent or not found:
            raise SystemExit(f"no answer: {silent}")

    def first(self) -> None:
        """`pulumi up` of the stack; what it says must be that all hosts are right."""
        self._run(
            [
                str(OWN / "pulumi"),
                "up",
                "--yes",
                "--skip-preview",
                "--non-interactive",
                "--stack",
                f"{self.name}.bench",
            ],
            self.environment,
        )

    def unchanged(self) -> None:
        """`causeway up`, which must find nothing to do."""
        said = json.loads(self.causeway("up", "--yes", "--json", "--as-of", DAY))
        if [stack["result"] for stack in said["stacks"]] != ["unchanged"]:
            raise SystemExit(f"something changed: {said}")

    def setup(self) -> None:
        """Ansible's own facts."""
        self._ansible("ansible", "all", "-m", "ansible.builtin.setup")

    def site(self) -> None:
        """Plain `ansible-playbook`."""
        self._ansible("ansible-playbook", str(assets.playbooks() / "site.yml"))

    def _ansible(self, program: str, *words: str) -> None:
        """Plain Ansible, with its connections closed afterwards as Causeway closes its own."""
        try:
            self._run([str(OWN / program), *words], self.environment)
        finally:
            for socket in self.sockets.iterdir():
                closing = ["ssh", "-F", "/dev/null", "-O", "exit", "-o", f"ControlPath={socket}", "master"]
                subprocess.run(closing, capture_output=True, check=False)

    def _run(self, argv: list[str], environment: Mapping[str, str]) -> str:
        done = subprocess.run(
            argv,
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(argv)}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}")
        return done.stdout


def _hosts(group: Any) -> dict[str, dict[str, Any]]:
    """Hosts with their variables from an inventory, whatever group they are in."""
    found: dict[str, dict[str, Any]] = {}
    if isinstance(group, dict):
        for key, inner in group.items():
            if key == "hosts":
                for name, own in inner.items():
                    found.setdefault(name, {}).update(own or {})
            elif key != "vars":
                for name, own in _hosts(inner).items():
                    found.setdefault(name, {}).update(own)
    return found


def _processor_time() -> float:
    """Seconds of processor time of this process and of those it started and saw the end of: not the hosts' own."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def compare(
    part: str, mine: Callable[[], None], plain: Callable[[], None], prepare: Callable[[], None], runs: int
) -> dict[str, Any]:
    """Alternate two ways to do the same, and compare their medians."""
    seconds: dict[str, list[float]] = {"causeway": [], "ansible": []}
    own: dict[str, list[float]] = {"causeway": [], "ansible": []}
    for run in range(runs):
        pair = [("causeway", mine), ("ansible", plain)]
        for name, work in pair if run % 2 == 0 else reversed(pair):
            prepare()
            before, used = time.perf_counter(), _processor_time()
            work()
            seconds[name].append(time.perf_counter() - before)
            own[name].append(_processor_time() - used)
            print(
                f"{part} {run + 1}/{runs} {name}: {seconds[name][-1]:.2f} s, {own[name][-1]:.2f} s of processor time",
                file=sys.stderr,
                flush=True,
            )
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    clients = {name: statistics.median(values) for name, values in own.items()}
    return {
        "what": part,
        **{f"{name}_s": round(value, 2) for name, value in medians.items()},
        **{f"{name}_s_min_max": [round(min(v), 2), round(max(v), 2)] for name, v in seconds.items()},
        "causeway_to_ansible": round(medians["causeway"] / medians["ansible"], 3),
        "ansible_to_causeway": round(medians["ansible"] / medians["causeway"], 1),
        **{f"{name}_client_cpu_s": round(value, 2) for name, value in clients.items()},
        "ansible_to_causeway_client_cpu": round(clients["ansible"] / clients["causeway"], 1),
        "goal": GOALS[part],
        "load": [round(value, 1) for value in os.getloadavg()],
    }


def measure(bench: Bench, parts: list[str], hosts: int, runs: int) -> list[dict[str, Any]]:
    """Measure the parts, each told as soon as it is there."""
    rows: list[dict[str, Any]] = []
    words = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True).stdout.strip() or "unknown"
    about = {"hosts": hosts, "runs": runs, "day": time.strftime("%Y-%m-%d", time.gmtime()), "commit": commit}

    def keep(row: dict[str, Any]) -> None:
        rows.append({**row, **about})
        print(json.dumps(rows[-1]), flush=True)

    if "probe" in parts:
        bench.probe()  # both once unmeasured: the hosts have only just booted
        bench.setup()
        keep(compare("probe", bench.probe, bench.setup, lambda: None, runs))
    if "first" in parts:
        keep(compare("first", bench.first, bench.site, bench.fresh, runs))
    if "unchanged" in parts:
        bench.done()
        keep(compare("unchanged", bench.unchanged, bench.site, lambda: None, runs))
    return rows


def main() -> None:
    """Command line of the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=24, help="hosts of the sandbox")
    parser.add_argument("--runs", type=int, default=5, help="measurements of each way")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this; may be said more than once")
    parser.add_argument("--out", type=Path, help="file for the result as JSON; it keeps what was not measured now")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("left out: the sandbox's hosts need root")
        return
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(Path(scratch), options.hosts)
        try:
            bench.begin()
            rows = measure(bench, options.only or list(PARTS), options.hosts, options.runs)
        finally:
            bench.end()
    if options.out:
        before = json.loads(options.out.read_text(encoding="utf-8"))["rows"] if options.out.is_file() else []
        measured = {row["what"] for row in rows}
        rows = [*(row for row in before if row["what"] not in measured), *rows]
        peak = {
            who: round(resource.getrusage(kind).ru_maxrss / 1024, 1)
            for who, kind in (("own", resource.RUSAGE_SELF), ("largest_child", resource.RUSAGE_CHILDREN))
        }
        about = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "python": platform.python_version(),
            "forks": FORKS,
        }
        text = json.dumps({"benchmark": "hosts", **about, "peak_mb": peak, "rows": rows}, indent=2)
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
