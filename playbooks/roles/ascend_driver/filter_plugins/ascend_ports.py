"""Addresses of the NPUs' network ports: as declared, as the host keeps them, and as the NPUs answer."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError


def ports(addresses: Sequence[str], gateway: str) -> dict[str, dict[str, str]]:
    """Addresses of the NPUs' ports by device number, from `10.21.1.1/16` and so on.

    Raises:
        AnsibleFilterError: not an IPv4 address with its prefix.
    """
    made = {}
    for device, text in enumerate(addresses):
        try:
            interface = ipaddress.IPv4Interface(text)
        except ValueError as error:
            raise AnsibleFilterError(
                f"fabric-address: {text} of NPU {device} is no IPv4 address with a prefix ({error}); "
                "to do: correct fabric.addresses of the pool"
            ) from error
        made[str(device)] = {
            "device": device,
            "address": str(interface.ip),
            "netmask": str(interface.netmask),
            "gateway": gateway,
        }
    return made


def hccn_conf(text: str) -> dict[str, dict[str, Any]]:
    """/etc/hccn.conf, in which hccn_tool keeps what it has set: `address_0=`, `netmask_0=`, `gateway_0=`."""
    found: dict[str, dict[str, Any]] = {}
    for match in re.finditer(r"^(address|netmask|gateway)_(\d{1,3})=(\S+)\s*$", text, re.MULTILINE):
        key, device, value = match.groups()
        found.setdefault(device, {})[key] = value
    return found


def hccn_answers(lines: Sequence[str]) -> dict[str, dict[str, str]]:
    """Answers of `hccn_tool -i N -ip -g` and `-gateway -g`, each after a line `NPU N`, by device number."""
    patterns = {"address": r"ipaddr:(\S+)", "netmask": r"netmask:(\S+)", "gateway": r"default gateway:([^,\s]+)"}
    found: dict[str, dict[str, str]] = {}
    device = ""
    for line in lines:
        title = re.fullmatch(r"NPU (\d+)", line.strip())
        device = title.group(1) if title else device
        for key, pattern in patterns.items():
            match = re.match(pattern, line.strip())
            if match:
                found.setdefault(device, {})[key] = match.group(1)
    return found


class FilterModule:
    """Loaded by Ansible with the role."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters, by the names that tasks call them."""
        return {
            "ascend_driver_ports": ports,
            "ascend_driver_hccn_conf": hccn_conf,
            "ascend_driver_hccn_answers": hccn_answers,
        }
