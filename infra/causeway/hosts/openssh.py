"""How a host is reached with the user's own OpenSSH: the words of the command, and what its complaints mean.

The same variables that Ansible connects with (`ansible_host`, `ansible_user`, ...) make the words, so that a probe and
a run reach a host in one way; ProxyJump, certificates and agents are the user's own configuration. Host keys are
always checked and nothing ever asks.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

CONFIG_VARIABLE = "CAUSEWAY_SSH_CONFIG"
"""Names a file in place of the user's `~/.ssh/config` (`ssh -F`)."""
CONNECT_TIMEOUT_S = 15
STRICT = ("-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes")
"""No question is ever asked, and no unknown host is let in: what an unattended run needs."""
_TRUE = (True, "true", "yes", "True", "1", 1)
HOST_KEY = "host key"

_COMPLAINTS = (
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", f"{HOST_KEY} differs from the known one"),
    ("Host key verification failed", f"{HOST_KEY} is not known"),
    ("Permission denied", "it refuses this user or key"),
    ("a password is required", "sudo asks for a password"),
    ("Connection refused", "connection refused"),
    ("Connection timed out", "no answer in time"),
    ("Operation timed out", "no answer in time"),
    ("timed out", "no answer in time"),
    ("No route to host", "no route to it"),
    ("Could not resolve hostname", "its name cannot be resolved"),
    ("python3: not found", "it has no python3"),
    ("python3: command not found", "it has no python3"),
)


def words(name: str, variables: Mapping[str, Any], config: str | None) -> list[str]:
    """The `ssh` command for a host, up to and with its address; the remote command follows.

    Args:
        name: the host's name in the inventory.
        variables: its connection variables.
        config: value of `CAUSEWAY_SSH_CONFIG`.
    """
    # a master that the user's own configuration would start would stay behind
    found = ["ssh", *STRICT, "-o", "ControlMaster=no", "-o", f"ConnectTimeout={CONNECT_TIMEOUT_S}"]
    found += shlex.split(common_arguments(variables, config))
    found += shlex.split(str(variables.get("ansible_ssh_extra_args") or ""))
    for flag, key in (("-l", "ansible_user"), ("-p", "ansible_port"), ("-i", "ansible_ssh_private_key_file")):
        if variables.get(key) is not None:
            found += [flag, str(variables[key])]
    return [*found, "--", str(variables.get("ansible_host") or name)]


def common_arguments(variables: Mapping[str, Any], config: str | None) -> str:
    """A host's `ansible_ssh_common_args`, with the configuration file that the environment names put before them."""
    own = str(variables.get("ansible_ssh_common_args") or "")
    if not config or "-F" in shlex.split(own):
        return own
    return f"-F {shlex.quote(config)} {own}".strip()


def as_root(variables: Mapping[str, Any], command: str) -> str:
    """The remote command, with the rights of `ansible_become_user` (root) where the host asks for it.

    `sudo -n` or `doas -n`: a probe never sends a password.
    """
    if variables.get("ansible_become") not in _TRUE:
        return command
    method = str(variables.get("ansible_become_method") or "sudo")
    user = str(variables.get("ansible_become_user") or "root")
    return f"{'doas' if method == 'doas' else 'sudo'} -n -u {shlex.quote(user)} {command}"


def python(variables: Mapping[str, Any]) -> str:
    """The host's Python, as Ansible is told."""
    return shlex.quote(str(variables.get("ansible_python_interpreter") or "python3"))


def why(status: int, complaint: str) -> str:
    """Why ssh did not do it, in a few words; its last line when it is nothing known.

    Args:
        status: exit status of ssh.
        complaint: what it wrote to standard error.
    """
    for sign, meaning in _COMPLAINTS:
        if sign in complaint:
            return meaning
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    return lines[-1][:200] if lines else f"ssh ended with {status}"
