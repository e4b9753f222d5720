"""What a node's status, pods and holders should be. Pure: everything it goes by is handed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from causeway.sandbox.clusters.controller.state import DEVICE_PLUGIN, EXPORTER, Holder, HostState, Pod
from causeway.sandbox.spec import NodeSpec

HOLD_PREFIX = "sandbox-hold-"
UNEXPECTED_ADMISSION = "UnexpectedAdmissionError"


@dataclass(frozen=True, slots=True)
class Memory:
    """What a kubelet would remember of its node. It is read back from the node's status, so a restart loses nothing.

    `boot` is the boot that the status was last reported from; `offered` are the resources that a plugin has registered
    since then, whether or not one runs now.
    """

    boot: str = ""
    offered: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Resource:
    """An extended resource in a node's status."""

    name: str
    capacity: int
    allocatable: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What to bring about on one node.

    `heartbeat` is False while no kubelet would run. `rebooted` asks for the pods of the boot before to be dealt with
    (`after_reboot`), before anything else; the node is not ready at that look and can be at the next, as a kubelet's
    first report after a boot is that its container runtime has not been checked yet.
    """

    ready: bool
    reason: str
    message: str
    heartbeat: bool
    rebooted: bool
    resources: tuple[Resource, ...]
    gone: tuple[str, ...]
    memory: Memory


def decide(node: NodeSpec, host: HostState, pods: Sequence[Pod], memory: Memory) -> Decision:
    """The node's state from its host, the pods bound to it, and what was reported before."""
    if not host.running:
        return Decision(
            ready=False,
            reason="KubeletNotReady",
            message="node is shutting down (its sandbox host is off or rebooting)",
            heartbeat=False,
            rebooted=False,
            resources=(),
            gone=(),
            memory=memory,
        )
    if memory.boot and memory.boot != host.boot:
        return Decision(
            ready=False,
            reason="KubeletNotReady",
            message="container runtime status check may not have completed yet (the sandbox host was rebooted)",
            heartbeat=True,
            rebooted=True,
            resources=(),
            gone=tuple(sorted(memory.offered)),
            memory=Memory(host.boot),
        )
    registered = _registered(node, pods) if host.healthy else frozenset()
    offered = memory.offered | registered
    resources = tuple(
        Resource(name, node.count, min(host.healthy, node.count) if name in registered else 0)
        for name in sorted(offered)
    )
    return Decision(
        ready=True,
        reason="KubeletReady",
        message="kubelet is posting ready status" + (f"; accelerators: {host.reason}" if host.reason else ""),
        heartbeat=True,
        rebooted=False,
        resources=resources,
        gone=(),
        memory=Memory(host.boot, offered),
    )


def _registered(node: NodeSpec, pods: Sequence[Pod]) -> frozenset[str]:
    """The resources that the vendor's device plugins on the node offer now."""
    names: set[str] = set()
    for pod in pods:
        if _is_operand(pod, node) and pod.component == DEVICE_PLUGIN and pod.running and not pod.deleting:
            names |= set(pod.offers) or ({node.resource} if node.resource else set())
    return frozenset(names)


def _is_operand(pod: Pod, node: NodeSpec) -> bool:
    return bool(node.count) and pod.vendor == node.vendor and pod.component in {DEVICE_PLUGIN, EXPORTER}


@dataclass(frozen=True, slots=True)
class AfterReboot:
    """What a kubelet does with a pod that it finds after a boot: `fail` it with a reason, or `restart` it."""

    pod: Pod
    action: str
    reason: str
    message: str


def after_reboot(pods: Sequence[Pod], resources: frozenset[str]) -> tuple[AfterReboot, ...]:
    """What becomes of the pods of the boot before.

    A pod with devices fails: the kubelet admits pods again before the device plugin has registered, and there are no
    healthy devices then (seen on real kubelets, shared design notes). One that may not restart fails with its
    containers. All others start again.
    """
    found = []
    for pod in pods:
        if pod.finished or pod.deleting or not pod.accepted:
            continue
        asked = sorted(resource for resource in pod.requests if resource in resources)
        if asked:
            message = f"Allocate failed due to no healthy devices present; cannot allocate unhealthy devices {asked[0]}"
            found.append(AfterReboot(pod, "fail", UNEXPECTED_ADMISSION, f"Pod was rejected: {message}"))
        elif pod.restart_policy == "Never":
            found.append(AfterReboot(pod, "fail", "Terminated", "The node was restarted"))
        else:
            found.append(AfterReboot(pod, "restart", "", ""))
    return tuple(found)


def holders(
    node: NodeSpec,
    host: HostState,
    pods: Sequence[Pod],
    held: Sequence[Holder],
    devices: Sequence[str],
    control: str | None,
) -> tuple[Holder, ...]:
    """The processes that should have device files open: one per plugin, exporter and pod with accelerators.

    A pod that is being deleted has none: its containers end before its object goes. Those that run keep their devices;
    a new one gets the lowest that are free, as many as the pod asks for.
    """
    if not host.running:
        return ()
    running = {holder.unit: holder for holder in held}
    wanted: list[Holder] = []
    waiting: list[tuple[str, int]] = []
    for pod in sorted(pods, key=lambda pod: pod.uid):
        if pod.deleting or not pod.running:
            continue
        unit, count = f"{HOLD_PREFIX}{pod.uid}", pod.requests.get(node.resource or "", 0)
        if unit in running:
            wanted.append(running[unit])
        elif count:
            waiting.append((unit, count))
        elif _is_operand(pod, node) and control:
            wanted.append(Holder(unit, (control,)))
    taken = {device for holder in wanted for device in holder.devices}
    free = [device for device in devices if device not in taken]
    for unit, count in waiting:
        chosen, free = free[:count], free[count:]
        if chosen:
            wanted.append(Holder(unit, tuple(chosen)))
    return tuple(wanted)
