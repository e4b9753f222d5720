"""The cache: what is there is whole, whoever was interrupted, however many build at once."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from causeway.sandbox import cache


class Interruption(Exception):
    """Ends a build halfway."""


def fill(folder: Path) -> None:
    (folder / "whole").write_text("yes")


def quiet() -> None:
    """Nobody waits."""


def test_an_interrupted_build_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    def half(folder: Path) -> None:
        (folder / "half").write_text("")
        raise Interruption

    with pytest.raises(Interruption):
        cache.ensure(tmp_path, "layer-1", half, quiet)
    assert not (tmp_path / "layer-1").exists()
    ready = cache.ensure(tmp_path, "layer-1", fill, quiet)
    assert [path.name for path in ready.iterdir()] == ["whole"]
    assert [path.name for path in tmp_path.iterdir()] == ["layer-1"]


def test_builds_of_one_name_at_the_same_time_take_turns_and_build_once(tmp_path: Path) -> None:
    built: list[float] = []
    waited: list[bool] = []

    def slow(folder: Path) -> None:
        built.append(time.monotonic())
        time.sleep(0.2)
        fill(folder)

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: cache.ensure(tmp_path, "layer-1", slow, lambda: waited.append(True)), range(4)))
    assert set(made) == {tmp_path / "layer-1"}
    assert len(built) == 1
    assert waited


def test_pruning_keeps_what_is_in_use_what_is_fresh_and_the_key(tmp_path: Path) -> None:
    names = ("image-used", "image-old", "layer-fresh", "mirror-old", "signing-key")
    for name in names:
        (tmp_path / name).mkdir()
        if name != "layer-fresh":
            os.utime(tmp_path / name, (0, 0))
    gone = cache.prune(tmp_path, {tmp_path / "image-used"}, unused_s=60, now=time.time())
    assert gone == ("image-old", "mirror-old")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image-used", "layer-fresh", "signing-key"]


def test_a_digest_tells_parts_from_their_concatenation() -> None:
    assert cache.digest("ab", "c") != cache.digest("a", "bc")
