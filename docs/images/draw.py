"""Draws what a command really prints as an SVG for the documentation.

    python docs/images/draw.py docs/images/diff.svg "causeway diff main branch" -- causeway diff main branch

The command runs on a terminal of 118 columns of its own, so that colours are those a user sees.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS = 118


def printed(command: list[str]) -> str:
    """What a command prints on a terminal."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    chunks = []
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # the other end was closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    process.wait()
    return b"".join(chunks).decode().replace("\r\n", "\n")


def main() -> None:
    """Command line."""
    out, title, command = Path(sys.argv[1]), sys.argv[2], sys.argv[sys.argv.index("--") + 1 :]
    console = Console(record=True, width=COLUMNS, file=StringIO())
    console.print(Text.from_ansi(f"$ {title}\n{printed(command).rstrip()}"))
    svg = console.export_svg(title="causeway", unique_id="causeway")
    # fonts come from the reader's own machine, not from an address
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace("Fira Code", "ui-monospace")
    svg = svg.replace("<svg ", '<svg xml:space="preserve" ', 1)  # so that every viewer keeps indents
    out.write_text(re.sub(r"[ \t]+\n", "\n", svg), encoding="utf-8")


if __name__ == "__main__":
    main()
