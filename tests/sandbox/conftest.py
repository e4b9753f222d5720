"""Sandboxes for tests, taken down whatever happens, with what killed runs have left."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.small_fleet import Sandbox, make, sweep


@pytest.fixture(scope="session")
def root() -> None:
    """The machine can boot hosts, or the tests that ask for this are left out, with the reason."""
    if os.geteuid() != 0:
        pytest.skip("sandbox hosts need root")
    sweep()


@pytest.fixture(scope="package")
def shared(root: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox that is up. Tests leave it with both hosts running."""
    made = make(tmp_path_factory.mktemp("shared"))
    try:
        made.up()
        yield made
    finally:
        made.run("down", "--name", made.name)
        assert made.traces() == []


@pytest.fixture
def fresh(root: None, tmp_path: Path) -> Iterator[Sandbox]:
    """A fleet whose sandbox is not up."""
    made = make(tmp_path)
    try:
        yield made
    finally:
        made.run("down", "--name", made.name)
        assert made.traces() == []


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Random numbers from a seed that is printed, and can be set with SEED."""
    seed = int(os.environ.get("SEED", secrets.randbelow(10**6)))
    print(f"SEED={seed}")  # noqa: T201 - shown when the test fails
    return random.Random(seed)
