from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from causeway.toolchain import run


def test_what_a_program_printed_long_ago_is_not_shown_as_what_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_NEWS_S", 1.0)
    seen: list[str] = []
    script = "import time; print('fetching', flush=True); time.sleep(2.5)"
    status = run.run_logged(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        environ=os.environ,
        log=tmp_path / "log",
        tick=lambda _elapsed, line: seen.append(line),
    )
    assert status == 0
    assert "fetching" in seen
    assert seen[-1] == ""
    assert run.tail(tmp_path / "log", 1) == ["fetching"]
