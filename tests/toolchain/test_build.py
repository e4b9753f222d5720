"""Building with a fake Go: what is left in place, whatever happens on the way."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from causeway.errors import Permanent, Retryable
from causeway.toolchain.build import Workshop, build_missing
from causeway.toolchain.manifest import tools
from causeway.toolchain.progress import Progress
from tests.toolchain.fakes import FakeShop, printing

NAMES = ["etcd", "kwok", "kwokctl", "helm"]
WANTED = tuple(tool for tool in tools() if tool.name in NAMES)

# A build as a process of its own, so that signals reach it as they reach the real one.
BUILDER = """
import signal, sys
from collections.abc import Callable
from pathlib import Path
from rich.console import Console
from causeway.toolchain.build import Workshop, build_missing
from causeway.toolchain.manifest import tools
from causeway.toolchain.progress import Progress
import os
signal.signal(signal.SIGTERM, signal.default_int_handler)
wanted = [tool for tool in tools() if tool.name in sys.argv[3:]]
shop = Workshop(Path(sys.argv[1]), Path(sys.argv[2]), os.environ)
print("ready", flush=True)
build_missing(wanted, shop, Progress(Console()), install_go=False)
"""


def build(shop: Workshop) -> tuple[list[str], str]:
    """Build what lacks; the names of what was built, and what was said."""
    said = io.StringIO()
    built = build_missing(WANTED, shop, Progress(Console(file=said, width=200)), install_go=False)
    return [each.tool.name for each in built], said.getvalue()


def start(shop: Workshop) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILDER, str(shop.checkout), str(shop.environment), *NAMES]
    process = subprocess.Popen(
        command,
        env=dict(shop.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def assert_whole(shop: FakeShop) -> None:
    """Whatever is in place is finished: it prints its version."""
    for tool in WANTED:
        file = shop.workshop.bin / tool.name
        if file.exists():
            assert str(tool.version) in subprocess.run([file], capture_output=True, text=True, check=True).stdout


def test_what_lacks_is_built_in_order_and_a_second_build_does_nothing(shop: FakeShop) -> None:
    names, said = build(shop.workshop)
    assert names == NAMES
    assert "[1/4] etcd" in said
    assert "[4/4] helm" in said
    assert shop.finished() == set(NAMES)
    names, said = build(shop.workshop)
    assert names == []
    assert "are here" in said
    assert shop.asked() == NAMES
    assert not shop.workshop.staging.exists()


def test_a_good_tool_on_path_is_used_and_an_outdated_own_one_that_hides_it_goes(shop: FakeShop, tmp_path: Path) -> None:
    printing(tmp_path / "official" / "helm", "v4.5.0+g123")
    printing(shop.workshop.bin / "helm", "v4.0.0")
    names, said = build(shop.with_environ(PATH=f"{shop.workshop.environ['PATH']}{os.pathsep}{tmp_path / 'official'}"))
    assert "helm" not in names
    assert f"using {tmp_path / 'official' / 'helm'} (4.5.0)" in said
    assert "helm" not in shop.finished()


def test_an_outdated_own_tool_is_replaced(shop: FakeShop) -> None:
    printing(shop.workshop.bin / "helm", "v4.0.0")
    _, said = build(shop.workshop)
    assert "is 4.0.0; >=4.3.0,<5 is needed" in said
    assert_whole(shop)


def test_a_failed_build_tells_the_end_of_what_go_printed_and_keeps_what_was_finished(shop: FakeShop) -> None:
    with pytest.raises(Permanent) as caught:
        build(shop.with_environ(FAKE_GO_FAILS="kwokctl"))
    error = caught.value
    assert (error.code, error.subject) == ("tool-build-failed", "kwokctl")
    assert "undefined: x" in error.reason
    assert "line 30" in error.reason
    assert "line 3\n" not in error.reason
    assert error.where == str(shop.workshop.log("kwokctl"))
    assert "line 3\n" in shop.workshop.log("kwokctl").read_text("utf-8")
    assert shop.finished() == {"etcd", "kwok"}
    names, _ = build(shop.workshop)
    assert names == ["kwokctl", "helm"]


@pytest.mark.parametrize("line", ["dial tcp: lookup x: no such host", "reading x: 502 Bad Gateway", "net: i/o timeout"])
def test_a_module_that_could_not_be_fetched_may_be_tried_again(line: str, shop: FakeShop) -> None:
    with pytest.raises(Retryable) as caught:
        build(shop.with_environ(FAKE_GO_FAILS="etcd", FAKE_GO_SAYS=line))
    assert "again" in caught.value.hint


def test_a_full_disk_says_how_much_is_needed(shop: FakeShop) -> None:
    with pytest.raises(Permanent) as caught:
        build(shop.with_environ(FAKE_GO_FAILS="etcd", FAKE_GO_SAYS="write /tmp/x: no space left on device"))
    assert "GB" in caught.value.hint


def test_a_binary_of_another_version_than_wanted_is_not_put_into_place(shop: FakeShop) -> None:
    with pytest.raises(Permanent) as caught:
        build(shop.with_environ(FAKE_GO_BUILDS="v9.9.9"))
    assert caught.value.code == "tool-build-wrong"
    assert "9.9.9" in caught.value.reason
    assert shop.finished() == set()


def test_a_users_cross_compiling_does_not_leak_into_the_build(shop: FakeShop) -> None:
    build(shop.with_environ(GOOS="plan9", CGO_ENABLED="1"))
    assert shop.go_environ().split() == ["0", "here"]


def test_without_go_the_error_says_which_and_how_to_get_it(shop: FakeShop, tmp_path: Path) -> None:
    with pytest.raises(Permanent) as caught:
        build(shop.with_environ(PATH=str(tmp_path / "basics")))
    assert caught.value.code == "go-missing"
    assert "Go 1.26.0 or newer is not on PATH" in caught.value.reason
    assert "--install-go" in caught.value.hint


def test_a_go_too_old_to_fetch_a_newer_one_is_named(shop: FakeShop) -> None:
    with pytest.raises(Permanent) as caught:
        build(shop.with_environ(FAKE_GO_VERSION="1.19"))
    assert "go/go is too old: Go 1.26.0 is needed" in caught.value.reason


def test_a_go_that_can_fetch_a_newer_one_is_told_to(shop: FakeShop) -> None:
    names, said = build(shop.with_environ(FAKE_GO_VERSION="1.22.5", GOTOOLCHAIN="local"))
    assert names == NAMES
    assert "Go 1.22.5 is older than 1.26.0" in said
    assert shop.go_environ().split()[0] == "auto"


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_leaves_nothing_half_written_and_no_process(sent: signal.Signals, shop: FakeShop) -> None:
    process = start(shop.with_environ(FAKE_GO_SLEEP="30", PYTHONPATH=os.pathsep.join(sys.path)))
    staged = shop.workshop.staging / "etcd"
    _wait_until(staged.exists)
    process.send_signal(sent)
    assert process.wait(10) != 0
    assert shop.finished() == set()
    assert not shop.workshop.staging.exists()
    assert not _runs_with(str(staged))


@pytest.mark.slow(soak=50)
def test_a_build_killed_at_a_random_moment_goes_on_where_it_was(seed: int, shop: FakeShop) -> None:
    draw = random.Random(seed)
    slow = shop.with_environ(FAKE_GO_SLEEP="0.15", PYTHONPATH=os.pathsep.join(sys.path))
    process = start(slow)
    time.sleep(draw.uniform(0, 1.2))
    process.kill()
    process.wait(10)
    assert_whole(shop)
    finished = shop.finished()
    names, _ = build(shop.workshop)
    assert names == [name for name in NAMES if name not in finished]
    assert shop.finished() == set(NAMES)
    assert_whole(shop)


def test_two_builds_at_once_build_each_tool_once(shop: FakeShop) -> None:
    slow = shop.with_environ(FAKE_GO_SLEEP="0.2", PYTHONPATH=os.pathsep.join(sys.path))
    both = [start(slow), start(slow)]
    said = [process.communicate(timeout=30)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(shop.asked()) == sorted(NAMES)
    assert sum("waiting for it" in text for text in said) == 1


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come so far within 10 s"
        time.sleep(0.02)


def _runs_with(word: str) -> bool:
    """Whether a process has a word in its command line."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word in entry.read_text("utf-8", errors="replace"):
                return True
        except OSError:  # it ended meanwhile
            continue
    return False
