"""Whether an earlier run of a stack was killed, or stopped at once: then its state does not know what it did to hosts.

The engine keeps the inputs and outputs of before, so a declaration that is taken back looks as if nothing had to be
done. Three traces tell: a lock that nobody holds, operations that the state has as pending, and a pool's journal with a
run that began and did not end. Of a provider that was killed alone the engine keeps nothing: only the journal tells,
on its machine. So `causeway up`, which outlives it, refreshes the stack at once, and the state tells it everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from causeway.hosts.journal import Journal, journal_of
from causeway.stacks.locks import Lock

LOOKED = "looked"
"""Kind of a journal's line: the hosts were asked after a run that did not end."""
_SETTLED = ("end", "forgotten", LOOKED)
_CREATING = "creating"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What tells that an earlier run did not come to its end.

    Args:
        locks: removed locks of runs that are gone.
        resources: names of resources with a pending operation.
        pools: pools with a rollout that did not end.
    """

    locks: Sequence[Lock] = ()
    resources: Sequence[str] = ()
    pools: Sequence[str] = ()

    def __str__(self) -> str:
        """What tells it, for people; empty when nothing does."""
        parts = ["it left its lock"] if self.locks else []
        parts += [f"pending in the state: {', '.join(self.resources)}"] if self.resources else []
        parts += [f"a rollout that did not end: {', '.join(self.pools)}"] if self.pools else []
        return "; ".join(parts)


def pending(deployment: Mapping[str, Any]) -> tuple[str, ...]:
    """Resources on which a run was at work when it was killed.

    What was being created counts as nothing: the state has no such resource, so the next run creates it, which looks
    at each host; and the engine keeps the note of it for ever.

    Args:
        deployment: a stack's state, as `pulumi stack export` tells it under `deployment`.
    """
    found = deployment.get("pending_operations") or ()
    urns = [str(each["resource"]["urn"]) for each in found if each.get("type") != _CREATING]
    return tuple(sorted({urn.rpartition("::")[2] for urn in urns}))


def open_pools(home: Path, stack: str) -> tuple[str, ...]:
    """Pools whose journal has a run that began, and nothing of its end."""
    folder = home / "journal" / stack
    files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else []
    return tuple(file.stem for file in files if not file.stem.endswith(".old") and _is_open(Journal(file)))


def _is_open(journal: Journal) -> bool:
    marks = [entry["kind"] for entry in journal.read().whole if entry["kind"] in ("begin", *_SETTLED)]
    return marks[-1:] == ["begin"]


def open_runs(home: Path, stack: str) -> frozenset[tuple[str, str]]:
    """The same pools, each with the name of the rollout that did not end."""
    found = set()
    for pool in open_pools(home, stack):
        begun = [entry for entry in journal_of(home, stack, pool).read().whole if entry["kind"] == "begin"]
        found.add((pool, str(begun[-1].get("run", ""))))
    return frozenset(found)


def settle(home: Path, stack: str, pools: Sequence[str], at: datetime) -> None:
    """Note that the hosts of pools were asked, so that the next run need not do it again.

    What hosts and clusters could not tell then is in the state: such a host is not called right.
    """
    for pool in pools:
        journal_of(home, stack, pool).append(at, "", LOOKED)
