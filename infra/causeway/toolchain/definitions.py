"""Definitions of kinds that Kubernetes does not bring: fetched as Go modules, kept as one JSON list for each project.

They lie under the environment's `share`, those for the sandbox's clusters and those for tests apart. What is there in
the pinned version is left alone.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

from causeway.assets import definitions_below
from causeway.errors import Permanent, Retryable
from causeway.toolchain.golang import needed_version, obtain_go
from causeway.toolchain.lock import exclusive
from causeway.toolchain.progress import Progress

FAMILY = "definitions"
_FETCH_S = 300


class Definitions(BaseModel):
    """What is taken from one Go module."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str
    purpose: Literal["sandbox", "tests"]
    """Who needs them: each cluster of the sandbox, or tests alone."""
    module: str
    """Go module that carries them."""
    version: str
    files: tuple[str, ...]
    """Inside the module."""

    def place(self, environment: Path) -> Path:
        """The file that they are kept in."""
        return definitions_below(environment) / self.purpose / f"{self.name}-{self.version}.json"


@cache
def definitions() -> tuple[Definitions, ...]:
    """Every project of the list."""
    listed = yaml.safe_load(files("causeway.toolchain").joinpath("definitions.yaml").read_text("utf-8"))["definitions"]
    return tuple(Definitions.model_validate(each) for each in listed)


def fetch_missing(
    checkout: Path, environment: Path, environ: Mapping[str, str], progress: Progress, *, install_go: bool
) -> list[Path]:
    """Fetch what is not here in the pinned version, and take older versions away; returns the new files.

    Raises:
        Permanent: Go is missing, or a module holds no such file.
        Retryable: a module could not be fetched.
    """
    with exclusive(definitions_below(environment) / ".lock", lambda pid: progress.say(f"waiting for process {pid}")):
        wanted = {each.place(environment): each for each in definitions()}
        lacking = {place: each for place, each in wanted.items() if not place.is_file()}
        if lacking:
            modules = checkout / "tools"
            needed = needed_version(modules, [FAMILY])
            go = obtain_go(needed, environment / "bin", checkout, environ, progress.say, install=install_go)
            for place, each in lacking.items():
                progress.say(f"fetching the definitions of {each.name} {each.version}")
                _keep(place, _documents(each, _module(go.path, each, modules / FAMILY, environ)))
        for place in definitions_below(environment).glob("*/*.json"):
            if place not in wanted:
                place.unlink()
    return list(lacking)


def _module(go: Path, each: Definitions, family: Path, environ: Mapping[str, str]) -> Path:
    """The folder in which Go keeps the module, fetched when it is not there."""
    done = subprocess.run(
        [str(go), "mod", "download", "-json", f"{each.module}@v{each.version}"],
        cwd=family,
        env={**environ, "GOWORK": "off"},
        capture_output=True,
        text=True,
        timeout=_FETCH_S,
        check=False,
    )
    answer = json.loads(done.stdout) if done.stdout.lstrip().startswith("{") else {}
    if done.returncode or "Dir" not in answer:
        reason = str(answer.get("Error") or done.stderr.strip() or "go mod download told nothing")
        hint = "run the same command again: what is fetched is kept"
        raise Retryable("definitions-fetch-failed", reason, subject=each.name, hint=hint)
    return Path(answer["Dir"])


def _documents(each: Definitions, module: Path) -> list[Any]:
    found: list[Any] = []
    for name in each.files:
        file = module / name
        if not file.is_file():
            hint = "compare definitions.yaml with the module"
            raise Permanent(
                "definition-missing", "the module holds no such file", subject=each.name, where=name, hint=hint
            )
        found += [document for document in yaml.load_all(file.read_text("utf-8"), yaml.CSafeLoader) if document]
    return found


def _keep(place: Path, documents: list[Any]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = place.with_suffix(".new")
    aside.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}), "utf-8")
    aside.replace(place)
