"""The environment of the programs that reach hosts: only what OpenSSH and Ansible need, so that no secret is in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

KEPT = (
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "KRB5CCNAME",
    "XDG_RUNTIME_DIR",
)
"""ansible-runner writes its whole environment into its artifacts, and the provider's holds the state's passphrase."""


def scrubbed(environment: Mapping[str, str]) -> dict[str, str]:
    """What is kept of an environment, with the programs of this Python environment first on the path."""
    found = {name: environment[name] for name in KEPT if name in environment}
    own = str(Path(sys.executable).parent)
    found["PATH"] = os.pathsep.join((own, environment.get("PATH", os.defpath)))
    found.setdefault("LANG", "C.UTF-8")
    return found
