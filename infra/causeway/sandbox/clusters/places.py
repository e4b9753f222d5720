"""Where the files of the clusters lie below a sandbox's home."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """The clusters' files of one sandbox. Everything but `kubeconfig` is inside `root`, which is for the owner only."""

    home: Path

    @property
    def root(self) -> Path:
        """All that the clusters keep. It is also kwokctl's work folder, and its home, so that it touches no other."""
        return self.home / "kubernetes"

    @property
    def kubeconfig(self) -> Path:
        """For the user: every cluster, contexts named as the clusters."""
        return self.home / "kubeconfig"

    def cluster(self, name: str) -> Path:
        """The folder that kwokctl keeps of one cluster."""
        return self.root / "clusters" / name

    def config(self, name: str) -> Path:
        """What kwokctl is given to make a cluster from."""
        return self.root / f"{name}.yaml"

    def components(self, name: str) -> Path:
        """What kwokctl has made of it: each component with its program and arguments."""
        return self.cluster(name) / "kwok.yaml"

    def digest(self, name: str) -> Path:
        """Written when a cluster is complete: says from what it was made."""
        return self.cluster(name) / "causeway.digest"

    def certificates(self, name: str) -> Path:
        """The authority, and the administrator's certificate and key."""
        return self.cluster(name) / "pki"

    def log(self, name: str) -> Path:
        """What kwokctl said."""
        return self.root / f"{name}.log"

    @property
    def controller_config(self) -> Path:
        """What the sandbox's controller works from."""
        return self.root / "controller.json"

    @property
    def controller_log(self) -> Path:
        """What the sandbox's controller says."""
        return self.root / "controller.log"

    @property
    def pod_logs(self) -> Path:
        """What `kubectl logs` shows of simulated containers."""
        return self.root / "pod-logs"
