"""The environment in which plain `pulumi`, `kubectl`, `helm` and `ansible` work with this fleet's files."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_OWN_BACKEND = "CAUSEWAY_OWN_BACKEND"


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are: `own` holds this environment's programs, `home` is the `.causeway` folder of the fleet."""

    own: Path
    fleet: Path
    home: Path
    kubeconfig: Path
    ansible_config: Path

    @property
    def pulumi_home(self) -> Path:
        """The engine's own files."""
        return self.home / "pulumi"

    @property
    def state(self) -> Path:
        """Stacks, when no other backend is named."""
        return self.home / "state"

    @property
    def passphrase(self) -> Path:
        """Encrypts the secrets in the state, when no other way is named."""
        return self.home / "passphrase"


def variables(places: Places, environ: Mapping[str, str]) -> dict[str, str]:
    """What to set. A backend or passphrase that the user named is kept; files that are not there are not named."""
    own_backend = places.state.as_uri()
    present = environ.get("PULUMI_BACKEND_URL", "")
    # One that an earlier `causeway env`, perhaps of another checkout, has set is not the user's choice.
    backend = present if present and present != environ.get(_OWN_BACKEND) else own_backend
    chosen = {
        "PATH": _path(places.own, environ.get("PATH", "")),
        "CAUSEWAY_FLEET": str(places.fleet),
        "PULUMI_HOME": str(places.pulumi_home),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_BACKEND_URL": backend,
        _OWN_BACKEND: own_backend,
    }
    named = environ.keys() & {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"}
    for name, file, wanted in (
        ("PULUMI_CONFIG_PASSPHRASE_FILE", places.passphrase, not named),
        ("KUBECONFIG", places.kubeconfig, True),
        ("ANSIBLE_CONFIG", places.ansible_config, True),
    ):
        if wanted and file.is_file():
            chosen[name] = str(file)
    return chosen


def exports(chosen: Mapping[str, str]) -> str:
    """Lines for a POSIX shell: `eval "$(causeway env)"`."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in chosen.items())


def _path(own: Path, present: str) -> str:
    """PATH with the environment's programs first: the language host takes `python3` from there."""
    rest = (part for part in present.split(os.pathsep) if part and part != str(own))
    return os.pathsep.join([str(own), *rest])
