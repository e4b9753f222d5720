"""A small fleet under a name of its own for a test, and the commands on its sandbox."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from causeway.assets import home_root
from causeway.sandbox.cgroup import of_fleet
from causeway.sandbox.layout import RUN_ROOT, Layout, layout

REPOSITORY = Path(__file__).parents[2]
CAUSEWAY = [sys.executable, "-m", "causeway.cli.app"]
PREFIX = "t"
UP_TIMEOUT_S = 240
HOSTS = ("asc-01", "nvl-01")

FLEET = """\
version: 1
name: {name}
parties:
  tenant:
    legal_name: Example Platform Ltd
    country: CN
    own: true
    ultimate_parent: {{legal_name: Example Holding Ltd, country: KY, headquarters: CN}}
sites:
  north:
    country: CN
    tenure: owned
    owner: tenant
    operator: tenant
    time_zone: Asia/Shanghai
    data_classes: [china]
    mirrors: {{packages: "http://mirror.north.test"}}
    ssh: {{user: ops, become: true}}
clusters:
  north-test:
    site: north
    purpose: inference
    kubernetes: {{version: "1.34", access: {{context: north-test}}}}
    pools:
      ascend:
        accelerator: ascend-910b3
        accelerators_per_host: 8
        hosts: "asc-[01:{ascend:02d}]"
        os: {{id: debian, version: "12", architecture: x86_64}}
        fabric: {{kind: roce, ports_per_host: 8, speed_gbps: 200, addresses: "10.21.{{host}}.{{port}}/16"}}
        drivers: {{driver: "25.5.0", firmware: "7.8.0.5.216"}}
      h200:
        accelerator: h200-sxm
        accelerators_per_host: 4
        hosts: "nvl-[01:01]"
        os: {{id: debian, version: "12", architecture: x86_64}}
        fabric: {{kind: infiniband, ports_per_host: 2, speed_gbps: 400}}
        drivers: {{driver: "580.95.05"}}
"""


@dataclass(frozen=True)
class Sandbox:
    """A fleet of a test, and the commands on it."""

    name: str
    folder: Path
    environ: dict[str, str]

    @property
    def place(self) -> Layout:
        return layout(self.name, home_root(self.folder, self.environ), self.environ)

    def declare(self, *, ascend: int = 1) -> None:
        """Write the declaration, with so many Ascend hosts."""
        (self.folder / "fleet.yaml").write_text(FLEET.format(name=self.name, ascend=ascend))

    def argv(self, *words: str) -> list[str]:
        group, *rest = words
        return [*CAUSEWAY, "sandbox", group, "--fleet", str(self.folder), *rest]

    def run(self, *words: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        """A `causeway sandbox` command that ends as expected."""
        done = subprocess.run(
            self.argv(*words),
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=UP_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == expect, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def up(self) -> dict[str, object]:
        """`up` of the hosts; what it says as JSON."""
        found: dict[str, object] = json.loads(self.run("up", "--hosts-only", "--json").stdout)
        return found

    def start_up(self) -> subprocess.Popen[bytes]:
        """`up` of the hosts, left running."""
        return subprocess.Popen(
            self.argv("up", "--hosts-only"), env=self.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def ssh(self, host: str, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Plain ssh with the file that `up` wrote."""
        return subprocess.run(
            ["ssh", "-F", str(self.place.ssh_config), *options, host, "--", command],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def say(self, host: str, command: str) -> str:
        """What a command on a host prints; it must succeed."""
        done = self.ssh(host, command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def ansible(self, *words: str) -> str:
        """What plain `ansible` says, with the inventory that `up` wrote."""
        program = Path(sys.executable).with_name("ansible")
        done = subprocess.run(
            [program, "-i", str(self.place.ansible_inventory), *words],
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
        )
        return done.stdout + done.stderr

    def traces(self) -> list[str]:
        """Everything on the machine that is this sandbox's: it has to be empty after `down`."""
        found = [
            f"run {path}" for path in (self.place.run, self.place.home, RUN_ROOT / "locks" / self.name) if path.exists()
        ]
        if of_fleet(self.name).path.exists():
            found.append(f"cgroup {of_fleet(self.name).path}")
        if Path(f"/run/netns/cw-{self.name}").exists():
            found.append("network namespace")
        found += [
            f"mount {line}" for line in Path("/proc/self/mountinfo").read_text().splitlines() if self.name in line
        ]
        own = os.getpid()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                groups = (process / "cgroup").read_text()
                state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if state != "Z" and int(process.name) != own and (self.name in words or self.name in groups):
                found.append(f"process {process.name} {words}")
        return found


def make(folder: Path) -> Sandbox:
    """A fleet under a name that no other has; the number of this process in it lets a later run sweep it."""
    name = f"{PREFIX}-{os.getpid()}-{secrets.token_hex(3)}"
    environ = dict(os.environ, CAUSEWAY_CACHE=str(REPOSITORY / ".causeway" / "cache"), NO_COLOR="1")
    for variable in ("CAUSEWAY_HOME", "CAUSEWAY_FLEET"):
        environ.pop(variable, None)
    made = Sandbox(name, folder / name, environ)
    made.folder.mkdir()
    made.declare()
    return made


def sweep() -> None:
    """Take down what test runs that were killed have left."""
    for note in RUN_ROOT.glob(f"{PREFIX}-*-*/home"):
        name = note.parent.name
        if not Path(f"/proc/{name.split('-')[1]}").exists():
            subprocess.run([*CAUSEWAY, "sandbox", "down", "--name", name], capture_output=True, check=False, timeout=60)
