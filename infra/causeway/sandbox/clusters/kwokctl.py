"""Makes, starts and removes one control plane through kwokctl, and knows which of its components run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from causeway.errors import Retryable
from causeway.sandbox.clusters import kwok_config, processes
from causeway.sandbox.clusters.api import Access
from causeway.sandbox.clusters.places import Places
from causeway.sandbox.clusters.ports import LOOPBACK, free_ports

CREATE_TIMEOUT_S = 120
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok-controller")
_JOIN = 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"'


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A running cluster as the controller needs it: its API server, its version, where kwok answers for kubelets."""

    access: Access
    version: str
    kubelet_port: int


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """One cluster of a sandbox: where its files are, the programs it is made of, the cgroup its processes join."""

    name: str
    places: Places
    tools: Mapping[str, Path]
    cgroup: Path | None

    @property
    def folder(self) -> Path:
        """kwokctl's folder of this cluster."""
        return self.places.cluster(self.name)

    def create(self) -> None:
        """Make the cluster and start it; returns when its API server answers.

        Raises:
            Retryable: kwokctl failed; the end of its output is in the reason.
        """
        default_log = self.places.pod_logs / "simulated.log"
        document = kwok_config.documents(free_ports(len(kwok_config.PORT_OPTIONS)), default_log)
        config = self.places.config(self.name)
        config.write_text(yaml.dump_all(document, Dumper=_Dumper, sort_keys=False))
        self._kwokctl("create", "cluster", "--kubeconfig=", "--wait=0s")
        for private in self.places.certificates(self.name).iterdir():
            private.chmod(0o600)

    def start(self) -> None:
        """Start the components that do not run."""
        for name in self.missing():
            # kwokctl believes its pid files, but the pid may be another program's by now.
            (self.folder / "pids" / f"{name}.pid").unlink(missing_ok=True)
        processes.kill(processes.below(self.places.config(self.name)))  # a kwokctl whose `up` was killed
        self._kwokctl("start", "cluster")

    def remove(self) -> None:
        """End its processes, a kwokctl that still makes it among them, and delete its files."""
        processes.kill(processes.below(self.folder, self.places.config(self.name)))
        shutil.rmtree(self.folder, ignore_errors=True)
        self.places.config(self.name).unlink(missing_ok=True)

    def components(self) -> dict[str, tuple[str, ...]] | None:
        """The command line of each component, or None when kwokctl has not come so far."""
        try:
            loaded = yaml.load_all(self.places.components(self.name).read_bytes(), Loader=yaml.CSafeLoader)
            documents = [document for document in loaded if isinstance(document, dict)]
        except (FileNotFoundError, yaml.YAMLError):
            return None
        found: list[dict[str, Any]] = next(
            (d.get("components") or [] for d in documents if d.get("kind") == "KwokctlConfiguration"), []
        )
        lines = {entry["name"]: (entry["binary"], *entry.get("args", [])) for entry in found}
        return lines if set(COMPONENTS) <= set(lines) else None

    def missing(self) -> tuple[str, ...]:
        """The components that do not run; all of them where the cluster is not there."""
        wanted = self.components()
        if wanted is None:
            return COMPONENTS
        running = {process.argv for process in processes.below(self.folder)}
        return tuple(name for name in COMPONENTS if wanted[name] not in running)

    def access(self) -> Access | None:
        """How to reach its API server, or None when it was never complete."""
        components = self.components()
        if components is None:
            return None
        port = _argument(components["kube-apiserver"], "secure-port")
        folder = self.places.certificates(self.name)
        access = Access(
            self.name, f"https://{LOOPBACK}:{port}", folder / "ca.crt", folder / "admin.crt", folder / "admin.key"
        )
        return access if port and all(path.is_file() for path in (access.ca, access.certificate, access.key)) else None

    def kubelet_port(self) -> int:
        """Where kwok answers what the API server asks of kubelets."""
        return int(_argument((self.components() or {}).get("kwok-controller", ()), "node-port") or 0)

    def _kwokctl(self, *words: str) -> None:
        # The configuration's path also makes this process one that `remove` finds.
        config = str(self.places.config(self.name))
        argv = [str(self.tools["kwokctl"]), "--name", self.name, "--config", config, *words]
        if self.cgroup is not None:
            argv = ["sh", "-c", _JOIN, "sh", str(self.cgroup), *argv]
        log = self.places.log(self.name)
        with log.open("wb") as sink:
            try:
                done = subprocess.run(
                    argv,
                    env=self._environment(),
                    cwd=self.places.root,
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=sink,
                    timeout=CREATE_TIMEOUT_S,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise Retryable(
                    "cluster-start-timeout",
                    f"kwokctl did not finish in {CREATE_TIMEOUT_S} s",
                    subject=self.name,
                    where=str(log),
                    hint=f"look into {log} and {self.folder / 'logs'}, then run `causeway sandbox up` again",
                ) from error
        if done.returncode:
            raise Retryable(
                "cluster-start-failed",
                f"kwokctl ended with status {done.returncode}: {log.read_text(errors='replace').strip()[-1000:]}",
                subject=self.name,
                where=str(log),
                hint="run `causeway sandbox up` again; it repairs what is half made",
            )

    def _environment(self) -> dict[str, str]:
        """Nothing of the user's, so that no setting of another kwok leaks in and nothing is looked for on a network."""
        binaries = {variable: str(self.tools[name]) for variable, name in kwok_config.BINARIES.items()}
        fixed = {"KWOK_RUNTIME": "binary", "KWOK_WORKDIR": str(self.places.root), "HOME": str(self.places.root)}
        return {"PATH": os.environ.get("PATH", os.defpath)} | fixed | binaries


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are, so that a reader of the file can read the templates."""


def _multiline(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _multiline)


def _argument(line: tuple[str, ...], name: str) -> str:
    return next((word.partition("=")[2] for word in line if word.startswith(f"--{name}=")), "")
