"""What is shown while stacks are worked on."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from causeway.cli.stack_progress import watcher_for
from causeway.stacks.model import Operation
from causeway.stacks.run import ASKING

STACK = "sandbox.cn-north-inference"


@pytest.mark.parametrize("terminal", [False, True], ids=["lines", "bars"])
def test_one_line_says_why_hosts_are_asked_after_a_run_that_failed(*, terminal: bool) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, color_system=None, width=400)
    with watcher_for(console, Operation.UP, [STACK]) as watcher:
        watcher.began(STACK)
        watcher.asks(STACK, ASKING.format("h20"))
    assert out.getvalue().count(f"{STACK}: a rollout began and did not end: h20; its hosts are asked") == 1
