"""How long a full run and a second run take, against Ansible doing as many trivial tasks; the facts against `setup`.

Boots hosts of its own in a sandbox (root, and what `causeway doctor --for sandbox` lists), one of each vendor and one
without accelerators. What is compared takes turns, and which goes first alternates, so that a drifting machine moves
both. A trivial task is `ansible.builtin.ping`: connection, Python and answer, and nothing to do. A run's tasks are
counted by its own recap, on the host that has most; those that only the controller works on count as well.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
NAME = f"bench-{os.getpid()}"
FLEET = """\
version: 1
name: {name}
parties:
  us:
    legal_name: Bench Ltd
    country: CN
    own: true
    ultimate_parent: {{legal_name: Bench Ltd, country: CN, headquarters: CN}}
sites:
  home:
    country: CN
    tenure: owned
    owner: us
    operator: us
    time_zone: Asia/Shanghai
    data_classes: [china]
    mirrors: {{packages: "http://mirror.home.test"}}
    ssh: {{user: ops, become: true}}
clusters:
  home:
    site: home
    purpose: inference
    kubernetes: {{version: "1.34", access: {{context: home}}}}
    pools:
      system:
        accelerator: null
        hosts: "{name}-sys-[1:1]"
        os: {{id: debian, version: "12", architecture: x86_64}}
      h20:
        accelerator: h20
        accelerators_per_host: 8
        hosts: "{name}-h20-[1:1]"
        os: {{id: debian, version: "12", architecture: x86_64}}
        drivers: {{driver: "580.95.05", container_toolkit: "1.20.0"}}
      cambricon:
        accelerator: mlu590-m9
        accelerators_per_host: 8
        hosts: "{name}-mlu-[1:1]"
        os: {{id: debian, version: "12", architecture: x86_64}}
        drivers: {{driver: "6.2.29", toolkit: "4.6.2-1"}}
      ascend:
        accelerator: ascend-910b3
        accelerators_per_host: 8
        hosts: "{name}-asc-[1:1]"
        os: {{id: debian, version: "12", architecture: x86_64}}
        drivers: {{driver: "25.5.0", firmware: "7.8.0.5.216", toolkit: "8.5.0"}}
"""
TRIVIAL = """\
- hosts: all
  gather_facts: false
  tasks:
"""
PARTS = ["facts", "second", "full"]
RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


class Hosts:
    """The sandbox's hosts, and Ansible on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fleet = folder / "fleet.yaml"
        self.home = folder / ".causeway" / "sandbox" / NAME
        self.environ = dict(os.environ, NO_COLOR="1", CAUSEWAY_CACHE=str(ROOT / ".causeway" / "cache"))
        for name in [name for name in self.environ if name.startswith(("ANSIBLE_", "CAUSEWAY_HOME", "CAUSEWAY_FLEET"))]:
            del self.environ[name]

    def sandbox(self, *words: str) -> None:
        """A `causeway sandbox` command.

        Raises:
            SystemExit: it failed.
        """
        argv = [str(BIN / "causeway"), "sandbox", *words, "--fleet", str(self.folder)]
        done = subprocess.run(argv, env=self.environ, check=False, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"error: sandbox {' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")

    def ansible(self, program: str, *words: str) -> tuple[float, str]:
        """Seconds that an Ansible program takes, and what it says.

        Raises:
            SystemExit: it failed.
        """
        argv = [str(BIN / program), "--inventory", str(self.fleet), "--forks", "10", *words]
        extra = {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_SSH_COMMON_ARGS": f'-F "{self.home}/ssh_config"',
            "ANSIBLE_SSH_CONTROL_PATH_DIR": f"/run/causeway/{NAME}/cm",
        }
        started = time.perf_counter()
        done = subprocess.run(argv, env=self.environ | extra, check=False, capture_output=True, text=True)
        seconds = time.perf_counter() - started
        if done.returncode:
            raise SystemExit(f"error: {' '.join(words)}: {done.stdout[-4000:]}{done.stderr[-2000:]}")
        return seconds, done.stdout


def turns(rounds: int, ways: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Seconds of each way; who goes first alternates."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds):
        names = list(ways)
        for name in names if turn % 2 == 0 else reversed(names):
            found[name].append(ways[name]())
    return found


def trivial(tasks: int) -> str:
    """A playbook of trivial tasks."""
    return TRIVIAL + "".join(f"    - {{name: task {n}, ansible.builtin.ping: }}\n" for n in range(tasks))


def row(what: str, tasks: int, ours: list[float], theirs: list[float], against: str) -> dict[str, Any]:
    """A line of the result."""
    return {
        "what": what,
        "tasks": tasks,
        "median_s": round(statistics.median(ours), 2),
        "min_max_s": [round(min(ours), 2), round(max(ours), 2)],
        "against": against,
        "against_median_s": round(statistics.median(theirs), 2),
        "against_min_max_s": [round(min(theirs), 2), round(max(theirs), 2)],
        "ratio": round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 2),
    }


def tasks_of(said: str) -> int:
    """Tasks that ran on the host that has most of them."""
    return max(int(ok) for _, ok, *_ in RECAP.findall(said))


def measure(hosts: Hosts, rounds: int, only: list[str]) -> list[dict[str, Any]]:
    """The lines that are asked for."""
    site = str(ROOT / "playbooks" / "site.yml")
    playbook = hosts.folder / "trivial.yml"

    def pings(count: int) -> Callable[[], float]:
        def run() -> float:
            playbook.write_text(trivial(count))
            return hosts.ansible("ansible-playbook", str(playbook))[0]

        return run

    def full() -> float:
        hosts.sandbox("reset")
        hosts.ansible("ansible", "all", "-m", "ping")
        return hosts.ansible("ansible-playbook", site)[0]

    def again() -> float:
        return hosts.ansible("ansible-playbook", site)[0]

    def module(name: str) -> Callable[[], float]:
        return lambda: hosts.ansible("ansible", "all", "-m", name)[0]

    lines = []
    first = tasks_of(hosts.ansible("ansible-playbook", site)[1])
    if "facts" in only:
        found = turns(rounds, {"ours": module("accelerator_facts"), "theirs": module("ansible.builtin.setup")})
        lines.append(row("facts", 1, found["ours"], found["theirs"], "ansible -m setup"))
    if "second" in only:
        said = hosts.ansible("ansible-playbook", site)[1]
        if sum(int(changed) for _, _, changed, *_ in RECAP.findall(said)):
            raise SystemExit(f"error: the second run changed something\n{said}")
        count = tasks_of(said)
        found = turns(rounds, {"ours": again, "theirs": pings(count)})
        lines.append(row("second run", count, found["ours"], found["theirs"], f"{count} trivial tasks"))
    if "full" in only:
        found = turns(rounds, {"ours": full, "theirs": pings(first)})
        lines.append(row("full run", first, found["ours"], found["theirs"], f"{first} trivial tasks"))
    return lines


def main() -> None:
    """Command line of the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each")
    parser.add_argument("--only", choices=PARTS, action="append", help="leave the others out; may come again")
    parser.add_argument("--out", type=Path, help="file for the result as JSON")
    arguments = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("systemd-nspawn"):
        sys.stdout.write("left out: the sandbox's hosts need root and systemd-nspawn\n")
        return
    folder = Path(tempfile.mkdtemp(prefix="causeway-bench-"))
    hosts = Hosts(folder)
    hosts.fleet.write_text(FLEET.format(name=NAME))
    try:
        hosts.sandbox("up", "--hosts-only")
        load = [round(os.getloadavg()[1], 1)]
        rows = measure(hosts, arguments.rounds, arguments.only or PARTS)
        load.append(round(os.getloadavg()[1], 1))
    finally:
        hosts.sandbox("down")
        shutil.rmtree(folder, ignore_errors=True)
    for each in rows:
        print(json.dumps(each), flush=True)
    if arguments.out:
        commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, check=False, capture_output=True, text=True
        )
        machine = {
            "day": time.strftime("%Y-%m-%d", time.gmtime()),
            "commit": commit.stdout.strip() or "unknown",
            "python": platform.python_version(),
            "machine": platform.machine(),
            "cpus": os.cpu_count(),
        }
        measured = {"rounds": arguments.rounds, "hosts": 4, "load_5m_before_and_after": load}
        result = {"benchmark": "roles", **machine, **measured, "rows": rows}
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
