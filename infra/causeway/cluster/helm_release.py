"""One release as Helm runs it: upgrade, rollback, uninstall, with access to its cluster and nothing secret in sight."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from causeway.cluster.charts import Chart
from causeway.cluster.helm import Ended, Helm
from causeway.cluster.model import Access
from causeway.cluster.records import MACHINE

Wait = Literal["watcher", "legacy"]
HISTORY = 10
"""Revisions that are kept, Helm's own default."""
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
_MARGIN_S = 60.0


@dataclass(frozen=True, slots=True)
class HelmRelease:
    """A release on a cluster.

    Args:
        machine: this machine's mark, kept at the revisions that it makes.
    """

    helm: Helm
    access: Access
    name: str
    namespace: str
    machine: str

    def upgrade(
        self,
        chart: Chart,
        values: Mapping[str, Any],
        timeout: float,
        cancelled: Callable[[], bool],
        *,
        take_back: bool,
        wait: Wait = "watcher",
    ) -> Ended:
        """Install or upgrade, and wait until it is ready.

        Args:
            take_back: whether fields that people changed by hand are taken back.
            wait: how Helm waits; only `watcher` waits for Jobs to begin, and so for ever for one that is held.
        """
        words = ["upgrade", self.name, str(chart.path), "--install", "--values", "-", "--reset-values", "--skip-crds"]
        words += [f"--wait={wait}", "--timeout", f"{timeout:.0f}s", "--history-max", str(HISTORY), "--server-side=true"]
        words += ["--hide-notes", "--labels", f"{MACHINE}={self.machine}"]
        if take_back:
            words.append("--force-conflicts")
        return self._run(words, json.dumps(values).encode(), timeout + _MARGIN_S, cancelled)

    def rollback(self, revision: int, timeout: float, wait: Wait = "watcher") -> Ended:
        """Bring back a revision and wait for it."""
        words = [
            "rollback",
            self.name,
            str(revision),
            f"--wait={wait}",
            "--timeout",
            f"{timeout:.0f}s",
            "--force-conflicts",
        ]
        return self._run([*words, "--server-side=true", "--history-max", str(HISTORY)], b"", timeout + _MARGIN_S)

    def uninstall(self, timeout: float, *, keep_history: bool) -> Ended:
        """Take it away, without waiting for its objects: Helm's wait gives up on what is still stopping.

        What is not there is fine.
        """
        words = ["uninstall", self.name, "--ignore-not-found", "--timeout", f"{timeout:.0f}s"]
        return self._run(
            [*words, "--cascade", "foreground", *(["--keep-history"] if keep_history else [])], b"", timeout + _MARGIN_S
        )

    def _run(
        self, words: list[str], stdin: bytes, timeout: float, cancelled: Callable[[], bool] = lambda: False
    ) -> Ended:
        with reach(self.access, self.helm.environ) as (options, extra):
            placed = [*words, "--namespace", self.namespace, *options]
            return self.helm.run(placed, stdin=stdin, extra=extra, cancelled=cancelled, timeout=timeout)


@contextmanager
def reach(access: Access, environ: Mapping[str, str]) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Options and environment by which a program reaches a cluster.

    A kubeconfig that is a secret lies in memory, readable by us alone, for as long as the program runs.
    """
    if access.kubeconfig is None:
        own = {"KUBECONFIG": environ["KUBECONFIG"]} if "KUBECONFIG" in environ else {}
        yield (["--kube-context", access.context] if access.context else []), own
        return
    in_memory = _MEMORY if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="causeway-", dir=in_memory))  # mode 0700
    try:
        file = folder / "kubeconfig"
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as sink:
            sink.write(access.kubeconfig)
        yield [], {"KUBECONFIG": str(file)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def machine_mark() -> str:
    """What tells this machine from others, as a label's value."""
    try:
        text = Path("/etc/machine-id").read_text("ascii").strip()
    except OSError:
        text = os.uname().nodename
    return text[:32] or "unknown"
