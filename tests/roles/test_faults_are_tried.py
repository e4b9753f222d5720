"""Every fault that the stand-ins document is tried on the role of each vendor that has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import yaml

from tests.roles import test_ascend as huawei
from tests.roles import test_nvidia_cambricon_faults as others

VENDORS = {"h20": "nvidia", "l20": "nvidia", "b200": "nvidia", "mlu": "cambricon"}
SWITCHED = re.compile(r'\.fault\(\w+, "(\w+)|\.fault\("(\w+)-\d+", "(\w+)')


def documented() -> set[tuple[str, str]]:
    text = (files("causeway.sandbox.standins") / "data" / "faults.yaml").read_text(encoding="utf-8")
    return {(vendor, fault["name"]) for fault in yaml.safe_load(text)["faults"] for vendor in fault["vendors"]}


def tried() -> Iterator[tuple[str, str]]:
    for one in (*others.LOOKING.values(), *others.INSTALLING.values()):
        for host, fault in one.faults.items():
            yield VENDORS[host.partition("-")[0]], fault.partition("=")[0]
    for fault, *_ in (*huawei.FAULTY.values(), *huawei.SICK):
        yield "huawei", fault.partition("=")[0]
    for module in (huawei, others):
        for fault, host, named in SWITCHED.findall(Path(str(module.__file__)).read_text(encoding="utf-8")):
            yield VENDORS.get(host, "huawei"), fault or named


def test_every_documented_fault_of_every_vendor_is_tried() -> None:
    assert documented() - set(tried()) == set()
