"""The engine's program as a child that is ours: stopped when we are, and asked to stop at its next safe point.

The engine runs in a session of its own, so that Ctrl-C on the terminal reaches only us; we hand it on. When we are
killed the kernel asks the engine to stop (PR_SET_PDEATHSIG), so that no run goes on unseen.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import IO

from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import InvalidVersionError, create_command_error

from causeway.errors import Permanent

# Asks the kernel for Ctrl-C when the thread that started it is gone, then becomes the engine. That thread waits for the
# engine, so it goes last. A program of its own, since a fork of ours would stop gRPC's threads.
TIED = (
    "import ctypes, os, signal, sys; parent = int(sys.argv[1]); libc = ctypes.CDLL(None); "
    "hasattr(libc, 'prctl') and libc.prctl(1, signal.SIGINT); "
    "os.getppid() == parent or sys.exit(1); os.execvp(sys.argv[2], sys.argv[2:])"
)
LOGGED = frozenset({"up", "preview", "destroy", "refresh"})
Line = Callable[[str], None]


@cache
def found() -> PulumiCommand:
    """The program with its version, asked once: the SDK would run it for each object.

    Raises:
        Permanent: it is not on PATH, is too old, or does not run.
    """
    try:
        return PulumiCommand()
    except FileNotFoundError:
        reason = "not found beside this Python or on PATH"
    except (OSError, subprocess.CalledProcessError, InvalidVersionError) as error:
        reason = str(error)
    raise Permanent("tool-missing", reason, subject="pulumi", hint="make tools (causeway doctor tells more)")


class Engine(PulumiCommand):
    """The `pulumi` program. One object runs one stack's commands, one after the other.

    Args:
        log: gets what operations on resources print; their errors lie beside it as `.err.log`. None keeps nothing.

    Raises:
        Permanent: there is no such program that is good enough.
    """

    def __init__(self, log: Path | None = None) -> None:
        self.command, self.version = found().command, found().version
        self._log = log
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
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

    @property
    def stopped_at_once(self) -> bool:
        """Whether `stop` was called more than once, so that no safe point was waited for."""
        return self._asked > 1

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
        with self._output(".log", args) as out, self._output(".err.log", args) as err:
            begins = out.tell(), err.tell()
            child = self._started(args, cwd, additional_env, out, err, fed=text is not None)
            try:
                if text is not None and child.stdin is not None:
                    child.stdin.write(text.encode())
                    child.stdin.close()
                code = child.wait()
            finally:
                with self._lock:
                    self._child = None
            result = CommandResult(stdout=_since(out, begins[0]), stderr=_since(err, begins[1]), code=code)
        for callback, said in ((on_output, result.stdout), (on_error, result.stderr)):
            if callback is not None:
                for line in said.splitlines():
                    callback(line)
        if code != 0:
            raise create_command_error(result)
        return result

    def _started(
        self, args: list[str], cwd: str, more: Mapping[str, str], out: IO[bytes], err: IO[bytes], *, fed: bool
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._asked:
                raise create_command_error(CommandResult(stdout="", stderr="cancelled before it began", code=1))
            self._child = subprocess.Popen(
                [*self._tied(), self.command, "--non-interactive", *args],
                stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=cwd,
                env={**os.environ, **more, "PULUMI_AUTOMATION_API": "true"},
                start_new_session=True,
            )
            return self._child

    def _output(self, suffix: str, args: list[str]) -> IO[bytes]:
        """A file, not a pipe: an engine whose reader is gone would be killed by the first line that it writes.

        Only operations on resources are kept: what other commands print may hold secrets, and stays in memory.
        """
        if self._log is not None and LOGGED.intersection(args[:1]):
            return self._log.with_suffix(suffix).open("a+b")
        if hasattr(os, "memfd_create"):
            return os.fdopen(os.memfd_create("causeway"), "w+b")
        return tempfile.TemporaryFile()

    @staticmethod
    def _tied() -> list[str]:
        return [sys.executable, "-I", "-S", "-c", TIED, str(os.getpid())]


def _since(file: IO[bytes], begins: int) -> str:
    file.seek(begins)
    return file.read().decode("utf-8", errors="replace").rstrip("\n")
