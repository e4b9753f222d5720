"""What the playbooks' tests share: the facts module, and hosts made of files with stand-in commands."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.playbooks.loading import plugin
from tests.standins.conftest import ascend, bare, built, h20, mlu

__all__ = ["ascend", "bare", "built", "facts_module", "h20", "mlu"]


@pytest.fixture(scope="session")
def facts_module() -> ModuleType:
    """The module `accelerator_facts`."""
    return plugin("modules", "accelerator_facts")
