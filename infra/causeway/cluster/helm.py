"""Runs `helm` as a process that can be stopped: a group of its own, a small environment, documents over pipes.

Nothing secret and no values ever stand in its arguments. SIGTERM comes first and lets Helm close its release's record;
SIGKILL follows when it does not.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from causeway.errors import Permanent

_KEPT = ("HOME", "PATH", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
"""What Helm, and the credential programs that a kubeconfig names, may need; nobody's passphrase is among them."""
_KEPT_PREFIXES = ("XDG_", "AWS_", "AZURE_", "GOOGLE_", "CLOUDSDK_", "ALIBABA_", "HUAWEICLOUD_")
_POLL_S = 0.05
_GRACE_S = 20.0
"""After SIGTERM: Helm writes its release's record, which may take a slow API server seconds."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of Helm ended."""

    status: int
    out: bytes
    error: str
    stopped: bool = False
    """Whether it was told to stop."""


def find(name: str, environ: Mapping[str, str]) -> Path | None:
    """A program, first in the environment's own folder, then on PATH."""
    own = Path(sys.prefix) / "bin" / name
    if os.access(own, os.X_OK) and own.is_file():
        return own
    found = shutil.which(name, path=environ.get("PATH", os.defpath))
    return Path(found) if found else None


@dataclass(frozen=True, slots=True)
class Helm:
    """The `helm` of this machine.

    Args:
        program: its file.
        environ: the environment to choose from.
    """

    program: Path
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def here(cls, environ: Mapping[str, str]) -> Helm:
        """The one that is installed.

        Raises:
            Permanent: there is none.
        """
        program = find("helm", environ)
        if program is None:
            reason = "not found beside this Python or on PATH"
            raise Permanent("tool-missing", reason, subject="helm", hint="make tools (causeway doctor tells more)")
        return cls(program, environ)

    def run(
        self,
        arguments: Sequence[str],
        *,
        stdin: bytes = b"",
        extra: Mapping[str, str] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        timeout: float | None = None,
    ) -> Ended:
        """Run it to its end.

        Args:
            arguments: without the program; nothing secret.
            stdin: a document for `--values -`.
            extra: more of the environment.
            cancelled: asked often; once true, Helm is stopped.
            timeout: seconds after which it is stopped as well.
        """
        return run([str(self.program), *arguments], self.environment(extra), stdin, cancelled, timeout)

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """What Helm gets of our environment: no plugins of the user's, no settings by HELM_ variables."""
        chosen = {
            name: value for name, value in self.environ.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)
        }
        return {**chosen, "HELM_PLUGINS": os.devnull, **(extra or {})}


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    stdin: bytes,
    cancelled: Callable[[], bool] = lambda: False,
    timeout: float | None = None,
) -> Ended:
    """Run a program in a group of its own, and leave nothing of it behind.

    When we are killed ourselves it is told to stop, where the system has `setpriv` (Linux).
    """
    child = subprocess.Popen(
        [*_bound_to_us(), *command],
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    gathered: list[tuple[bytes, bytes]] = []
    talk = threading.Thread(target=lambda: gathered.append(child.communicate(stdin)), daemon=True)
    talk.start()
    deadline = None if timeout is None else time.monotonic() + timeout
    stopped = False
    try:
        while talk.is_alive():
            talk.join(_POLL_S)
            if talk.is_alive() and (cancelled() or (deadline is not None and time.monotonic() > deadline)):
                stopped = True
                break
    finally:
        if talk.is_alive():
            _stop(child, talk)
    out, error = gathered[0] if gathered else (b"", b"")
    return Ended(child.returncode, out, error.decode(errors="replace").strip(), stopped)


@cache
def _bound_to_us() -> tuple[str, ...]:
    """The words before a command that let it end with us; none where the system cannot do that."""
    setpriv = shutil.which("setpriv")
    words = (setpriv, "--pdeathsig", "TERM") if setpriv else ()
    if not words:
        return ()
    return words if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0 else ()


def _stop(child: subprocess.Popen[bytes], talk: threading.Thread) -> None:
    for number, patience in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, _GRACE_S)):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        talk.join(patience)
        if not talk.is_alive():
            return
