"""A rollout in a process of its own, as the provider would be: python -m tests.hosts.drive ORDER."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.hosts.scene import HOSTS, Scene
from tests.sandbox.small_fleet import Sandbox


def main() -> int:
    """Converge the pool to a version."""
    order = json.loads(sys.argv[1])
    sandbox = Sandbox(order["name"], Path(order["folder"]), dict(os.environ))
    scene = Scene(sandbox, Path(order["books"]), Path(order["home"]))
    own = {name: {"trial__seconds": order["seconds"]} for name in HOSTS}
    before = dict.fromkeys(HOSTS, "ok v0 c1")
    outcome = scene.go(scene.spec(order["version"], own=own, rollout={"max_unavailable": 2}), before)
    return 0 if all(state.startswith("ok ") for state in outcome.states.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
