"""One world for the tests of `causeway up`: hosts and clusters that are up, taken down whatever happens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.small_fleet import sweep
from tests.up.world import World, make_world


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The fleet's sandbox is up; a test leaves all hosts well, and the declaration as it was."""
    sweep()
    made = make_world(tmp_path_factory.mktemp("up"))
    try:
        made.sandbox.run("up")
        yield made
    finally:
        made.sandbox.run("down", "--name", made.sandbox.name)
        assert made.sandbox.traces() == []
