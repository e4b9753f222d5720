"""Definitions of kinds come from pinned Go modules, once, and older versions go."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest
from rich.console import Console

from causeway.assets import checkout, definitions_below
from causeway.errors import Retryable
from causeway.toolchain import definitions
from causeway.toolchain.progress import Progress
from tests.toolchain.fakes import write_program

TOP = checkout() or Path()

FAKE_GO = r"""#!/bin/bash
[ "$1" = version ] && { echo "go version go1.26.8 linux/amd64"; exit; }
echo "$4" >> "$FAKE_GO_JOURNAL"
[ -n "$FAKE_GO_FAILS" ] && { echo '{"Error": "dial tcp: i/o timeout"}'; exit 1; }
echo "{\"Dir\": \"$FAKE_GO_MODULE\"}"
"""


@pytest.fixture
def progress() -> Progress:
    return Progress(Console(file=io.StringIO()))


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A fake Go that finds every module in one folder, which holds every file that is asked for."""
    write_program(tmp_path / "bin" / "go", FAKE_GO)
    for each in definitions.definitions():
        for name in each.files:
            file = tmp_path / "module" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"kind: CustomResourceDefinition\nmetadata: {{name: {file.stem}}}\n---\n", "utf-8")
    names = {"FAKE_GO_MODULE": str(tmp_path / "module"), "FAKE_GO_JOURNAL": str(tmp_path / "journal")}
    return {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}", **names}


def fetch(environment: Path, environ: dict[str, str], progress: Progress) -> list[Path]:
    return definitions.fetch_missing(TOP, environment, environ, progress, install_go=False)


def test_what_lacks_is_fetched_once_in_the_pinned_version(
    tmp_path: Path, environ: dict[str, str], progress: Progress
) -> None:
    made = fetch(tmp_path / "env", environ, progress)
    assert made == [each.place(tmp_path / "env") for each in definitions.definitions()]
    asked = (tmp_path / "journal").read_text().split()
    assert asked == [f"{each.module}@v{each.version}" for each in definitions.definitions()]
    listed = json.loads(made[0].read_text("utf-8"))
    assert [item["kind"] for item in listed["items"]] == ["CustomResourceDefinition"] * len(
        definitions.definitions()[0].files
    )
    assert fetch(tmp_path / "env", environ, progress) == []
    assert (tmp_path / "journal").read_text().split() == asked


def test_another_version_is_taken_away(tmp_path: Path, environ: dict[str, str], progress: Progress) -> None:
    old = definitions_below(tmp_path / "env") / "sandbox" / "gateway-api-0.0.1.json"
    old.parent.mkdir(parents=True)
    old.write_text("{}")
    fetch(tmp_path / "env", environ, progress)
    assert not old.exists()


def test_a_lost_network_leaves_nothing_half_written_and_says_to_try_again(
    tmp_path: Path, environ: dict[str, str], progress: Progress
) -> None:
    with pytest.raises(Retryable, match="i/o timeout") as caught:
        fetch(tmp_path / "env", {**environ, "FAKE_GO_FAILS": "yes"}, progress)
    assert caught.value.code == "definitions-fetch-failed"
    assert list(definitions_below(tmp_path / "env").glob("*/*")) == []
