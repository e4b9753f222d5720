"""The two daemons in a sandbox's network: the dialer that lets SSH in, and the web server of the mirror."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from causeway.errors import Retryable
from causeway.sandbox import connect, dialer, serve
from causeway.sandbox.cgroup import of_fleet
from causeway.sandbox.command import spawn
from causeway.sandbox.layout import Layout
from causeway.sandbox.spec import MIRROR_ADDRESS, SandboxSpec
from causeway.sandbox.ssh import invoking_user

DIALER, MIRROR = "dialer", "mirror"
TIMEOUT_S = 15.0
POLL_S = 0.02


def ensure_dialer(layout: Layout) -> bool:
    """Let the dialer run. Returns whether it had to be started.

    Raises:
        Retryable: it does not answer.
    """
    argv = [dialer.__file__, str(layout.dialer_socket), *(str(number) for number in invoking_user())]
    changed = _ensure(layout, DIALER, argv)
    if changed:
        layout.dialer_socket.unlink(missing_ok=True)
        _start(layout, DIALER, argv)
        _wait(layout, DIALER, layout.dialer_socket.exists)
    return changed


def ensure_mirror(layout: Layout, spec: SandboxSpec, tree: Path) -> bool:
    """Let the web server serve `tree`. Returns whether it had to be started.

    Raises:
        Retryable: it does not answer.
    """
    ports = sorted({port for _, port in spec.mirrors} or {80})
    argv = [serve.__file__, str(tree), str(MIRROR_ADDRESS), *(str(port) for port in ports)]
    changed = _ensure(layout, MIRROR, argv)
    if changed:
        _start(layout, MIRROR, argv)
        _wait(layout, MIRROR, lambda: _listens(layout, ports[-1]))
    return changed


def running(layout: Layout, name: str) -> bool:
    """Whether the daemon runs."""
    return (of_fleet(layout.fleet) / name).populated


def _ensure(layout: Layout, name: str, argv: list[str]) -> bool:
    """Whether it has to be started: it does not run, or not with these arguments (then it is ended)."""
    group = of_fleet(layout.fleet) / name
    wanted = "\0".join(argv).encode()
    for pid in group.pids():
        try:
            if wanted in Path(f"/proc/{pid}/cmdline").read_bytes():
                return False
        except OSError:  # it ended while we looked
            continue
    group.kill()
    return True


def _start(layout: Layout, name: str, argv: list[str]) -> None:
    spawn(
        [sys.executable, "-I", "-S", *argv],
        cgroup=(of_fleet(layout.fleet) / name).path,
        log=layout.logs / f"{name}.log",
        netns=layout.netns,
    )


def _listens(layout: Layout, port: int) -> bool:
    try:
        connect.dial(str(layout.dialer_socket), str(MIRROR_ADDRESS), port, 1).close()
    except OSError:
        return False
    return True


def _wait(layout: Layout, name: str, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not ready():
        if time.monotonic() > deadline:
            log = layout.logs / f"{name}.log"
            raise Retryable(
                f"{name}-slow",
                f"the {name} does not answer after {TIMEOUT_S:.0f} s; its log ends: {log.read_text()[-400:].strip()!r}",
                where=str(log),
                hint="causeway sandbox up",
            )
        time.sleep(POLL_S)
