"""What bad input gets: each file under `cases/` changes the sandbox fleet and holds the errors that a user then reads.

A case has `why`, then `change` (texts of the sandbox fleet to find and put, each found at least once; the first is
taken), `files` (other files, or a `fleet.yaml` of its own), and `errors`, the whole of what is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

CASES = Path(__file__).parent / "cases"
NAMES = sorted(str(path.relative_to(CASES).with_suffix("")) for path in CASES.rglob("*.yaml"))


def read_case(name: str) -> dict[str, Any]:
    text = (CASES / f"{name}.yaml").read_text(encoding="utf-8")
    case: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    return case


def files_of(case: Mapping[str, Any], sandbox: str) -> dict[str, str | bytes]:
    text = sandbox
    for change in case.get("change", ()):
        assert change["find"] in text, f"the sandbox fleet no longer holds {change['find']!r}"
        text = text.replace(change["find"], change["put"], 1)
    return {"fleet.yaml": text, **case.get("files", {})}


@pytest.mark.parametrize("name", NAMES)
def test_bad_input_gets_exactly_these_errors(
    name: str, sandbox_text: str, problems_of: Callable[[Mapping[str, str | bytes]], str]
) -> None:
    case = read_case(name)
    assert problems_of(files_of(case, sandbox_text)) == case["errors"]


def test_every_subject_of_the_checks_has_cases() -> None:
    assert {name.split("/")[0] for name in NAMES} >= {
        "yaml",
        "shape",
        "sites",
        "leases",
        "clusters",
        "hosts",
        "workloads",
    }
    assert len(NAMES) > 100
