"""How a pool's run is told to the engine."""

from __future__ import annotations

from causeway.provider.pool_outcome import Told, deferrals, reasons


def test_deferrals_are_told_once_without_what_only_the_next_run_needs() -> None:
    states = {f"gpu-0{n}": f"deferred until the next run: no room; was ok {n}a {n}b, needs drain" for n in (1, 2)}
    assert deferrals(states) == ("gpu-[01:02]: deferred until the next run: no room",)
    lost = [Told(name, state.replace("deferred until the next run", "unreachable")) for name, state in states.items()]
    assert reasons(lost) == ("gpu-[01:02]: unreachable: no room",)
