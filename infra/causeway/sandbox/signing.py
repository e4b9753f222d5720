"""The throw-away key that signs what the sandbox's mirror serves: made once per cache, trusted by its hosts alone."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from causeway.sandbox import cache as store
from causeway.sandbox.command import run

NAME = "Causeway sandbox mirror (throw-away key)"


def ensure(cache: Path, waiting: Callable[[], None]) -> Path:
    """The folder of the key, made when the cache has none."""
    return store.ensure(cache, "signing-key", _make, waiting)


def public_key(key: Path) -> Path:
    """The public half as apt's `Signed-By` takes it (binary)."""
    return key / "public.gpg"


def public_key_armoured(key: Path) -> Path:
    """The public half as text."""
    return key / "public.asc"


@contextmanager
def _gpg() -> Iterator[list[str]]:
    """A GnuPG home of its own, in a short path since its agent's socket lies in it; the agent ends with it."""
    with tempfile.TemporaryDirectory(prefix="cw-gpg-", ignore_cleanup_errors=True) as home:
        options = ["gpg", "--homedir", home, "--batch", "--quiet", "--no-tty"]
        try:
            yield options
        finally:
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], capture_output=True, check=False)


def _make(folder: Path) -> None:
    with _gpg() as gpg:
        phrase = ["--passphrase", "", "--pinentry-mode", "loopback"]
        run([*gpg, *phrase, "--quick-generate-key", NAME, "ed25519", "sign", "never"], where="gpg")
        run([*gpg, "--output", public_key(folder), "--export"], where="gpg")
        run([*gpg, "--armor", "--output", public_key_armoured(folder), "--export"], where="gpg")
        run([*gpg, *phrase, "--output", folder / "secret.gpg", "--export-secret-keys"], where="gpg")
    (folder / "secret.gpg").chmod(0o600)


@contextmanager
def signer(key: Path) -> Iterator[Callable[[Path], None]]:
    """A function that signs a file: `Release` gets `InRelease` and `Release.gpg`, any other a detached `<name>.asc`."""
    with _gpg() as gpg:
        run([*gpg, "--import", key / "secret.gpg"], where="gpg")

        def sign(path: Path) -> None:
            if path.name == "Release":
                run([*gpg, "--yes", "--clearsign", "--output", path.with_name("InRelease"), path], where=str(path))
                run([*gpg, "--yes", "--armor", "--output", f"{path}.gpg", "--detach-sign", path], where=str(path))
            else:
                run([*gpg, "--yes", "--armor", "--output", f"{path}.asc", "--detach-sign", path], where=str(path))

        yield sign
