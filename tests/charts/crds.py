"""Kinds that the charts use and neither Kubernetes nor the sandbox brings: the tests' cluster gets them first."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from causeway.assets import definitions_below

KINDS = {"NodeFeatureRule"}


def documents() -> list[dict[str, Any]]:
    """Their definitions, as their projects publish them; `make tools` fetches those."""
    found = [
        document
        for file in sorted((definitions_below(Path(sys.prefix)) / "tests").glob("*.json"))
        for document in json.loads(file.read_text("utf-8"))["items"]
        if document["spec"]["names"]["kind"] in KINDS
    ]
    assert {document["spec"]["names"]["kind"] for document in found} == KINDS, "make tools"
    return found
