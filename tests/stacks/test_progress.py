"""What the events file says of a run, read while it is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from causeway.stacks.events import at
from causeway.stacks.progress import StackProgress, Tail
from causeway.stacks.run import Follower, Watcher


def line(second: int, host: str, phase: str, **more: object) -> str:
    event = {
        "at": f"2026-11-22T00:00:{second:02d}+00:00",
        "stack": "f.c",
        "resource": "ascend",
        "host": host,
        "phase": phase,
        "wave": 1,
        "waves": 2,
        "text": "",
    }
    return json.dumps(event | more)


def test_the_time_left_follows_what_was_done() -> None:
    progress = StackProgress("f.c")
    for each in (
        line(0, "", "pending", hosts=4),
        line(0, "a", "cordoned"),
        line(10, "a", "done"),
        line(20, "b", "failed"),
    ):
        assert progress.take(each) is not None
    pool = progress.pools["ascend"]
    assert (pool.ended, pool.expected, pool.wave, pool.waves) == (2, 4, 1, 2)
    assert pool.seconds_left == 20.0


def test_what_was_said_of_a_pool_before_its_first_wave_gives_way_to_its_hosts() -> None:
    progress = StackProgress("f.c")
    progress.take(line(0, "", "pending", wave=0, waves=0, text="looks at 4 hosts"))
    assert progress.working == {"ascend": "looks at 4 hosts"}
    progress.take(line(1, "a", "cordoned"))
    assert progress.working == {}


def test_what_is_not_this_stack_s_or_no_event_is_passed_over() -> None:
    progress = StackProgress("f.c")
    for each in ("", "{half", "[]", '{"at": "yesterday"}', line(0, "a", "done", stack="f.other")):
        assert progress.take(each) is None
    assert progress.pools == {}


def test_a_line_is_read_once_and_only_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    tail = Tail(file)
    assert list(tail.lines()) == []
    file.write_text("one\ntw")
    assert list(tail.lines()) == ["one"]
    with file.open("a") as more:
        more.write("o\n")
    assert list(tail.lines()) == ["two"]
    assert list(tail.lines()) == []


def test_property_paths_find_what_they_name() -> None:
    document = {"state": {"gpu-1.site": "ok"}, "list": [{"a": 1}], "plain": {"deep": 2}}
    assert at(document, 'state["gpu-1.site"]') == "ok"
    assert at(document, "list[0].a") == 1
    assert at(document, "plain.deep") == 2
    assert at(document, 'state["other"]') is None
    assert at(document, "list[7]") is None


def test_a_watcher_that_can_no_longer_write_loses_none_of_a_run_s_hosts(tmp_path: Path) -> None:
    class Broken(Watcher):
        def moved(self, progress: StackProgress, event: Mapping[str, object]) -> None:
            raise BrokenPipeError(f"{progress.stack} {len(event)}")

    events = tmp_path / "events.jsonl"
    with Follower("f.c", events, Broken()) as follower:
        events.write_text("".join(f"{line(0, host, 'done')}\n" for host in ("a", "b", "c")))
    assert set(follower.progress.pools["ascend"].hosts) == {"a", "b", "c"}
