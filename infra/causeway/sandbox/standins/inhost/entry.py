"""Where every stand-in command starts: the banner that says what it is, then the command's own `main`."""

from __future__ import annotations

import importlib
import os
import sys

from .machine import Machine, complain, say

BANNER = "stand-in for the Causeway sandbox, not the vendor's software"


def start(module: str, version: str, *first: str) -> int:
    """Run `main(arguments, version, machine)` of a module of this package; `--sandbox-version` prints the banner.

    `first` are words that the command puts before the user's own.
    """
    arguments = [*first, *sys.argv[1:]]
    command = os.path.basename(sys.argv[0])  # noqa: PTH119 - the word as typed, not a path
    if sys.argv[1:2] == ["--sandbox-version"]:
        say(f"{command} {version}: {BANNER}")
        return 0
    main = importlib.import_module(f".{module}", __package__).main
    try:
        return int(main(arguments, version, Machine.here()))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except PermissionError as error:
        complain(f"{command}: {error.filename}: permission denied")
        return 1
