"""`python -m causeway.toolchain`: `build` the command-line tools that this machine lacks; `system`: its programs."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.markup import escape

from causeway.assets import checkout
from causeway.errors import CausewayError, Permanent
from causeway.toolchain import definitions
from causeway.toolchain.build import Workshop, build_missing
from causeway.toolchain.manifest import Tool, tools
from causeway.toolchain.progress import Progress
from causeway.toolchain.system import provide_programs

EXIT_ERROR = 1
EXIT_INTERRUPTED = 130


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m causeway.toolchain", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build the tools that are not here in a good version")
    names = [tool.name for tool in tools()]
    build.add_argument("--only", action="append", choices=names, metavar="TOOL", help=f"one of: {', '.join(names)}")
    build.add_argument(
        "--install-go", action="store_true", help="install the pinned Go into this environment when there is none"
    )
    commands.add_parser("system", help="install the system programs that lack, or say how")
    return parser


def _wanted(only: list[str] | None) -> tuple[Tool, ...]:
    return tuple(tool for tool in tools() if only is None or tool.name in only)


def _build(arguments: argparse.Namespace, progress: Progress) -> None:
    top = checkout()
    if top is None:
        raise Permanent(
            "no-checkout",
            "the tools are built from the Go modules of a source checkout, and this is an installed package",
            hint="run make tools in a clone of the repository, or put the official binaries on PATH (causeway doctor)",
        )
    if sys.prefix == sys.base_prefix:
        raise Permanent(
            "no-environment",
            "the tools are put into a virtual environment, and this Python runs in none",
            hint="make venv, then .venv/bin/python -m causeway.toolchain build",
        )
    workshop = Workshop(top, Path(sys.prefix), os.environ)
    build_missing(_wanted(arguments.only), workshop, progress, install_go=arguments.install_go)
    if arguments.only is None:
        place = (workshop.checkout, workshop.environment, workshop.environ)
        definitions.fetch_missing(*place, progress, install_go=arguments.install_go)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run the command; the exit status is 0, 1 for an error, 130 when interrupted."""
    arguments = _arguments().parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console(highlight=False)
    progress = Progress(console)
    try:
        if arguments.command == "build":
            _build(arguments, progress)
        else:
            provide_programs(os.environ, progress.say, root=os.geteuid() == 0)
    except CausewayError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]error[/] {escape(str(error))}")
        return EXIT_ERROR
    except KeyboardInterrupt:
        progress.say("interrupted; what is finished stays, and the same command goes on from there")
        return EXIT_INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
