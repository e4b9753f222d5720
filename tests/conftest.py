"""What this machine can run of the tests, said at the start; and the seeds of the tests that draw at random."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path

import pytest

from causeway.toolchain.locate import locate_all, search_path, shortcoming
from causeway.toolchain.manifest import Purpose, tools
from causeway.toolchain.system import install_command, missing_programs

# What may be left out on a machine that cannot run it. CAUSEWAY_TEST_REQUIRE="tools sandbox" makes that a failure.
OPTIONAL = ("tools", "sandbox")
REQUIRED = os.environ.get("CAUSEWAY_TEST_REQUIRE", "").split()
SAMPLE = "0:3"
LACKING = pytest.StashKey[dict[str, str]]()


def _lacking_tools() -> str:
    folders = search_path(Path(sys.prefix) / "bin", os.environ)
    lacking = [found for found in locate_all(tools(), folders) if found.chosen is None]
    reasons = "; ".join(f"{found.tool.name}: {shortcoming(found)}" for found in lacking)
    return f"{reasons} (make tools)" if lacking else ""


def _lacking_sandbox() -> str:
    if not sys.platform.startswith("linux"):
        return "the sandbox's hosts need Linux"
    if os.geteuid() != 0:
        return "the sandbox's hosts need root"
    missing = missing_programs(os.environ)
    lacking = [program for program in missing if program.purpose is Purpose.SANDBOX]
    return f"programs are missing ({install_command(lacking, root=True)})" if lacking else ""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seeds",
        default=None,
        metavar="FIRST:LAST",
        help=f"seeds of the random tests (default {SAMPLE}), and all that is slow",
    )


def _seeds(config: pytest.Config) -> str:
    return str(config.getoption("--seeds") or SAMPLE)


def _whole(config: pytest.Config) -> bool:
    """Whether slow tests were asked for, as `make soak` does."""
    return config.getoption("--seeds") is not None or "slow" in str(config.getoption("markexpr"))


def pytest_configure(config: pytest.Config) -> None:
    # a job in the background starts with Ctrl-C ignored, and what it starts inherits that
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[LACKING] = {}


def pytest_report_header(config: pytest.Config) -> str:
    return f"seeds: {_seeds(config)} (make soak runs more)"


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    return [f"left out: tests marked {marker}, since {why}" for marker, why in config.stash[LACKING].items() if why]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with an argument `seed` runs once per seed; the seed stands in its name."""
    if "seed" in metafunc.fixturenames:
        first, last = _seeds(metafunc.config).split(":")
        marks = {mark.name: mark for mark in metafunc.definition.iter_markers()}
        few = marks["slow"].kwargs if "slow" in marks else {}
        costly = {"slow", "sandbox"} <= marks.keys()  # one draw on real hosts takes minutes
        drawn = range(int(first), int(last))
        if _whole(metafunc.config):
            drawn = drawn[: few.get("soak", 50 if costly else None)]
        elif costly or "seeds" in few:
            drawn = range(int(first), int(first) + few.get("seeds", 1))
        metafunc.parametrize("seed", drawn)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what has seeds, so that `make soak` can choose it."""
    if "seed" in getattr(item, "fixturenames", ()):
        item.add_marker("seeded")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this machine cannot run; it is only looked at for the tests that were chosen."""
    lacking = config.stash[LACKING]
    for marker, look in (("tools", _lacking_tools), ("sandbox", _lacking_sandbox)):
        lacking[marker] = look() if any(marker in item.keywords for item in items) else ""
    if not _whole(config):
        left = [item for item in items if "slow" in item.keywords and "seeded" not in item.keywords]
        config.hook.pytest_deselected(items=left)
        lacking["slow"] = f"{len(left)} of them take minutes (make soak)" if left else ""
        items[:] = [item for item in items if item not in set(left)]
    for item in items:
        for marker in OPTIONAL:
            if lacking[marker] and marker in item.keywords and marker not in REQUIRED:
                item.add_marker(pytest.mark.skip(reason=lacking[marker]))


def pytest_collection_finish() -> None:
    """Keep what collecting made out of garbage collections, which took an eighth of the pure tests' time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session", name="tools")
def located_tools() -> dict[str, Path]:
    """The command-line tools of this machine by name."""
    located = locate_all(tools(), search_path(Path(sys.prefix) / "bin", os.environ))
    return {found.tool.name: found.chosen.path for found in located if found.chosen is not None}
