"""Fleets for the properties: one on which every rule has something to say, one full of findings, and their fields."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

DIGEST = "sha256:" + "a" * 64
Path = tuple[str | int, ...]

RICH: dict[str, Any] = {
    "workloads/cici/upstream/data_classes": ["international"],
    "workloads/doubao/serve/0/engine": {
        "name": "vllm-ascend", "version": "0.13.0", "image": f"registry.test/vllm-ascend@{DIGEST}"
    },
    "workloads/doubao/serve/1/engine/image": f"registry.test/vllm-mlu@{DIGEST}",
    "workloads/doubao/serve/2/engine/image": f"registry.test/vllm@{DIGEST}",
    "workloads/jimeng/serve/0/engine/image": f"registry.test/vllm-omni@{DIGEST}",
    "workloads/dreamina/serve/0/engine/image": f"registry.test/vllm-omni@{DIGEST}",
    "workloads/dreamina/model/data_class": "international",
    "workloads/foundation-international/train/checkpoint_data_class": "international",
    "workloads/foundation-international/train/starts_on": "2026-12-01",
    "parties/lessor/headquarters": "MY",
    "clusters/cn-north-inference/pools/ascend/os/kernel": "5.10.0",
    "clusters/cn-north-inference/pools/h100": {
        "accelerator": "h100-sxm", "accelerators_per_host": 8, "hosts": "cn-h100-1",
        "drivers": {"driver": "580.95.05", "toolkit": "12.8"},
        "authorisations": [{"id": "LIC-1", "rule": "us-3a090", "valid_until": "2027-12-31"}],
    },
    "clusters/cn-north-inference/releases": {
        "mine": {"chart": "oci://registry.test/charts/mine", "version": "1.0.0", "digest": DIGEST, "values": {"a": 1}},
    },
    "host_overrides": {"my-h200-02": {"state": "retired", "reason": "board failed"}},
    "leases/johor-h200/authorisations": [
        {"id": "STP-1", "rule": "my-sta-directive-1-2025", "valid_until": "2027-12-31"}
    ],
    "policy/exceptions": [
        {"rule": "us-3a090-destinations", "subject": "site/my-johor", "reason": "counsel read the list",
         "approved_by": "counsel", "expires": "2027-06-30"},
    ],
    "policy/approvals": [
        {"operation": "destroy", "subject": "sg-cloud-serving/h200", "approved_by": "lead", "expires": "2027-06-30"}
    ],
}  # fmt: skip
"""Changes of the sandbox's fleet after which rules have records to lose."""

BROKEN: dict[str, Any] = {
    **RICH,
    "parties/lessor/ultimate_parent/headquarters": "CN",
    "parties/lessor/vetting/valid_until": "2026-11-01",
    "parties/colo-operator/vetting/covers": ["party"],
    "parties/cloud-provider/vetting/status": "pending",
    "leases/johor-h200/term/end": "2027-05-31",
    "leases/johor-h200/end_use_statement/signed_on": "2026-12-24",
    "leases/sg-cloud-h200/term/end": "2026-11-21",
    "sites/sg-cloud/data_classes": ["china"],
    "workloads/jimeng/audience": "international",
    "workloads/cici/upstream/data_classes": ["china"],
    "workloads/dreamina/on_drain": "refuse",
    "workloads/dreamina/serve/0/engine/name": "vllm-mlu",
    "clusters/cn-north-inference/pools/h20/authorisations/0/valid_until": "2026-11-21",
    "clusters/cn-north-inference/pools/h100/authorisations/0/rule": "us-h200-policy",
    "clusters/cn-north-inference/pools/ascend/drivers/firmware": "7.1.0.3.220",
    "clusters/cn-north-inference/releases/plugin": {"chart": "./charts/nvidia-device-plugin"},
    "clusters/cn-north-inference/pools/h20/variables": {"password": "hunter2-hunter2"},
    "budgets/onshore-chips-2025/amount": 1000,
    "policy/domestic_share/minimum": 0.9,
    "policy/domestic_share/target": 0.95,
    "policy/on_unknown": {"us-3a090": "warn"},
}
"""Changes of the sandbox's fleet after which most rules refuse something."""


def places(node: Any, path: Path = ()) -> Iterator[Path]:
    """Every key and entry below a node, a mapping's or list's own place before what is in it."""
    inside: Any = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in inside:
        yield (*path, key)
        yield from places(child, (*path, key))


def copied(document: dict[str, Any]) -> dict[str, Any]:
    """A copy to be changed freely, made several times faster than by walking through the values."""
    return dict(pickle.loads(pickle.dumps(document)))  # noqa: S301 - pickled here


def without(document: dict[str, Any], path: Path) -> dict[str, Any]:
    """A copy in which what stands at a path is missing."""
    made = copied(document)
    holder: Any = made
    for step in path[:-1]:
        holder = holder[step]
    del holder[path[-1]]
    return made


def shuffled(node: Any, draw: Any) -> Any:
    """A copy whose mappings have their keys in another order."""
    if isinstance(node, dict):
        keys = list(node)
        draw.shuffle(keys)
        return {key: shuffled(node[key], draw) for key in keys}
    return [shuffled(each, draw) for each in node] if isinstance(node, list) else node
