"""The provider as a plugin for tests under the real engine, without machines: hosts and clusters are a file.

`faults.json` in the folder that CAUSEWAY_TEST_WORLD names says which hosts and releases end how; `runs.jsonl` there
tells what was done. Real hosts and clusters are tested with the sandbox.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from causeway.hosts.journal import journal_of
from causeway.provider import baseline, lease, release
from causeway.provider.model import Call, Kind
from causeway.provider.pool_effects import PoolResult, PoolRun
from causeway.provider.pool_outcome import Told
from causeway.provider.release_effects import ReleaseResult, ReleaseRun
from causeway.provider.server import serve
from causeway.provider.values import Values

WORLD = "CAUSEWAY_TEST_WORLD"


class World:
    """Hosts and clusters in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fault(self, name: str) -> str | None:
        path = self._folder / "faults.json"
        return json.loads(path.read_text()).get(name) if path.exists() else None

    def note(self, **what: Any) -> None:
        with (self._folder / "runs.jsonl").open("a") as file:
            file.write(json.dumps(what) + "\n")

    def converge(self, call: Call, run: PoolRun) -> PoolResult:
        journal = journal_of(call.home, call.stack, str(run.pool.values["pool"]))
        name = f"{os.getpid()}-{time.monotonic_ns()}"
        journal.append(call.now(), name, "begin")
        result = self._rollout(call, run)
        journal.append(call.now(), name, "end")
        return result

    def _rollout(self, call: Call, run: PoolRun) -> PoolResult:
        self.note(pool=run.pool.values["pool"], hosts=list(run.names), disruption=run.disruption, pid=os.getpid())
        states: dict[str, str] = {}
        for name in run.names:
            if call.cancelled():
                left = {name: "pending" for name in run.names if name not in states}
                return PoolResult(states | left, stopped="cancelled", lost=True)
            time.sleep(float(self.fault("seconds") or 0))
            states[name] = self.fault(name) or run.desired[name]
            self.note(done=name, state=states[name])
        failed = [name for name, state in states.items() if state.startswith(("failed", "unreachable"))]
        budget = int((run.pool.values.get("rollout") or {}).get("failure_budget", 0))
        return PoolResult(states, [Told(name, state) for name, state in states.items()], "", len(failed) > budget)

    def look(self, call: Call, run: PoolRun, level: str) -> PoolResult:
        seconds = float(self.fault("look") or 0)
        if seconds:
            self.note(looked=level)
        until = time.monotonic() + seconds
        while time.monotonic() < until and not call.cancelled():
            time.sleep(0.05)
        brought = self._brought()
        states = {name: self.fault(name) or _drifted(run.before[name], brought.get(name)) for name in run.names}
        return PoolResult(states, [Told(name, state) for name, state in states.items() if self.fault(name)])

    def _brought(self) -> dict[str, str]:
        """Where the last run has brought each host, whether or not it came to its end."""
        file = self._folder / "runs.jsonl"
        notes = map(json.loads, file.read_text().splitlines() if file.exists() else ())
        return {note["done"]: note["state"] for note in notes if "done" in note}

    def held(self, call: Call, inputs: Values, names: Sequence[str]) -> Sequence[str]:
        del call, inputs
        return [name for name in names if self.fault(f"held {name}")]

    def forget(self, call: Call, pool: str, names: Sequence[str]) -> None:
        del call
        self.note(forgotten=pool, hosts=list(names))

    def apply(self, call: Call, run: ReleaseRun) -> ReleaseResult:
        del call
        name = str(run.inputs["release"])
        self.note(release=name, secrets=sorted(run.inputs.get("secrets") or {}))
        fault = self.fault(name)
        return ReleaseResult(fault, (f"{name}: {fault}",)) if fault else ReleaseResult("deployed")

    def uninstall(self, call: Call, run: ReleaseRun) -> None:
        del call
        self.note(uninstalled=run.inputs["release"])


def _drifted(before: str, brought: str | None) -> str:
    return before if brought in (None, before) else f"drifted: it is {brought}"


class Releases(World):
    """The same for releases, whose `look` has another form."""

    def look(self, call: Call, run: ReleaseRun) -> ReleaseResult:  # type: ignore[override] # another protocol's form
        del call
        return ReleaseResult(self.fault(str(run.inputs["release"])) or "deployed")


def main() -> None:
    folder = Path(os.environ[WORLD])
    kinds: dict[str, Kind] = {
        lease.TYPE: lease.Lease(),
        baseline.TYPE: baseline.Baseline(lambda: World(folder)),
        release.TYPE: release.Release(lambda: Releases(folder)),
    }
    asyncio.run(serve(kinds, sys.argv[1]))


if __name__ == "__main__":
    main()
