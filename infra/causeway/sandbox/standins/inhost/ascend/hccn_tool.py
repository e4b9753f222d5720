"""The stand-in `hccn_tool`: each NPU's network port. Addresses are kept in /etc/hccn.conf, as the real tool does."""

from __future__ import annotations

from collections.abc import Callable

from .. import kernel
from ..machine import Machine, complain, say
from . import firmware
from .survey import MODULE

CONFIG = "etc/hccn.conf"
Words = list[str]


def main(arguments: list[str], version: str, machine: Machine) -> int:
    """`hccn_tool -i N -WHAT -g`, `-ip -s address A netmask M`, `-gateway -s gateway A`, `-netdetect -s address A`."""
    if arguments[:1] == ["--version"]:
        say(f"hccn_tool {version}")
        return 0
    if kernel.version_of(machine, MODULE) is None:
        complain("hccn_tool: open /dev/davinci_manager failed, the driver is not loaded")
        return 1
    device = arguments[1] if arguments[:1] == ["-i"] and len(arguments) > 2 else ""
    if not device.isdigit() or int(device) >= len(machine.accelerators(firmware.PCI_VENDOR)):
        complain("hccn_tool: device id is invalid")
        return 1
    what, rest = arguments[2].lstrip("-"), arguments[3:]
    if rest[:1] == ["-s"] and what in SETTABLE:
        return _set(machine, device, what, rest[1:])
    if rest[:1] == ["-g"] and what in ANSWERS:
        for line in ANSWERS[what](machine, int(device)):
            say(line)
        return 0
    complain(f"hccn_tool: cmd parameter is invalid: {' '.join(arguments[2:])}")
    return 1


def _config(machine: Machine) -> dict[str, str]:
    rows = (line.partition("=") for line in (machine.text(CONFIG) or "").splitlines())
    return {key: value for key, mark, value in rows if mark}


def _set(machine: Machine, device: str, what: str, words: Words) -> int:
    given = dict(zip(words[::2], words[1::2], strict=False))
    wanted = SETTABLE[what]
    if not all(given.get(word) for word in wanted):
        complain(f"hccn_tool: -s needs {' and '.join(wanted)}")
        return 1
    config = _config(machine)
    config |= {f"{key}_{device}": given[word] for word, key in wanted.items()}
    machine.path(CONFIG).write_text("".join(f"{key}={config[key]}\n" for key in sorted(config)))
    return 0


def _down(machine: Machine, device: int) -> bool:
    return device in machine.faults().devices("link_down")


def _link(machine: Machine, device: int) -> Words:
    return [f"link status: {'DOWN' if _down(machine, device) else 'UP'}"]


def _net_health(machine: Machine, device: int) -> Words:
    return [f"net health status: {'Fault' if _down(machine, device) else 'Success'}"]


def _ip(machine: Machine, device: int) -> Words:
    config = _config(machine)
    address = config.get(f"address_{device}")
    return [f"ipaddr:{address}", f"netmask:{config.get(f'netmask_{device}')}"] if address else ["ipaddr not configured"]


def _gateway(machine: Machine, device: int) -> Words:
    gateway = _config(machine).get(f"gateway_{device}")
    return [f"default gateway:{gateway}, Iface:eth{device}"] if gateway else ["default gateway not configured"]


def _netdetect(machine: Machine, device: int) -> Words:
    return [f"netdetect address: {_config(machine).get(f'netdetect_{device}', '0.0.0.0')}"]  # noqa: S104 - the tool's word for none


def _speed(machine: Machine, device: int) -> Words:
    return ["speed: unknown"] if _down(machine, device) else ["Speed: 200000 Mb/s"]


def _link_stat(machine: Machine, device: int) -> Words:
    count = 3 if _down(machine, device) else 1
    return [
        f"[device {device}]current time        : Thu Jan  1 00:00:00 2026",
        f"[device {device}]link up count       : {count}",
    ]


def _statistics(_machine: Machine, _device: int) -> Words:
    return [
        "packet statistics:",
        *(f"{name}:0" for name in ("mac_tx_bad_pkt_num", "mac_rx_bad_pkt_num", "roce_qp_status_err_num")),
    ]


def _constant(*lines: str) -> Callable[[Machine, int], Words]:
    return lambda _machine, _device: list(lines)


SETTABLE = {
    "ip": {"address": "address", "netmask": "netmask"},
    "gateway": {"gateway": "gateway"},
    "netdetect": {"address": "netdetect"},
}  # fmt: skip
ANSWERS: dict[str, Callable[[Machine, int], Words]] = {
    "link": _link, "net_health": _net_health, "ip": _ip, "gateway": _gateway, "netdetect": _netdetect, "speed": _speed,
    "link_stat": _link_stat, "stat": _statistics, "fec": _constant("fec mode: rs"), "tls": _constant("tls switch[0]"),
    "optical": _constant("optical info:", "present              : present"), "lldp": _constant("lldp: no neighbour"),
}  # fmt: skip
