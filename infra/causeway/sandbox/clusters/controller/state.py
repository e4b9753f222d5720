"""What the controller knows: the host behind a node, the pods on it, and what it remembers of the node itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

# The contract with the charts (docs/sandbox/clusters.md).
COMPONENT_LABEL = "app.kubernetes.io/component"
VENDOR_LABEL = "causeway/vendor"
RESOURCES_ANNOTATION = "causeway/resources"
DEVICE_PLUGIN = "device-plugin"
EXPORTER = "exporter"


@dataclass(frozen=True, slots=True)
class HostState:
    """A host at one instant.

    `boot` changes with every boot. `healthy` is how many accelerators a device plugin would find well: none unless the
    driver is loaded and verifies; `reason` says why when that is fewer than there are.
    """

    running: bool
    boot: str = ""
    healthy: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process on the host with device files open. `unit` is its systemd unit there, without `.service`."""

    unit: str
    devices: tuple[str, ...]


class Hosts(Protocol):
    """The hosts behind the nodes."""

    def look(self, host: str) -> HostState:
        """The host now. Cheap: called every second."""

    def held(self, host: str) -> tuple[Holder, ...]:
        """The holders that run on the host. Cheap."""

    def devices(self, host: str) -> tuple[str, ...]:
        """The accelerators' device files on the host, in order of their index."""

    def control_device(self, host: str) -> str | None:
        """The file that a plugin or an exporter keeps open, if the vendor has one and it is there."""

    def hold(self, host: str, holder: Holder) -> None:
        """Start a holder. One that cannot start is tried again at the next look."""

    def release(self, host: str, unit: str) -> None:
        """Stop a holder."""


@dataclass(frozen=True, slots=True)
class Pod:
    """What of a pod decides anything here. `running`: every container runs."""

    uid: str
    namespace: str
    name: str
    node: str
    phase: str
    accepted: bool
    running: bool
    deleting: bool
    restart_policy: str
    component: str
    vendor: str
    offers: tuple[str, ...]
    requests: Mapping[str, int]
    behaviour: str
    log: str
    statuses: tuple[Mapping[str, Any], ...] = field(default=(), compare=False)

    @property
    def finished(self) -> bool:
        """Whether it will never run again."""
        return self.phase in {"Succeeded", "Failed"}


def pod_from(item: Mapping[str, Any]) -> Pod:
    """A pod from its API object."""
    meta, spec, status = item["metadata"], item["spec"], item.get("status", {})
    labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
    statuses = tuple(status.get("containerStatuses") or ())
    requests: dict[str, int] = {}
    for container in spec["containers"]:
        for resource, amount in ((container.get("resources") or {}).get("limits") or {}).items():
            if "/" in resource:  # extended resources have a domain; cpu and memory have none
                requests[resource] = requests.get(resource, 0) + whole(amount)
    offers = tuple(word.strip() for word in annotations.get(RESOURCES_ANNOTATION, "").split(",") if word.strip())
    return Pod(
        uid=meta["uid"],
        namespace=meta["namespace"],
        name=meta["name"],
        node=spec.get("nodeName", ""),
        phase=status.get("phase", "Pending"),
        accepted="startTime" in status,
        running=bool(statuses) and all("running" in (entry.get("state") or {}) for entry in statuses),
        deleting="deletionTimestamp" in meta,
        restart_policy=spec.get("restartPolicy", "Always"),
        component=labels.get(COMPONENT_LABEL, ""),
        vendor=labels.get(VENDOR_LABEL, ""),
        offers=offers,
        requests=requests,
        behaviour=annotations.get("causeway.sandbox/behaviour", ""),
        log=annotations.get("causeway.sandbox/log", ""),
        statuses=statuses,
    )


def whole(quantity: object) -> int:
    """The number in a Kubernetes quantity of whole units; 0 for one that is none (device plugins count in ones)."""
    try:
        return int(Decimal(str(quantity)))
    except InvalidOperation:
        return 0
