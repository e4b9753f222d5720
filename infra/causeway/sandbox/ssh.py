"""The files that let plain `ssh` and plain `ansible` reach the hosts: keys, known hosts, configuration, inventory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from causeway.sandbox import connect
from causeway.sandbox.command import run
from causeway.sandbox.layout import Layout
from causeway.sandbox.rootfs import HOST_KEY
from causeway.sandbox.spec import HostSpec


def invoking_user() -> tuple[int, int]:
    """Whose files these are: the user who called sudo, else our own. User and group number."""
    if os.geteuid() == 0 and os.environ.get("SUDO_UID", "").isdigit():
        return int(os.environ["SUDO_UID"]), int(os.environ.get("SUDO_GID", "0"))
    return os.geteuid(), os.getegid()


def give_to_user(path: Path) -> None:
    """Let the user who called sudo own a file that he has to read."""
    if os.geteuid() == 0:
        os.chown(path, *invoking_user())


def write_text(path: Path, text: str, mode: int = 0o644) -> bool:
    """Put a file in place whole, unless it is there already with that content. Returns whether it was written."""
    if path.is_file() and path.read_text() == text:
        return False
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text)
    fresh.chmod(mode)
    give_to_user(fresh)
    fresh.rename(path)
    return True


def ensure_identity(layout: Layout) -> str:
    """The public half of the key that every host lets in; made once per home."""
    public = layout.identity.with_name(layout.identity.name + ".pub")
    if not (layout.identity.is_file() and public.is_file()):
        layout.identity.unlink(missing_ok=True)
        comment = f"causeway sandbox {layout.fleet}"
        run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", layout.identity],
            where=str(layout.identity),
        )
        give_to_user(layout.identity)
        give_to_user(public)
    return public.read_text()


def write_access(layout: Layout, hosts: tuple[HostSpec, ...]) -> None:
    """Write ssh_config, known_hosts and the Ansible inventory for the hosts whose disks exist."""
    write_text(layout.ssh_config, ssh_config(layout, hosts))
    write_text(layout.ansible_inventory, ansible_inventory(layout, hosts))
    keys = []
    for host in hosts:
        public = layout.host(host.name) / "upper" / f"{HOST_KEY}.pub"
        if public.is_file():
            keys.append(f"{known_as(host)} {' '.join(public.read_text().split()[:2])}\n")
    write_text(layout.known_hosts, "".join(keys))


def known_as(host: HostSpec) -> str:
    """The name in known_hosts: OpenSSH puts the port beside it when that is not 22."""
    return host.name if host.port == 22 else f"[{host.name}]:{host.port}"


def ssh_config(layout: Layout, hosts: tuple[HostSpec, ...]) -> str:
    """The text of ssh_config."""
    parts = [f"# Written by `causeway sandbox up` for the sandbox of fleet {layout.fleet}.\n"]
    parts += [
        f"Host {' '.join((host.name, *host.aliases))}\n"
        f"  HostName {host.address}\n  HostKeyAlias {host.name}\n  User {host.user}\n  Port {host.port}\n"
        for host in hosts
    ]
    everyone = " ".join(word for host in hosts for word in (host.name, *host.aliases))
    python, script = quoted(sys.executable), quoted(connect.__file__)
    if hosts:
        parts.append(
            f"Host {everyone}\n"
            f"  IdentityFile {quoted(layout.identity)}\n"
            "  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {quoted(layout.known_hosts)}\n"
            "  GlobalKnownHostsFile /dev/null\n"
            "  StrictHostKeyChecking yes\n"
            "  UpdateHostKeys no\n"
            f"  ProxyCommand {python} -I -S {script} {quoted(layout.dialer_socket)} %h %p\n"
            "  ProxyUseFdpass yes\n"
            f"  ControlPath {quoted(layout.control_paths)}/%C\n"
            "  KexAlgorithms curve25519-sha256\n"  # 0.1 s of processor time less than a post-quantum exchange
            "  ServerAliveInterval 5\n"
            "  ServerAliveCountMax 3\n"
        )
    return "\n".join(parts)


def quoted(path: Path | str) -> str:
    """A path as an argument of ssh_config, where spaces part words and `%` begins a token."""
    return '"' + str(path).replace("%", "%%") + '"'


def ansible_inventory(layout: Layout, hosts: tuple[HostSpec, ...]) -> str:
    """The text of hosts.ini: for a first `ansible -m ping`; the fleet file itself is the real inventory."""
    lines = [
        f"# Written by `causeway sandbox up` for the sandbox of fleet {layout.fleet}.",
        "[sandbox]",
        *(host.name for host in hosts),
        "",
        "[sandbox:vars]",
        "ansible_python_interpreter=/usr/bin/python3",
        f"ansible_ssh_common_args=-F {quoted(layout.ssh_config)}",
        f"ansible_control_path_dir={layout.control_paths}",
    ]
    return "\n".join(lines) + "\n"


def ansible_environment(layout: Layout) -> Mapping[str, str]:
    """What plain `ansible` needs in its environment to find the sandbox's hosts, and to reach them by their names."""
    return {
        "ANSIBLE_INVENTORY": str(layout.ansible_inventory),
        "ANSIBLE_SSH_COMMON_ARGS": f"-F {quoted(layout.ssh_config)}",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(layout.control_paths),
        "CAUSEWAY_SSH_CONFIG": str(layout.ssh_config),
    }


def close_masters(layout: Layout) -> None:
    """End the OpenSSH masters that users' connections left: they would hold the network open."""
    if not layout.control_paths.is_dir():
        return
    for master in layout.control_paths.iterdir():
        subprocess.run(
            ["ssh", "-F", "/dev/null", "-O", "exit", "-o", f"ControlPath={master}", "sandbox"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=False,  # a master that is gone has nothing to end
        )
