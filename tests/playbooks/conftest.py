"""What the playbooks' tests share: the facts module, hosts made of files, and a sandbox with a host of each vendor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.playbooks.loading import plugin
from tests.roles.fleet import RoleFleet
from tests.sandbox.small_fleet import make, sweep
from tests.standins.conftest import ascend, bare, built, h20, mlu

__all__ = ["ascend", "bare", "built", "facts_module", "h20", "mlu", "playbook_fleet"]
DECLARATION = Path(__file__).with_name("fleet.yaml.template")


@pytest.fixture(scope="session")
def facts_module() -> ModuleType:
    """The module `accelerator_facts`."""
    return plugin("modules", "accelerator_facts")


@pytest.fixture(scope="package")
def playbook_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoleFleet]:
    """The sandbox of these tests, up. A test leaves it without faults."""
    sweep()
    made = make(tmp_path_factory.mktemp("playbooks"))
    (made.folder / "fleet.yaml").write_text(DECLARATION.read_text(encoding="utf-8").format(name=made.name))
    try:
        made.up()
        yield RoleFleet(made)
    finally:
        made.run("down", "--name", made.name)
        assert made.traces() == []
