"""A stack's settings: the engine is only asked when they are not what is wanted."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from causeway.stacks.workspace import AS_OF, HMAC_KEY, Workspace

RIGHT = f'config:\n  {AS_OF}: "2026-11-22"\n  {HMAC_KEY}:\n    secure: v1:sealed\n'


class Asked:
    """A stack and an engine that note what they are asked for."""

    def __init__(self) -> None:
        self.name = "fleet.east"
        self.read = 0
        self.set: dict[str, str] = {}

    def get_all_config(self) -> dict[str, Any]:
        self.read += 1
        return {HMAC_KEY: SimpleNamespace(value="sealed")}

    def fed(self, words: list[str], _folder: str, _variables: object, value: str) -> None:
        self.set[words[2]] = value


def settle(folder: Path, day: str) -> Asked:
    asked = Asked()
    workspace = Workspace(folder, {}, folder / ".causeway", sandbox=True)
    workspace.configure(asked, asked, {AS_OF: day}, {HMAC_KEY: lambda: "new"})  # type: ignore[arg-type] # stand-ins
    return asked


def test_settings_that_are_as_wanted_start_no_engine(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.fleet.east.yaml").write_text(RIGHT)
    assert (settle(tmp_path, "2026-11-22").read, settle(tmp_path, "2026-11-22").set) == (0, {})


def test_another_day_is_set_and_a_key_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.fleet.east.yaml").write_text(RIGHT)
    assert settle(tmp_path, "2026-12-01").set == {AS_OF: "2026-12-01"}


@pytest.mark.parametrize("text", [None, "", "[", "config: 7\n", "config:\n  other: x\n", "\0"])
def test_a_file_that_says_nothing_of_use_leaves_it_to_the_engine(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "Pulumi.fleet.east.yaml").write_text(text)
    asked = settle(tmp_path, "2026-11-22")
    assert (asked.read, asked.set) == (1, {AS_OF: "2026-11-22"})
