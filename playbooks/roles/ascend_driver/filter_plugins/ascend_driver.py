"""What has to be done to an Ascend host, in which order, and what is wrong with it: pure functions of its facts.

The order is Huawei's: on a fresh host driver, then firmware; otherwise firmware, then driver, since firmware is written
through the driver that is loaded, and a new driver refuses firmware outside its range.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Facts = Mapping[str, Any]
Wanted = Mapping[str, Any]
KINDS = ("none", "restart", "drain", "reboot")
BOARDS = {"firmware": "the firmware's flash", "driver": "the driver's installation"}
SUCCESS = {
    "firmware": r"Firmware package (installed|upgraded) successfully!",
    "driver": r"Driver package (installed|upgraded) successfully!",
}
HOOK = "ascend"
READ_LOG = "read /var/log/ascend_seclog/ascend_install.log on the host"
# What the facts module could not read, and what that means for a host that should be right.
PROBLEMS = {
    "driver-not-initialised": "reboot the host; if that does not help, bring driver and firmware to a pair that fits",
    "tool-hung": "look at `dmesg`; an NPU that does not answer has to be reset or replaced",
    "tool-failed": "run the command on the host and see what it says",
    "tool-missing": "install the driver again",
}


def plan(facts: Facts, wanted: Wanted) -> dict[str, Any]:
    """What to do to a host.

    Args:
        facts: the host's facts, schema causeway/host-facts/v1.
        wanted: `driver`, `firmware`, `toolkit`, `container_toolkit` (versions; empty is not asked), `parts` (of CANN),
            `files` (file name by part, with `{version}`), `user`, `group`, `cann_options`, `runtime_options`, `ports`
            (address, netmask and gateway by device), `configured` (the same as the host has it), `flashed_boot` (id of
            the boot in which Causeway flashed last).

    Returns:
        `boards`, `cann`, `runtime`: what to install, in order, each `part`, `file`, `version`, `title`, the installer's
        `options`, its word of `success`, and where there are several the one that it comes `after`; `ports`: devices
        whose addresses are to be set; `deferred`: why the firmware has to wait for a reboot; `disruption`, `summary`,
        `reboot_reasons`.
    """
    boards, deferred = _boards(facts, wanted)
    cann, runtime = _cann(facts, wanted), _runtime(facts, wanted)
    ports = [
        port
        for device, port in sorted(wanted["ports"].items(), key=_by_number)
        if _other_keys(port, wanted["configured"].get(device) or {})
    ]
    parts = [f"{step['part']} {step['version']}" for step in (*boards, *cann, *runtime)]
    kinds = ["reboot"] * bool(boards) + ["drain"] * bool(ports) + ["restart"] * bool(runtime)
    return {
        "boards": _in_turn(boards),
        "cann": _in_turn(cann),
        "runtime": runtime,
        "ports": ports,
        "deferred": deferred,
        "disruption": max(["none", *kinds], key=KINDS.index),
        "summary": ", ".join([*parts, *([f"addresses of {len(ports)} NPUs"] if ports else [])]),
        "reboot_reasons": _reboot_reasons(facts, wanted, boards, deferred),
    }


def _in_turn(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each step with the one before it on this host.

    Ansible runs an include once for all hosts that have the very same one, at the turn of the first of them: a fresh
    host beside one that is upgraded would get its firmware before its driver. With `after` hosts share what they come
    to by the same way.
    """
    found: list[dict[str, Any]] = []
    for step in steps:
        found.append({**step, "after": found[-1] if found else None})
    return found


def _other_keys(port: Mapping[str, Any], has: Mapping[str, Any]) -> list[str]:
    """What of a port's addresses is another than declared; what is not declared may be anything."""
    return [key for key in ("address", "netmask", "gateway") if port[key] and has.get(key) != port[key]]


def _by_number(item: tuple[str, Any]) -> int:
    return int(item[0])


def _boards(facts: Facts, wanted: Wanted) -> tuple[list[dict[str, Any]], str]:
    """Driver and firmware in the vendor's order; why the firmware has to wait, if it has to."""
    driver = facts["driver"]
    installed, loaded = driver["installed"], driver["loaded"]
    exchange = installed != wanted["driver"] or loaded is None
    flash = _flash_is_due(facts, wanted)
    steps = {
        "driver": _step("driver", wanted, ["--full", "--install-for-all", "--quiet", *_user(wanted)])
        if exchange
        else None,
        "firmware": _step("firmware", wanted, ["--full", "--quiet"]) if flash else None,
    }
    driver_first = installed is None or loaded is None
    at_flash = wanted["driver"] if driver_first else installed
    deferred = ""
    if flash and loaded not in (None, at_flash):
        deferred = f"driver {at_flash} is on the disk and {loaded} is loaded: the next run flashes, after the reboot"
        steps["firmware"] = None
    order = ("driver", "firmware") if driver_first else ("firmware", "driver")
    return [step for step in map(steps.get, order) if step is not None], deferred


def _flash_is_due(facts: Facts, wanted: Wanted) -> bool:
    """Whether the boards need the firmware: it is another one, or a board lacks it and no reboot would mend that."""
    if not wanted["firmware"]:
        return False
    if facts["driver"].get("firmware_installed") != wanted["firmware"]:
        return True
    return bool(_other_boards(facts, wanted)) and wanted["flashed_boot"] != facts["boot_id"]


def _other_boards(facts: Facts, wanted: Wanted) -> list[Mapping[str, Any]]:
    """Boards that answer, and run other firmware or cannot name it."""
    return [
        each for each in facts["devices"] if each.get("card") is not None and each["firmware"] != wanted["firmware"]
    ]


def _cann(facts: Facts, wanted: Wanted) -> list[dict[str, Any]]:
    """Toolkit first: the other packages look for it. All parts are of one version."""
    if not wanted["toolkit"]:
        return []
    return [_step(part, wanted, list(wanted["cann_options"])) for part in _lacking_parts(facts, wanted)]


def _lacking_parts(facts: Facts, wanted: Wanted) -> list[str]:
    """Parts of the wanted CANN that are not there, or to which no link leads."""
    has = facts["driver"].get("toolkits", {}).get(wanted["toolkit"], [])
    return [part for part in wanted["parts"] if part not in has]


def _runtime(facts: Facts, wanted: Wanted) -> list[dict[str, Any]]:
    version, has = wanted["container_toolkit"], facts["driver"]["container_toolkit"]
    if not version:
        return []
    hooked = HOOK in facts["container_runtime"]["hooks"]
    if has == version and hooked:
        return []
    action = "--upgrade" if has is not None and hooked else "--install"
    return [_step("container_toolkit", wanted, [action, *wanted["runtime_options"]])]


def _user(wanted: Wanted) -> list[str]:
    return [f"--install-username={wanted['user']}", f"--install-usergroup={wanted['group']}"]


def _step(part: str, wanted: Wanted, options: list[str]) -> dict[str, Any]:
    version = wanted[part] if part in wanted else wanted["toolkit"]
    title = BOARDS.get(part, f"the installation of {part.replace('_', ' ')} {version}")
    return {
        "part": part,
        "version": version,
        "file": file_name(wanted["files"], part, version),
        "title": title,
        "options": options,
        "success": SUCCESS.get(part, "success"),
    }


def file_name(files: Mapping[str, str], part: str, version: str) -> str:
    """A package's file: the mirror's own name for it, or the vendor's pattern with the version put in."""
    return files[part].replace("{version}", version)


def _reboot_reasons(facts: Facts, wanted: Wanted, boards: Sequence[Mapping[str, Any]], deferred: str) -> list[str]:
    """Why the host has to reboot: what is about to be done, and what an earlier run has left undone."""
    driver = facts["driver"]
    doing = {step["part"]: step["version"] for step in boards}
    reasons = [f"firmware {doing['firmware']} is flashed"] if "firmware" in doing else []
    on_disk = doing.get("driver", driver["installed"])
    if driver["loaded"] is not None and driver["loaded"] != on_disk:
        reasons.append(f"driver {on_disk} is installed and {driver['loaded']} is loaded")
    if "firmware" not in doing and not deferred and wanted["firmware"] and _other_boards(facts, wanted):
        reasons.append(f"firmware {wanted['firmware']} is flashed and an older one runs")
    return reasons


def previous(facts: Facts) -> dict[str, Any]:
    """The stack that a host has, for the way back; empty on a fresh host."""
    driver = facts["driver"]
    if driver["installed"] is None:
        return {}
    return {
        "driver": driver["installed"],
        "firmware": driver["firmware"] or driver.get("firmware_installed"),
        "toolkit": driver["toolkit"],
        "parts": driver.get("toolkits", {}).get(driver["toolkit"], []),
        "container_toolkit": driver["container_toolkit"],
    }


def previous_files(found: Mapping[str, Any], facts: Facts, wanted: Wanted) -> list[str]:
    """Packages of what is about to be replaced, as far as they can be named: with them the host can go back."""
    before = previous(facts)
    if not before:
        return []
    versions = {part: before[part] for part in ("driver", "firmware", "container_toolkit")}
    versions.update(dict.fromkeys(before["parts"], before["toolkit"]))
    touched = {step["part"] for step in (*found["boards"], *found["runtime"])}
    touched |= set(versions) - {"driver", "firmware", "container_toolkit"} if found["cann"] else set()
    return [
        file_name(wanted["files"], part, versions[part])
        for part in sorted(touched)
        if versions.get(part) and part in wanted["files"]
    ]


def note(noted: Mapping[str, Any], facts: Facts, wanted: Wanted) -> dict[str, Any]:
    """What is written down before a change: the stack that the host leaves, and the one it goes to.

    Args:
        noted: what was written down before. While the host goes to the same stack it stays, for a change that failed in
            the middle leaves neither the old stack nor the new one.
    """
    towards = {part: wanted[part] for part in ("driver", "firmware", "toolkit", "container_toolkit")}
    same = noted.get("towards") == towards and noted.get("previous")
    return {"previous": noted["previous"] if same else previous(facts), "towards": towards}


def stack_files(noted: Mapping[str, Any], wanted: Wanted) -> list[str]:
    """Packages that may stay on the host: those of the stack it goes to, and of the one it leaves, as `note` says."""
    found = []
    for stack in (wanted, noted["previous"]):
        versions = {part: stack.get(part) for part in ("driver", "firmware", "container_toolkit")}
        versions.update(dict.fromkeys(stack.get("parts") or (), stack.get("toolkit")))
        found += [
            file_name(wanted["files"], part, each)
            for part, each in versions.items()
            if each and part in wanted["files"]
        ]
    return list(dict.fromkeys(found))


def way_back(found: Mapping[str, Any], facts: Facts, wanted: Wanted, at_hand: Iterable[str]) -> list[str]:
    """Why the boards could not be brought back to what they have now; nothing when they can.

    Args:
        found: what `plan` answered.
        at_hand: file names of the packages that the mirror or the host has.
    """
    before, files = previous(facts), set(at_hand)
    reasons = []
    for step in found["boards"] if before else []:
        part, old = step["part"], before[step["part"]]
        if old is None:
            reasons.append(f"which {part} the boards run is not known, or they differ")
        elif old != step["version"] and file_name(wanted["files"], part, old) not in files:
            reasons.append(
                f"{file_name(wanted['files'], part, old)} of {part} {old} is neither in the mirror nor on the host"
            )
        if (
            part == "firmware"
            and old is not None
            and step["version"] in wanted["no_return"]
            and _key(old) < _key(step["version"])
        ):
            reasons.append(f"firmware {step['version']} does not go back to {old} (ascend_driver__firmware_no_return)")
    return reasons


def misfits(lines: Sequence[str], found: Mapping[str, Any], facts: Facts) -> list[str]:
    """What the vendor's own files say against the pair of driver and firmware that is about to be.

    Args:
        lines: `version.info` of the packages that are about to be installed, each after a line `part NAME`.
    """
    texts = _by_part(lines)
    doing = {step["part"]: step["version"] for step in found["boards"]}
    driver = facts["driver"]
    target = {
        "driver": doing.get("driver", driver["installed"]),
        "firmware": doing.get("firmware", driver["firmware"] or driver.get("firmware_installed")),
    }
    ranges = {part: _range(texts.get(part, ""), key) for part, key in (("driver", "fw"), ("firmware", "drv"))}
    if "driver" not in doing:
        ranges["driver"] = _limits(driver.get("firmware_range") or "")
    wrong = []
    for part, other in (("driver", "firmware"), ("firmware", "driver")):
        limits, version = ranges[part], target[other]
        if limits and version and not _key(limits[0]) <= _key(version) <= _key(limits[1]):
            wrong.append(
                f"{part} {target[part]} goes with {other} {limits[0]} to {limits[1]}, and would meet {version}"
            )
    return wrong


def _by_part(lines: Sequence[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    part = ""
    for line in lines:
        if line.startswith("part "):
            part = line[len("part ") :].strip()
        elif part:
            texts[part] = f"{texts.get(part, '')}{line}\n"
    return texts


def _range(text: str, key: str) -> tuple[str, str] | None:
    match = re.search(rf"^compatible_version_{key}=(.*)$", text, re.MULTILINE)
    return _limits(match.group(1)) if match else None


def _limits(text: str) -> tuple[str, str] | None:
    """`[7.0.0,7.7.99]` as its two ends; None for a text of another form, which decides nothing."""
    match = re.fullmatch(r"\s*\[\s*([\w.]+)\s*,\s*([\w.]+)\s*\]\s*", text)
    return (match.group(1), match.group(2)) if match else None


def _key(version: str) -> list[tuple[int, int]]:
    """For comparing versions: numbers by value, a release candidate before the release."""
    parts = re.findall(r"\d+|[A-Za-z]+", version)
    return [(1, int(part)) if part.isdigit() else (0, 0) for part in parts]


def faults(facts: Facts, wanted: Wanted, configured: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is wrong with a host that should be right, as expectations that do not hold; what cannot be read is wrong.

    Args:
        wanted: as for `plan`, with `expected` (number of accelerators), `devices` (PCI device ids; empty is any),
            `links` (number of ports whose link has to be up).
        configured: addresses by device, as the NPUs answer them.
    """
    found = [*_version_faults(facts, wanted), *_device_faults(facts, wanted), *_port_faults(facts, wanted, configured)]
    return [{"that": False, "say": text} for text in found]


def _version_faults(facts: Facts, wanted: Wanted) -> list[str]:
    driver, found = facts["driver"], []
    target = wanted["driver"] or driver["installed"]
    if wanted["driver"] and driver["installed"] != wanted["driver"]:
        found.append(
            f"driver-version: driver {driver['installed'] or 'none'} is installed and {target} is wanted; "
            f"to do: {READ_LOG}, and run again"
        )
    if driver["loaded"] is None:
        found.append(
            "driver-not-loaded: no module of the Ascend driver is loaded; "
            "to do: look at `dmesg` and `dkms status`, then `modprobe drv_pcie_host`"
        )
    elif driver["loaded"] != target:
        found.append(
            f"driver-loaded: driver {driver['loaded']} is loaded and {target} is wanted; to do: reboot the host"
        )
    lacking = _lacking_parts(facts, wanted) if wanted["toolkit"] else []
    if lacking:
        found.append(
            f"toolkit-version: {', '.join(lacking)} of CANN {wanted['toolkit']} lacks, {driver['toolkit'] or 'none'} "
            f"is in use; to do: {READ_LOG}, and run again"
        )
    return [*found, *_runtime_faults(facts, wanted), *_problem_faults(facts)]


def _runtime_faults(facts: Facts, wanted: Wanted) -> list[str]:
    has, version, found = facts["driver"]["container_toolkit"], wanted["container_toolkit"], []
    if version and has != version:
        found.append(
            f"runtime-version: Ascend Docker Runtime {has or 'none'} is installed and {version} is wanted; "
            f"to do: {READ_LOG}, and run again"
        )
    if version and HOOK not in facts["container_runtime"]["hooks"]:
        found.append(
            "runtime-hook: no container runtime of the host knows `ascend`, so containers would start without NPUs; "
            "to do: run again, and see who else writes the runtime's configuration"
        )
    return found


def _problem_faults(facts: Facts) -> list[str]:
    return [
        f"{each['code']}: {each['text']}; to do: {PROBLEMS[each['code']]}"
        for each in facts["problems"]
        if each["code"] in PROBLEMS
    ]


def _device_faults(facts: Facts, wanted: Wanted) -> list[str]:
    found = []
    ours = [each for each in facts["devices"] if not wanted["devices"] or each["id"] in wanted["devices"]]
    if len(ours) != wanted["expected"]:
        found.append(
            f"accelerators-missing: {len(ours)} of {wanted['expected']} NPUs are on the PCI bus; "
            "to do: look at `lspci -nn`, reseat or replace the board"
        )
    for each in ours:
        name = f"{'an NPU' if each['index'] is None else 'NPU %s' % each['index']} at {each['pci']}"
        if each["healthy"] is not True:
            found.append(
                f"accelerator-unhealthy: {name}: {each['reason']}; "
                "to do: look at `npu-smi info -t health -i N` and `dmesg`; reset, reseat or replace it"
            )
        if wanted["firmware"] and each["firmware"] != wanted["firmware"]:
            found.append(
                f"firmware-version: {name} runs firmware {each['firmware'] or 'unknown'} and {wanted['firmware']} is "
                "wanted; to do: run again, which flashes what is not right"
            )
    return found


def _port_faults(facts: Facts, wanted: Wanted, configured: Mapping[str, Any]) -> list[str]:
    up = {link["device"] for link in facts["fabric"]["links"] if link["state"] == "up"}
    found = [
        f"link-down: the network port of NPU {device} is not up; "
        f"to do: look at cable, transceiver and switch port, then `hccn_tool -i {device} -link -g`"
        for device in range(wanted["links"])
        if device not in up
    ]
    for device, port in sorted(wanted["ports"].items(), key=_by_number):
        has = configured.get(device) or {}
        found += [
            f"port-address: NPU {device} has {key} {has.get(key) or 'none'} and {port[key]} is wanted; "
            f"to do: run again, or look at `hccn_tool -i {device} -ip -g`"
            for key in _other_keys(port, has)
        ]
    return found


class FilterModule:
    """Loaded by Ansible with the role."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters, by the names that tasks call them."""
        return {
            "ascend_driver_plan": plan,
            "ascend_driver_note": note,
            "ascend_driver_previous_files": previous_files,
            "ascend_driver_stack_files": stack_files,
            "ascend_driver_way_back": way_back,
            "ascend_driver_misfits": misfits,
            "ascend_driver_faults": faults,
        }
