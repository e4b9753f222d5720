"""A sandbox of three hosts with their cluster, and rollouts over them with playbooks that are quick."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from causeway import assets
from causeway.assets import Playbooks
from causeway.cluster.api import Api
from causeway.cluster.model import Access, Nodes
from causeway.cluster.nodes import ClusterNodes
from causeway.fleet.clusters import Rollout
from causeway.hosts.model import HostSpec, PoolOutcome, PoolSpec, Progress, Surroundings
from causeway.hosts.rollout import converge
from causeway.hosts.transport import OpenSshTransport
from tests.sandbox.small_fleet import Sandbox

HOSTS = ("asc-01", "asc-02", "asc-03")
CLUSTER = "north-test"
OWN = Path(__file__).parent / "playbooks"


def playbooks(folder: Path) -> Path:
    """A folder of playbooks: Causeway's own plugins and settings, and the plays of these tests."""
    folder.mkdir()
    real = assets.playbooks()
    shutil.copy(real / "ansible.cfg", folder)
    (folder / "plugins").symlink_to(real / "plugins")
    shutil.copy(OWN / "site.yml", folder)
    return folder


@dataclass
class Scene:
    """Where rollouts of these tests happen."""

    sandbox: Sandbox
    books: Path
    home: Path
    steps: list[Progress] = field(default_factory=list)
    ssh_config: Path | None = None
    """In place of the sandbox's own."""

    @property
    def environment(self) -> dict[str, str]:
        """What the provider's process would have, a secret among it."""
        place = self.sandbox.place
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/root"),
            "CAUSEWAY_SSH_CONFIG": str(self.ssh_config or place.ssh_config),
            "PULUMI_CONFIG_PASSPHRASE": "passphrase-of-the-state",
            "KUBECONFIG": str(place.home / "kubeconfig"),
        }

    def nodes(self) -> Nodes:
        """The cluster's nodes, over its API."""
        text = (self.sandbox.place.home / "kubeconfig").read_text(encoding="utf-8")
        return ClusterNodes(Api(Access(kubeconfig=text)))

    def spec(self, version: str, hosts: Sequence[str] = HOSTS, **more: Any) -> PoolSpec:
        """The pool at a version of its software; variables of single hosts as `own={host: {...}}`."""
        own: Mapping[str, Mapping[str, Any]] = more.pop("own", {})
        rollout = {"max_unavailable": 1, "drain_timeout": "20s", **more.pop("rollout", {})}
        joining = more.pop("joining", False)
        code = more.pop("code", "c1")
        place = {"causeway__fleet": self.sandbox.name, "causeway__cluster": CLUSTER, "causeway__pool": "ascend"}
        base = {**place, "ansible_become": True, "trial__version": version}
        return PoolSpec(
            stack=f"{self.sandbox.name}.{CLUSTER}",
            fleet=self.sandbox.name,
            cluster=CLUSTER,
            pool="ascend",
            hosts=tuple(
                HostSpec(name, f"ok {version} {code}", {**base, **own.get(name, {})}, joining=joining) for name in hosts
            ),
            rollout=Rollout.model_validate(rollout),
            time_zone="Asia/Shanghai",
            **more,
        )

    def go(
        self,
        spec: PoolSpec,
        before: Mapping[str, str] | None = None,
        names: Sequence[str] = (),
        *,
        home: Path | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        observer: Callable[[Progress], None] | None = None,
    ) -> PoolOutcome:
        """Converge in this process."""
        place = home or self.home
        self.steps.clear()

        def tell(step: Progress) -> None:
            self.steps.append(step)
            if observer is not None:
                observer(step)

        around = Surroundings(
            transport=OpenSshTransport(place, Playbooks(self.books), self.environment, probe_seconds=20),
            nodes=self.nodes(),
            now=now,
            sleep=time.sleep,
            cancelled=cancelled,
            observer=tell,
            home=place,
        )
        return converge(spec, before or {}, list(names) or [host.name for host in spec.hosts], around)

    def start(self, version: str, home: Path, seconds: float) -> subprocess.Popen[bytes]:
        """Converge in a process of its own, that a test may kill."""
        order = {
            "name": self.sandbox.name,
            "folder": str(self.sandbox.folder),
            "books": str(self.books),
            "home": str(home),
            "version": version,
            "seconds": seconds,
        }
        return subprocess.Popen(
            [sys.executable, "-m", "tests.hosts.drive", json.dumps(order)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def installs(self, host: str) -> list[str]:
        """Versions that were installed on a host, by the host's own log."""
        return self.sandbox.say(host, "cat /var/log/trial-installs 2>/dev/null || true").split()

    def stamp(self, host: str) -> dict[str, Any]:
        """What the host says of itself."""
        found: dict[str, Any] = json.loads(self.sandbox.say(host, "cat /var/lib/causeway/stamp.json"))
        return found

    def proved(self, host: str) -> str | None:
        """The version that the host's stamp proves."""
        text = self.sandbox.say(host, "cat /var/lib/causeway/stamp.json 2>/dev/null || echo null")
        try:
            found = json.loads(text)
        except ValueError:
            return None
        return found["intent"] if found and found["phase"] == "verified" and found["code"] == "c1" else None

    def cordoned(self) -> set[str]:
        """Hosts whose nodes take no pods."""
        return {name for name, node in self.nodes().read(HOSTS).items() if not node.schedulable}

    def reset(self) -> None:
        """Hosts as if nothing had ever run on them, in service at version v0."""
        for name in HOSTS:
            self.sandbox.say(name, "sudo rm -rf /var/lib/causeway /var/lib/trial-version /var/log/trial-installs")


def processes(*words: str) -> list[str]:
    """Running processes whose command line holds all these words."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if all(word in line for word in words):
            found.append(f"{path.parent.name} {line}")
    return found
