"""Programs that are shell scripts: tools that print a version, and a Go that takes a moment and writes such tools."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from causeway.toolchain.build import Workshop

# `go build ... -o FILE PACKAGE` writes FILE in two halves, so that an interruption can fall between them.
FAKE_GO = r"""#!/bin/bash
[ "$1" = version ] && { echo "go version go${FAKE_GO_VERSION:-1.26.8} linux/amd64"; exit; }
while [ $# -gt 1 ]; do [ "$1" = -o ] && out=$2; shift; done
name=$(basename "$out")
echo "$name" >> "$FAKE_GO_JOURNAL"
echo "$GOTOOLCHAIN $CGO_ENABLED ${GOOS:-here}" >> "$FAKE_GO_JOURNAL.environ"
if [ "$name" = "$FAKE_GO_FAILS" ]; then seq -f 'line %g' 30; echo "${FAKE_GO_SAYS:-undefined: x}"; exit 2; fi
printf '#!/bin/sh\n' > "$out"; chmod +x "$out"
sleep "${FAKE_GO_SLEEP:-0}"
echo "echo ${FAKE_GO_BUILDS:-$(cat "$FAKE_GO_VERSIONS/$name")}" >> "$out"
"""


def write_program(file: Path, script: str) -> Path:
    """An executable shell script."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(script if script.startswith("#!") else f"#!/bin/sh\n{script}\n", "utf-8")
    file.chmod(0o755)
    return file


def printing(file: Path, text: str) -> Path:
    """A program that prints a text whatever it is asked."""
    return write_program(file, f"echo {shlex.quote(text)}")


@dataclass(frozen=True)
class FakeShop:
    """A workshop, and how to look at what its Go was asked."""

    workshop: Workshop
    journal: Path

    def with_environ(self, **extra: str) -> Workshop:
        """The same workshop with more in its environment."""
        shop = self.workshop
        return Workshop(shop.checkout, shop.environment, {**shop.environ, **extra})

    def asked(self) -> list[str]:
        """The tools that Go was asked to build, in order."""
        return self.journal.read_text("utf-8").split() if self.journal.exists() else []

    def go_environ(self) -> str:
        """GOTOOLCHAIN, CGO_ENABLED and GOOS as the last build had them."""
        return self.journal.with_suffix(".environ").read_text("utf-8").splitlines()[-1]

    def finished(self) -> set[str]:
        """What lies in the environment's folder of programs."""
        return {file.name for file in self.workshop.bin.iterdir()}
