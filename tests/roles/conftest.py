"""One sandbox for the tests of all driver roles: a fleet with hosts of each vendor, and playbooks run on them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.roles.fleet import RoleFleet, declaration
from tests.roles.journey import Journey
from tests.sandbox.small_fleet import make, sweep


@pytest.fixture(scope="package")
def role_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoleFleet]:
    """The sandbox of this test session, up. A test names the hosts it works on, and leaves them without faults."""
    sweep()
    made = make(tmp_path_factory.mktemp("roles"))
    (made.folder / "fleet.yaml").write_text(declaration(made.name))
    try:
        made.up()
        yield RoleFleet(made)
    finally:
        made.run("down", "--name", made.name)
        assert made.traces() == []


@pytest.fixture(scope="package")
def journey(role_fleet: RoleFleet) -> Journey:
    """Hosts of NVIDIA and Cambricon on their way; each stop is made once."""
    return Journey(role_fleet)
