"""The example of a chip of one's own as a repository of one's own: `inventory/in-house`, and `roles` beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "in-house-chip"
ROLE = "seedchip_driver"


def repository(folder: Path) -> Path:
    """Make the repository.

    Args:
        folder: its top; made when it is missing.

    Returns:
        The folder of the declaration, which has a pool of hosts without accelerators as well.
    """
    fleet = folder / "inventory" / "in-house"
    shutil.copytree(EXAMPLE, fleet, ignore=shutil.ignore_patterns("roles"))
    shutil.copytree(EXAMPLE / "roles", folder / "roles")
    plain = 'plain: {hosts: "cn-cpu-[01:02]", os: {id: debian, version: "12", architecture: x86_64}}'
    edit(fleet / "fleet.yaml", "    pools:\n", f"    pools:\n      {plain}\n")
    return fleet


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text in a file."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
