"""Runs programs for the sandbox: to their end, or as daemons inside the fleet's control group."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from causeway.errors import Permanent, Retryable

# Joins the control group before it becomes the daemon, so that there is no instant at which `down` could miss it.
_JOIN = 'mkdir -p "$1" && echo $$ >"$1/cgroup.procs" && shift && exec "$@"'
TAIL = 1200


def as_root(words: str) -> str:
    """The command line with which a user runs `causeway` as root: sudo does not look for it on the user's PATH."""
    return f"sudo -E {shlex.quote(str(Path(sys.prefix) / 'bin' / 'causeway'))} {words}"


def run(
    argv: Sequence[str | Path],
    *,
    where: str,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 120,
) -> str:
    """Run a program to its end and return what it wrote to its standard output.

    Raises:
        Permanent: it is not there, or it ended with an error; the end of its output is in the reason.
        Retryable: it took longer than `timeout` seconds.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            input=stdin or "",
            env=None if env is None else dict(env),
            cwd=cwd,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise Permanent(
            "missing-program", f"{words[0]} is not installed", where=where, hint="causeway sandbox check"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise Retryable("timeout", f"`{' '.join(words)}` took longer than {timeout:.0f} s", where=where) from error
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-TAIL:] or "nothing"
        raise Permanent(
            "command-failed", f"`{' '.join(words)}` ended with status {done.returncode} and said: {said}", where=where
        )
    return done.stdout


def stream(argv: Sequence[str], *, env: Mapping[str, str], line: Callable[[str], None], where: str) -> None:
    """Run a long program to its end and hand on each line it writes.

    Raises:
        Permanent: it ended with an error; its last lines are in the reason.
    """
    last: list[str] = []
    with subprocess.Popen(
        list(argv),
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            for text in process.stdout or ():
                line(text.strip())
                last = [*last[-9:], text.strip()]
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise Permanent("command-failed", f"`{argv[-1]}`: {' / '.join(last)[-TAIL:]}", where=where)


def spawn(argv: Sequence[str | Path], *, cgroup: Path, log: Path, netns: str | None = None) -> None:
    """Start a daemon in `cgroup` (and in a network namespace), detached from this process and its terminal."""
    log.parent.mkdir(parents=True, exist_ok=True)
    enter = ["nsenter", f"--net=/run/netns/{netns}", "--"] if netns else []
    with log.open("ab") as sink:
        subprocess.run(
            ["setsid", "--fork", "sh", "-c", _JOIN, "sh", str(cgroup), *enter, *(str(word) for word in argv)],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            cwd="/",
            check=True,
        )
