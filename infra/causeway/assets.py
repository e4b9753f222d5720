"""Finds the playbooks and charts, inside an installed wheel or at the top of a checkout; and a fleet's own folder."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from causeway.errors import Permanent

INSTALL_UP = "pip install './causeway-VERSION-py3-none-any.whl[up]'"
"""How an installation gets all that `causeway up` needs. On PyPI the name `causeway` is another project's."""
REINSTALL = (
    "install Causeway's wheel again: pip install --force-reinstall --no-deps ./causeway-VERSION-py3-none-any.whl"
)


def checkout() -> Path | None:
    """The top folder of the source checkout that this package runs from, None when it runs from a wheel."""
    top = Path(__file__).resolve().parents[2]
    return top if (top / "pyproject.toml").is_file() and (top / "tools").is_dir() else None


def playbooks() -> Path:
    """The folder of playbooks, roles and Ansible plugins."""
    return _folder("playbooks")


def charts() -> Path:
    """The folder of Helm charts."""
    return _folder("charts")


def definitions_below(environment: Path) -> Path:
    """Where an environment keeps definitions of kinds that Kubernetes does not bring (`make tools` fetches them)."""
    return environment / "share" / "causeway" / "definitions"


def home_root(fleet_dir: Path, environ: Mapping[str, str]) -> Path:
    """The `.causeway` folder of a fleet: CAUSEWAY_HOME, or beside the `inventory` folder, or in the fleet's own."""
    if environ.get("CAUSEWAY_HOME"):
        return Path(environ["CAUSEWAY_HOME"]).absolute()
    fleet_dir = fleet_dir.absolute()
    root = fleet_dir.parent.parent if fleet_dir.parent.name == "inventory" else fleet_dir
    return root / ".causeway"


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
