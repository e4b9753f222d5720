"""The `causeway` program: registers the commands and turns errors into messages and exit statuses."""

from __future__ import annotations

import sys
from importlib import import_module
from itertools import pairwise
from typing import Annotated, Any

import typer

from causeway import __version__
from causeway.cli.output import print_error
from causeway.errors import CausewayError, Permanent

# command -> module of `causeway.cli` that holds it as `command`, or, for a group, as `app`
COMMANDS: dict[str, str] = {
    "check": "check",
    "cost": "cost",
    "destroy": "destroy",
    "diff": "diff",
    "doctor": "doctor",
    "env": "env",
    "rules": "rules",
    "plan": "plan",
    "preview": "preview",
    "render": "render",
    "schema": "schema",
    "up": "up",
}
GROUPS: dict[str, str] = {"catalog": "catalog", "sandbox": "sandbox"}

EXIT_ERROR = 1
EXIT_INTERRUPTED = 130


def _version(value: bool) -> None:
    if value:
        typer.echo(f"causeway {__version__}")
        raise typer.Exit


def _root(
    _version_flag: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Infrastructure as code for hybrid AI datacenters."""


def _wanted(argv: list[str]) -> set[str]:
    """The commands to load: only the one that is called, all when help or a wrong word asks for the list."""
    if argv[:1] == ["--version"]:
        return set()
    known = COMMANDS.keys() | GROUPS.keys()
    called = next((word for word in argv if not word.startswith("-")), None)
    return {called} if called in known else set(known)


def _wants_json(argv: list[str]) -> bool:
    return "--json" in argv or "--format=json" in argv or ("--format", "json") in pairwise(argv)


def build_app(argv: list[str]) -> typer.Typer:
    """The application with the commands that `argv` (without the program's name) can need.

    Loading a command only when it is called keeps `causeway plan` free of what only `causeway sandbox` imports.
    """
    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=len(_wanted(argv)) > 1)
    app.callback()(_root)
    for name in [*COMMANDS, *GROUPS]:
        if name not in _wanted(argv):
            continue
        try:
            _register(app, name)
        except ModuleNotFoundError as error:
            _register_lacking(app, name, error)
    return app


def _register(app: typer.Typer, name: str) -> None:
    if name in COMMANDS:
        app.command(name)(import_module(f"causeway.cli.{COMMANDS[name]}").command)
    else:
        app.add_typer(import_module(f"causeway.cli.{GROUPS[name]}").app, name=name)


def _register_lacking(app: typer.Typer, name: str, error: ModuleNotFoundError) -> None:
    """A command whose packages are not installed is listed all the same, and says so when it is called."""
    from causeway.assets import INSTALL_UP  # noqa: PLC0415 - a whole installation does not need it

    lacking = error.name or ""
    if lacking.partition(".")[0] in ("causeway", ""):
        raise error

    def refuse() -> None:
        raise Permanent(
            "extra-missing",
            f"it needs the Python package {lacking}, which is not installed",
            subject=f"causeway {name}",
            hint=INSTALL_UP,
        )

    anything = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    app.command(name, help=f"Not available: needs {INSTALL_UP}.", context_settings=anything)(refuse)


def main() -> None:
    """Entry point of the console script. Exit statuses: see docs/cli.md."""
    argv = sys.argv[1:]
    # A wrong word is an error like any other: the 2 that Typer gives it means "changes found" here.
    usage_error: Any = typer.BadParameter.__mro__[1]
    usage_error.exit_code = EXIT_ERROR
    try:
        build_app(argv)(args=argv)
    except CausewayError as error:
        print_error(error, as_json=_wants_json(argv))
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
