"""A fleet with hosts and clusters of its own, and `causeway up` on it as a user runs it."""

from __future__ import annotations

import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tests.sandbox.small_fleet import CAUSEWAY, REPOSITORY, Sandbox, make

HERE = Path(__file__).parent
UP_TIMEOUT_S = 600
AS_OF = "2026-11-22"
STAMP = "/var/lib/causeway/stamp.json"
PROJECT = """\
name: causeway
main: {repository}/infra/
runtime: python
plugins:
  providers:
    - name: causeway
      path: {repository}/infra/plugin
"""


@dataclass(frozen=True)
class Ended:
    """A command of `causeway` that ended."""

    status: int
    document: dict[str, Any]
    text: str

    def stack(self, cluster: str) -> dict[str, Any]:
        """The report of one stack."""
        found = [each for each in self.document["stacks"] if each["stack"].endswith(f".{cluster}")]
        assert len(found) == 1, self.text
        return dict(found[0])

    def results(self) -> dict[str, str]:
        """Result by cluster."""
        return {each["stack"].partition(".")[2]: each["result"] for each in self.document["stacks"]}

    def hosts(self) -> dict[str, str]:
        """Phase of each host that the run told of."""
        return {host["host"]: host["phase"] for each in self.document["stacks"] for host in each["hosts"]}


@dataclass
class World:
    """The fleet of a test session. `fleet` is its declaration as data: change it, then `declare`."""

    sandbox: Sandbox
    fleet: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def root(self) -> Path:
        """Holds `Pulumi.yaml`, `inventory/` and `.causeway/`."""
        return self.sandbox.folder.parent.parent

    def declare(self) -> None:
        """Write the declaration."""
        (self.sandbox.folder / "fleet.yaml").write_text(yaml.safe_dump(self.fleet, sort_keys=False))

    def environ(self, **more: str) -> dict[str, str]:
        """The environment of a user who has set nothing but what the world says."""
        own = ("PULUMI_", "ANSIBLE_", "KUBECONFIG", "CAUSEWAY_SSH_CONFIG")
        kept = {name: value for name, value in self.sandbox.environ.items() if not name.startswith(own)}
        return {**kept, **self.extra, **more}

    def argv(self, command: str, *words: str) -> list[str]:
        """A command of `causeway` on this fleet."""
        return [*CAUSEWAY, command, "--fleet", str(self.sandbox.folder), *words]

    def run(self, command: str, *words: str, expect: int | None = 0, **environ: str) -> Ended:
        """A command with `--json` that ends as expected."""
        done = subprocess.run(
            [*self.argv(command, *words), "--json"],
            env=self.environ(**environ),
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=UP_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        told = f"{command} {words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert expect is None or done.returncode == expect, told
        return Ended(done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else {}, told)

    def up(self, *words: str, expect: int | None = 0) -> Ended:
        """`causeway up` without questions, on the day of the fleet."""
        return self.run("up", "--yes", "--as-of", AS_OF, *words, expect=expect)

    @contextmanager
    def going_up(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """`causeway up`, left running in a session of its own; nothing of it is left afterwards, whatever happened."""
        self.began = datetime.now(UTC)
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                self.argv("up", "--yes", "--as-of", AS_OF, *words),
                env=self.environ(),
                cwd=self.root,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                kill_tree(process)

    @property
    def _log(self) -> Path:
        return self.root / "up.log"

    def told(self) -> str:
        """What the run that is going, or went last, has told its user so far."""
        return self._log.read_text(encoding="utf-8")

    def say(self, host: str, command: str) -> str:
        """What a command on a host prints, as root; the connection is closed afterwards."""
        done = self.sandbox.ssh(
            host, f"sudo sh -c {json.dumps(command)}", "-o", "ControlMaster=no", "-o", "ControlPath=none"
        )
        assert done.returncode == 0, f"{host}: {command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def stamp(self, host: str) -> dict[str, Any]:
        """A host's stamp."""
        return dict(json.loads(self.say(host, f"cat {STAMP}")))

    def kubectl(self, cluster: str, *words: str) -> Any:
        """What `kubectl ... -o json` says."""
        return json.loads(self._kubectl(cluster, *words, "-o", "json"))

    def _kubectl(self, cluster: str, *words: str, stdin: str | None = None) -> str:
        argv = [
            str(Path(sys.executable).with_name("kubectl")),
            "--kubeconfig",
            str(self.sandbox.place.home / "kubeconfig"),
            "--context",
            cluster,
            *words,
        ]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, input=stdin)
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout

    def apply(self, cluster: str, document: dict[str, Any]) -> None:
        """Create an object."""
        self._kubectl(cluster, "apply", "-f", "-", stdin=json.dumps(document))

    def remove(self, cluster: str, kind: str, namespace: str, name: str) -> None:
        """Delete an object, if it is there."""
        self._kubectl(cluster, "delete", kind, "-n", namespace, name, "--ignore-not-found")

    def pods(self, cluster: str, selector: str) -> list[dict[str, Any]]:
        """Pods with these labels, in every namespace."""
        return list(self.kubectl(cluster, "get", "pods", "-A", "-l", selector)["items"])

    def node(self, cluster: str, host: str) -> dict[str, Any]:
        """A host's node."""
        return dict(self.kubectl(cluster, "get", "node", host))

    @contextmanager
    def out_of_service(self, cluster: str) -> Iterator[list[frozenset[str]]]:
        """The cordoned nodes, as the API server shows them again and again meanwhile."""
        over = threading.Event()
        seen: list[frozenset[str]] = []

        def watch() -> None:
            while not over.is_set():
                nodes = self.kubectl(cluster, "get", "nodes")["items"]
                seen.append(frozenset(node["metadata"]["name"] for node in nodes if node["spec"].get("unschedulable")))
                time.sleep(0.3)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield seen
        finally:
            over.set()
            watcher.join()

    def pulumi(self, cluster: str, *words: str, stdin: str | None = None) -> Any:
        """What `pulumi` prints as JSON for a stack, in the environment that `causeway env` makes; None for nothing."""
        environ = self.environ()
        said = subprocess.run(self.argv("env", "--json"), env=environ, cwd=self.root, capture_output=True, check=True)
        program = str(Path(sys.executable).with_name("pulumi"))
        done = subprocess.run(
            [program, *words, "--stack", f"{self.sandbox.name}.{cluster}"],
            env=environ | json.loads(said.stdout)["variables"],
            cwd=self.root,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout) if done.stdout.startswith("{") else None

    def resources(self, cluster: str) -> list[dict[str, Any]]:
        """A stack's resources."""
        exported = self.pulumi(cluster, "stack", "export")
        return list(exported["deployment"].get("resources", []))

    def host_steps(self, cluster: str) -> list[dict[str, Any]]:
        """The steps of single hosts among `steps`."""
        return [each for each in self.steps(cluster) if each["host"]]

    def steps(self, cluster: str) -> list[dict[str, Any]]:
        """What the run that is going has told of a stack's hosts so far."""
        logs = self.root / ".causeway" / "logs"
        newest = max(each for each in logs.iterdir() if not each.name.startswith("."))
        file = newest / f"{self.sandbox.name}.{cluster}.up.events.jsonl"
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        told = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
        return [each for each in told if datetime.fromisoformat(each["at"]) >= self.began]


def processes(word: str) -> list[int]:
    """Processes whose command line holds a word."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace")
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if word in words and state != "Z" and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


def alive(pid: int, word: str) -> bool:
    """Whether a process is there, does not only wait to be asked for its end, and has a word in its command line."""
    return pid in processes(word)


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """`kill -9` of a command and of everything below it, as when its machine is lost."""
    for pid in [*descendants(process.pid), process.pid]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait(30)


def descendants(pid: int) -> list[int]:
    """Processes below a process, the lowest first."""
    try:
        lists = [file.read_text().split() for file in Path(f"/proc/{pid}/task").glob("*/children")]  # by thread
    except OSError:
        return []
    return [each for words in lists for child in map(int, words) for each in [*descendants(child), child]]


def make_world(folder: Path) -> World:
    """A world below a folder, declared and not up."""
    inventory = folder / "inventory"
    inventory.mkdir(parents=True)
    sandbox = make(inventory)
    (folder / "Pulumi.yaml").write_text(PROJECT.format(repository=REPOSITORY))
    content = yaml.safe_load((HERE / "fleet.yaml.template").read_text(encoding="utf-8"))
    content["name"] = sandbox.name
    world = World(sandbox, content)
    world.declare()
    return world


def make_second_clone(world: World) -> World:
    """The same declaration in another folder, with the first one's backend, passphrase and access, and nothing else."""
    root = world.root.with_name(f"{world.root.name}-second")
    folder = root / "inventory" / world.sandbox.folder.name
    shutil.copytree(world.sandbox.folder, folder)
    for file in [world.root / "Pulumi.yaml", *world.root.glob("Pulumi.*.yaml")]:
        shutil.copy(file, root / file.name)
    home, first = root / ".causeway", world.root / ".causeway"
    place = world.sandbox.place
    extra = {
        "PULUMI_BACKEND_URL": (first / "state").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(first / "passphrase"),
        "KUBECONFIG": str(place.home / "kubeconfig"),
        "CAUSEWAY_SSH_CONFIG": str(place.ssh_config),
        "CAUSEWAY_HOME": str(home),
    }
    sandbox = Sandbox(world.sandbox.name, folder, dict(world.sandbox.environ))
    return World(sandbox, copy.deepcopy(world.fleet), extra)
