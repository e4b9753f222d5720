"""The program itself: what it loads, and what it says when packages are missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from causeway import __version__

WITHOUT_EXTRAS = (
    "import sys; sys.modules.update(dict.fromkeys(['urllib3', 'kubernetes', 'pulumi', 'ansible_runner'])); "
)


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"{program}from causeway.cli.app import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_version_is_printed_without_loading_any_command() -> None:
    watched = (
        "import sys, atexit; atexit.register(lambda: print(*(m for m in sys.modules if m.startswith('causeway.')))); "
    )
    printed = run(watched, "--version").stdout
    assert printed.startswith(f"causeway {__version__}")
    assert "causeway.toolchain" not in printed
    assert "causeway.fleet" not in printed


@pytest.fixture
def with_sample(tmp_path: Path) -> str:
    """The start of a program that has a command `sample`, whose module imports what is not installed."""
    (tmp_path / "sample.py").write_text("import a_package_that_nobody_has\n", "utf-8")
    added = f"import causeway.cli; causeway.cli.__path__.append({str(tmp_path)!r}); "
    return f"{added}from causeway.cli import app; app.COMMANDS['sample'] = 'sample'; "


def test_a_command_whose_packages_are_missing_says_how_to_get_them(with_sample: str) -> None:
    done = run(with_sample, "sample", "up", "--yes")
    assert done.returncode == 1
    assert "causeway sample: it needs the Python package a_package_that_nobody_has" in done.stderr
    assert "causeway-VERSION-py3-none-any.whl[up]" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_lists_commands_whose_packages_are_missing(with_sample: str) -> None:
    done = run(with_sample, "--help")
    assert done.returncode == 0
    assert "doctor" in done.stdout
    assert "sample" in done.stdout


@pytest.mark.parametrize("name", ["doctor", "env"])
def test_commands_that_look_at_the_machine_need_no_extra_package(name: str) -> None:
    assert run(WITHOUT_EXTRAS, name, "--help").returncode == 0


def test_an_unknown_word_is_refused_with_the_list_in_reach() -> None:
    done = run("", "plna")
    assert done.returncode == 1, "2 is for changes that were found"
    assert "No such command" in done.stderr
