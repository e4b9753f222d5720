"""One command on many hosts at once over OpenSSH: bounded in number and in time, and cut short when told."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

AT_ONCE = 64
_LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said."""

    status: int
    output: str
    complaint: str


def ask(
    commands: Mapping[str, Sequence[str]],
    text: bytes,
    seconds: float,
    cancelled: Callable[[], bool],
    environment: Mapping[str, str],
    at_once: int = AT_ONCE,
) -> dict[str, Answer]:
    """Run a command for each host and hand the same text to each on standard input.

    Args:
        commands: argument lists by host.
        text: standard input.
        seconds: time after which a command is killed; it then has the status -1.
        cancelled: asked several times a second; true ends everything.
        environment: what the commands see.
        at_once: most commands that run at the same time.
    """
    if not commands:
        return {}

    def one(argv: Sequence[str]) -> Answer:
        return _answer(argv, text, seconds, cancelled, environment)

    with ThreadPoolExecutor(min(at_once, len(commands)), "ssh") as threads:
        return dict(zip(commands, threads.map(one, commands.values()), strict=True))


def _answer(
    argv: Sequence[str], text: bytes, seconds: float, cancelled: Callable[[], bool], environment: Mapping[str, str]
) -> Answer:
    if cancelled():
        return Answer(-1, "", "cancelled")
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,  # a Ctrl-C on the terminal is the caller's to handle
        )
    except OSError as error:
        return Answer(-1, "", f"{argv[0]} cannot be run: {error.strerror}")
    deadline = time.monotonic() + seconds
    given: bytes | None = text
    while True:
        try:
            output, complaint = process.communicate(given, timeout=_LOOK_S)
        except subprocess.TimeoutExpired:
            given = None  # what was handed over once is kept by `communicate`
            if cancelled() or time.monotonic() >= deadline:
                _kill(process)
                return Answer(-1, "", "cancelled" if cancelled() else f"no answer in time ({seconds:.0f} s)")
            continue
        return Answer(process.returncode, output.decode(errors="replace"), complaint.decode(errors="replace"))


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a command and what it started, such as a ProxyCommand."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
