"""One sandbox for all tests of this folder that need hosts, taken down whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.scene import HOSTS, Scene, playbooks
from tests.sandbox.small_fleet import make, sweep


@pytest.fixture(scope="package")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Three hosts and their cluster."""
    sweep()
    folder = tmp_path_factory.mktemp("hosts")
    made = make(folder)
    made.declare(ascend=len(HOSTS))
    try:
        made.run("up")
        yield Scene(made, playbooks(folder / "books"), folder / "home")
    finally:
        made.run("down", "--name", made.name)
        assert made.traces() == []


@pytest.fixture
def scene(whole: Scene, tmp_path: Path) -> Scene:
    """The sandbox with a home of this test's own."""
    return Scene(whole.sandbox, whole.books, tmp_path / "home")
