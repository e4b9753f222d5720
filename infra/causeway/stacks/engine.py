"""The engine's program as a child that is ours: stopped when we are, and asked to stop at its next safe point.

The engine runs in a session of its own, so that Ctrl-C on the terminal reaches only us; we hand it on. When we are
killed the kernel asks the engine to stop (PR_SET_PDEATHSIG), so that no run goes on unseen.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error

# Asks the kernel for Ctrl-C when the thread that started it is gone, then becomes the engine. That thread waits for the
# engine, so it goes last. A program of its own, since a fork of ours would stop gRPC's threads.
TIED = (
    "import ctypes, os, signal, sys; parent = int(sys.argv[1]); libc = ctypes.CDLL(None); "
    "hasattr(libc, 'prctl') and libc.prctl(1, signal.SIGINT); "
    "os.getppid() == parent or sys.exit(1); os.execvp(sys.argv[2], sys.argv[2:])"
)
Line = Callable[[str], None]


class Engine(PulumiCommand):
    """The `pulumi` program. One object runs one stack's commands, one after the other.

    Args:
        log: receives every line that the engine prints; None for none.
    """

    def __init__(self, log: Path | None = None) -> None:
        super().__init__()
        self._log = log
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._asked = 0

    def stop(self) -> None:
        """Ask the running command to stop at its next safe point; the second time, at once."""
        with self._lock:
            self._asked += 1
            if self._child is not None:
                self._child.send_signal(signal.SIGINT)

    @property
    def asked_to_stop(self) -> bool:
        """Whether `stop` was called."""
        return self._asked > 0

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Line | None = None,
        on_error: Line | None = None,
    ) -> CommandResult:
        """Run a command of the engine to its end.

        Raises:
            CommandError: it ended with another status than 0.
        """
        return self.fed(args, cwd, additional_env, None, on_output, on_error)

    def fed(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        text: str | None,
        on_output: Line | None = None,
        on_error: Line | None = None,
    ) -> CommandResult:
        """Run a command with a text on its standard input: the way for secrets, which no command line may show."""
        with self._lock:
            if self._asked:
                raise create_command_error(CommandResult(stdout="", stderr="cancelled before it began", code=1))
            child = subprocess.Popen(
                [*self._tied(), self.command, "--non-interactive", *args],
                stdin=subprocess.PIPE if text is not None else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=cwd,
                env={**os.environ, **additional_env, "PULUMI_AUTOMATION_API": "true"},
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
            self._child = child
        try:
            out: list[str] = []
            err: list[str] = []
            readers = [
                threading.Thread(target=self._read, args=(child.stdout, out, on_output)),
                threading.Thread(target=self._read, args=(child.stderr, err, on_error)),
            ]
            for reader in readers:
                reader.start()
            if text is not None and child.stdin is not None:
                child.stdin.write(text)
                child.stdin.close()
            for reader in readers:
                reader.join()
            code = child.wait()
        finally:
            with self._lock:
                self._child = None
        result = CommandResult(stdout="\n".join(out), stderr="\n".join(err), code=code)
        if code != 0:
            raise create_command_error(result)
        return result

    @staticmethod
    def _tied() -> list[str]:
        return [sys.executable, "-I", "-S", "-c", TIED, str(os.getpid())]

    def _read(self, stream: object, chunks: list[str], callback: Line | None) -> None:
        for line in iter(stream.readline, ""):  # type: ignore[attr-defined]  # a text stream of Popen
            text = line.rstrip()
            chunks.append(text)
            if self._log is not None:
                with self._log.open("a", encoding="utf-8") as log:
                    log.write(text + "\n")
            if callback is not None:
                callback(text)
