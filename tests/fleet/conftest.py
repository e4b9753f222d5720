"""Declarations in temporary folders, and the two fleets that come with the repository."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from causeway.errors import Location, Problems
from causeway.fleet.load import LoadedFleet, load_fleet

INVENTORY = Path(__file__).parents[2] / "inventory"
SHOWN = "inventory/case"

Load = Callable[[Mapping[str, str | bytes]], LoadedFleet]


@pytest.fixture(scope="session")
def sandbox_text() -> str:
    return (INVENTORY / "sandbox" / "fleet.yaml").read_text(encoding="utf-8")


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Writes files into a folder and loads it; errors name the folder `inventory/case`."""

    def written(files: Mapping[str, str | bytes]) -> LoadedFleet:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return load_fleet(tmp_path, SHOWN)

    return written


@pytest.fixture
def problems_of(load: Load) -> Callable[[Mapping[str, str | bytes]], str]:
    """What loading says, each error with its code; fails when there is none, or one lacks its place, reason or hint."""

    def told(files: Mapping[str, str | bytes]) -> str:
        with pytest.raises(Problems) as caught:
            load(files)
        for error in caught.value.errors:
            assert isinstance(error.where, Location)
            assert error.reason
            assert error.hint
        return "\n\n".join(f"[{error.code}] {error}" for error in caught.value.errors) + "\n"

    return told
