"""What makes one host's disk its own: name, network, user, keys, apt source, simulated hardware."""

from __future__ import annotations

import json
import os
from pathlib import Path

from causeway.sandbox.command import run
from causeway.sandbox.hardware import write_infiniband, write_pci
from causeway.sandbox.image import KEYRING, SUITE
from causeway.sandbox.spec import MIRROR_ADDRESS, NETWORK, HostSpec

USER_ID = 1000
DEBIAN_USER_FILES = ("etc/passwd", "etc/group", "etc/shadow")
HOST_KEY = "etc/ssh/ssh_host_ed25519_key"
HOST_JSON = "etc/sandbox/host.json"
FAULTS_JSON = "etc/sandbox/faults.json"


def write(upper: Path, base: Path, host: HostSpec, mirrors: tuple[tuple[str, int], ...], public_key: str) -> None:
    """Fill `upper`, the writable layer of a host's disk, before its first boot.

    `base` is the image below it, `mirrors` the names and ports of the mirror, `public_key` who may log in.
    """
    _put(upper, "etc/hostname", host.name + "\n")
    names = " ".join(name for name, _ in mirrors)
    _put(upper, "etc/hosts", f"127.0.0.1 localhost\n{host.address} {host.name}\n{MIRROR_ADDRESS} {names}\n")
    _put(
        upper,
        "etc/systemd/network/10-host0.network",
        # Without a gateway Ansible would find no default address.
        f"[Match]\nName=host0\n\n[Network]\nAddress={host.address}/{NETWORK.prefixlen}\n"
        f"Gateway={MIRROR_ADDRESS}\nLinkLocalAddressing=no\n",
    )
    _put(
        upper,
        "etc/apt/sources.list.d/sandbox.sources",
        f"Types: deb\nURIs: {host.mirror}/debian\nSuites: {SUITE}\nComponents: main\nSigned-By: /{KEYRING}\n",
    )
    if host.port != 22:
        _put(upper, "etc/ssh/sshd_config.d/port.conf", f"Port {host.port}\n")
    _write_user(upper, base, host.user, public_key)
    _write_host_key(upper, host.name)
    _put(upper, HOST_JSON, json.dumps(host_facts(host), indent=2) + "\n")
    _put(upper, FAULTS_JSON, "{}\n")
    write_pci(upper / "etc/sandbox/hardware/pci", host.devices)
    if host.fabric and host.network_cards:
        write_infiniband(upper / "etc/sandbox/hardware/class/infiniband", host.fabric)
    # The disk's folders are made under whatever umask the user has.
    for folder, _, _ in os.walk(upper):
        if not folder.startswith((f"{upper}/home/", f"{upper}/root")):
            Path(folder).chmod(0o755)


def host_facts(host: HostSpec) -> dict[str, object]:
    """What a stand-in of a vendor's tool has to know of its host: the content of /etc/sandbox/host.json."""
    return {
        "name": host.name,
        "vendor": host.vendor,
        "accelerator": host.accelerator,
        "tool_name": host.tool_name,
        "memory_mib": host.memory_mib,
        "expected": host.expected,
        "devices": [
            {
                "index": index,
                "slot": device.slot,
                "vendor": device.vendor,
                "device": device.device,
                "numa_node": device.numa_node,
            }
            for index, device in enumerate(host.accelerators)
        ],
        "fabric": None
        if host.fabric is None
        else {"kind": host.fabric.kind, "ports": host.fabric.ports, "speed_gbps": host.fabric.speed_gbps},
    }


def _put(upper: Path, name: str, text: str, mode: int = 0o644) -> Path:
    path = upper / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def _write_user(upper: Path, base: Path, user: str, public_key: str) -> None:
    if user == "root":
        _authorise(upper, "root", 0, public_key)
        return
    lines = {
        "etc/passwd": f"{user}:x:{USER_ID}:{USER_ID}::/home/{user}:/bin/bash\n",
        "etc/group": f"{user}:x:{USER_ID}:\n",
        "etc/shadow": f"{user}:*:20000:0:99999:7:::\n",
    }
    for name in DEBIAN_USER_FILES:
        mode = (base / name).stat().st_mode & 0o777
        path = _put(upper, name, (base / name).read_text() + lines[name], mode)
        os.chown(path, 0, (base / name).stat().st_gid)
    _put(upper, "etc/sudoers.d/sandbox", f"{user} ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o440)
    _authorise(upper, f"home/{user}", USER_ID, public_key)


def _authorise(upper: Path, home: str, uid: int, public_key: str) -> None:
    keys = _put(upper, f"{home}/.ssh/authorized_keys", public_key, 0o600)
    for path in (keys, keys.parent, keys.parent.parent):
        os.chown(path, uid, uid)
    for folder in (keys.parent, keys.parent.parent):
        folder.chmod(0o700)


def _write_host_key(upper: Path, name: str) -> None:
    key = upper / HOST_KEY
    key.parent.mkdir(parents=True, exist_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key], where=name)
