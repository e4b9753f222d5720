"""Where the files of a sandbox lie, and what its network and control group are called."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from causeway.errors import Permanent

RUN_ROOT = Path("/run/causeway")
NAME_LINE = re.compile(r"^name:\s*[\"']?([A-Za-z0-9-]+)", re.MULTILINE)
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of one fleet's sandbox.

    `home` holds what outlives a boot and what the user reads; `run` holds sockets and locks, on a tmpfs, with names
    short enough for a Unix socket; `cache` is shared by all sandboxes of a checkout.
    """

    fleet: str
    home: Path
    cache: Path

    @property
    def run(self) -> Path:
        """Sockets, and the note that says whose home this fleet's sandbox has."""
        return RUN_ROOT / self.fleet

    @property
    def lock(self) -> Path:
        """Held by `up`, `down` and the like, one at a time."""
        return RUN_ROOT / "locks" / self.fleet if os.geteuid() == 0 else self.home / ".lock"

    @property
    def owner_note(self) -> Path:
        """Names the home whose sandbox is up under this fleet's name."""
        return self.run / "home"

    @property
    def netns(self) -> str:
        """The network namespace."""
        return f"cw-{self.fleet}"

    @property
    def hosts(self) -> Path:
        """One folder per host."""
        return self.home / "hosts"

    def host(self, name: str) -> Path:
        """The folder of one host: its disk, its record, its console log."""
        return self.hosts / name

    @property
    def logs(self) -> Path:
        """Logs of the mirror and the dialer."""
        return self.home / "logs"

    @property
    def mirror(self) -> Path:
        """A link to what the mirror serves."""
        return self.home / "mirror"

    @property
    def ssh_config(self) -> Path:
        """For `ssh -F`."""
        return self.home / "ssh_config"

    @property
    def known_hosts(self) -> Path:
        """The hosts' keys, known before the first connection."""
        return self.home / "known_hosts"

    @property
    def identity(self) -> Path:
        """The private key that every host lets in."""
        return self.home / "id_ed25519"

    @property
    def ansible_inventory(self) -> Path:
        """A plain Ansible inventory of the hosts."""
        return self.home / "hosts.ini"

    @property
    def dialer_socket(self) -> Path:
        """Where the dialer hands out connections into the network namespace."""
        return self.run / "dialer.sock"

    @property
    def control_paths(self) -> Path:
        """For the master sockets of OpenSSH."""
        return self.run / "cm"


def layout(fleet: str, root: Path, environ: Mapping[str, str]) -> Layout:
    """The layout of the fleet called `fleet` under `root` (see `home_root`).

    Raises:
        Permanent: the name cannot serve as the name of a namespace and a control group.
    """
    if not NAME.fullmatch(fleet):
        raise Permanent(
            "bad-fleet-name",
            f"{fleet!r} cannot name a sandbox: it takes 1 to 40 of a-z, 0-9 and '-', and no '-' at either end",
            hint="rename the fleet in fleet.yaml",
        )
    cache = Path(environ["CAUSEWAY_CACHE"]).absolute() if environ.get("CAUSEWAY_CACHE") else root / "cache"
    return Layout(fleet=fleet, home=root / "sandbox" / fleet, cache=cache)


def declared_name(fleet_dir: Path) -> str:
    """The fleet's name as `fleet.yaml` gives it, read without the rest.

    So a declaration that is broken elsewhere still lets its sandbox be looked into and taken down.

    Raises:
        Permanent: there is no such file, or no name in it.
    """
    file = fleet_dir / "fleet.yaml" if fleet_dir.is_dir() else fleet_dir
    try:
        found = NAME_LINE.search(file.read_text("utf-8", errors="replace"))
    except OSError as error:
        reason = f"the declaration cannot be read: {error.strerror}"
    else:
        if found:
            return found[1]
        reason = "it has no line `name: ...`"
    up = sorted(path.parent.name for path in RUN_ROOT.glob("*/home"))
    raise Permanent(
        "no-fleet-name",
        reason + (f"; sandboxes that are up: {', '.join(up)}" if up else ""),
        where=str(file),
        hint="name the fleet's folder with --fleet DIR, or the sandbox with --name NAME",
    )


def recorded_home(fleet: str) -> Path | None:
    """The home of the sandbox that is up under this name, whatever became of its fleet file."""
    try:
        return Path((RUN_ROOT / fleet / "home").read_text().strip())
    except FileNotFoundError:
        return None
