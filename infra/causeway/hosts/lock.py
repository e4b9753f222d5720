"""A host's lock as the facts show it, and how the locks of a run that ended early are given back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from causeway.hosts import identity, openssh
from causeway.hosts.environment import scrubbed
from causeway.hosts.fanout import ask

PATH = "/var/lib/causeway/lock.json"
_SECONDS = 20.0
# Under the same guard as the module `causeway_lock`: a lock that somebody else took meanwhile stays.
_FREE = """
import fcntl, json, os
path, owner = {path!r}, {owner!r}
guard = os.open(os.path.dirname(path), os.O_RDONLY)
fcntl.flock(guard, fcntl.LOCK_EX)
if os.path.exists(path) and json.load(open(path)).get("owner") == owner:
    os.unlink(path)
"""


@dataclass(frozen=True, slots=True)
class Lock:
    """Who holds a host, for which run, and until when."""

    owner: str
    run: str
    expires: datetime

    def held(self, owner: str, now: datetime) -> bool:
        """Whether somebody else than this owner holds the host now."""
        return self.owner != owner and self.expires > now and not identity.is_gone(self.owner)


def lock_of(facts: Mapping[str, Any] | None) -> Lock | None:
    """The lock in a host's facts; None when there is none that can be understood."""
    found = facts.get("lock") if facts else None
    if not isinstance(found, Mapping) or not isinstance(found.get("expires"), int | float):
        return None
    try:
        expires = datetime.fromtimestamp(found["expires"], UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return Lock(str(found.get("owner", "")), str(found.get("run", "")), expires)


def free(hosts: Mapping[str, Mapping[str, Any]], owner: str, environment: Mapping[str, str]) -> None:
    """Free the locks that this owner still holds. A host that does not answer keeps its lock until it expires."""
    script = _FREE.format(path=PATH, owner=json.loads(json.dumps(owner)))
    config = environment.get(openssh.CONFIG_VARIABLE)
    commands = {
        name: [*openssh.words(name, variables, config), openssh.as_root(variables, f"{openssh.python(variables)} -")]
        for name, variables in hosts.items()
    }
    ask(commands, script.encode(), _SECONDS, lambda: False, scrubbed(environment))
