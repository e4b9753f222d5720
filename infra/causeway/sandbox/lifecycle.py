"""Brings a sandbox up, mends it, takes it down. One command at a time per sandbox; each may be repeated at any time."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from causeway.errors import CausewayError, Permanent
from causeway.sandbox import cache as store
from causeway.sandbox import checks, clusters, hosts, network, ssh
from causeway.sandbox.cgroup import destroy, of_fleet
from causeway.sandbox.clusters import ClusterStatus
from causeway.sandbox.command import as_root
from causeway.sandbox.host_side import HostSide, hosts_up, in_parallel, raise_together, verify
from causeway.sandbox.layout import RUN_ROOT, Layout, recorded_home
from causeway.sandbox.moves import Action, Move
from causeway.sandbox.progress import Observer, Steps, StepTime
from causeway.sandbox.spec import HostSpec, SandboxSpec

BOOTS_AT_ONCE = 8
PACKAGES = (".deb", ".run")
CACHE_DAYS = 7


@dataclass(frozen=True, slots=True)
class Means:
    """What this machine offers: its environment, the paths of the clusters' programs, and what it lacks for hosts."""

    environ: Mapping[str, str]
    tools: Mapping[str, Path]
    missing: tuple[checks.MissingProgram, ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """Which parts to bring up."""

    hosts: bool = True
    clusters: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `up` did: a move per host, the clusters' states, and the time of each step."""

    moves: tuple[Move, ...]
    clusters: tuple[ClusterStatus, ...]
    times: tuple[StepTime, ...]
    changed: bool


def up(spec: SandboxSpec, layout: Layout, means: Means, parts: Parts, observer: Observer) -> Outcome:
    """Make the sandbox what `spec` says. What is right is left alone; what is half made or broken is mended.

    Raises:
        CausewayError: a check failed before anything was made, or a part did not come up (the others are up).
    """
    steps = Steps(observer)
    with _alone(layout, observer):
        _own(layout)
        if parts.hosts:
            verify(spec, layout, means.missing)
        if parts.clusters:
            checks.verify_disk(layout.home, clusters.bytes_needed(spec, layout.home), f"{len(spec.clusters)} clusters")
        _claim(layout)
        done, statuses = _both(spec, layout, means, parts, steps)
        if parts.hosts:
            if statuses and all(move.action is not Action.STAY_OFF for move in done.moves):
                _nodes_ready(spec, layout, steps)
            store.prune(layout.cache, _cache_in_use(), unused_s=CACHE_DAYS * 86400, now=time.time())
    changed = done.changed or any(status.action != "none" for status in statuses)
    return Outcome(done.moves, statuses, tuple(steps.times), changed)


def _both(
    spec: SandboxSpec, layout: Layout, means: Means, parts: Parts, steps: Steps
) -> tuple[HostSide, tuple[ClusterStatus, ...]]:
    """Hosts and clusters at the same time; what goes wrong with one does not keep the other from coming up."""
    errors: list[BaseException] = []
    done = HostSide((), changed=False)
    with ThreadPoolExecutor(max_workers=1) as beside:
        side = beside.submit(_clusters_up, spec, layout, means, steps) if parts.clusters else None
        if parts.hosts:
            try:
                done = hosts_up(spec, layout, means.environ, steps)
            except CausewayError as error:
                errors.append(error)
        failure = side.exception() if side else None
    raise_together([*errors, *([failure] if failure else [])])
    return done, side.result() if side else ()


def _nodes_ready(spec: SandboxSpec, layout: Layout, steps: Steps) -> None:
    with steps.step("nodes") as step:
        step.note("waiting for every node to be ready")
        ready = clusters.wait_ready(spec, layout.home)
        step.outcome = f"{sum(len(status.nodes) for status in ready)} ready"


def _cache_in_use() -> set[Path]:
    """What the sandboxes that are up on this machine have of the cache: lower folders of disks, mirrors' trees."""
    used: set[Path] = set()
    for name, home in known().items():
        place = Layout(name, home, home)
        used.add(place.mirror.resolve())
        used.update(Path(lower) for host in hosts.existing(place) for lower in hosts.recorded_lower(place, host))
    return used


@contextmanager
def _alone(layout: Layout, observer: Observer) -> Iterator[None]:
    """Hold the sandbox's lock, waiting for another command that has it."""

    def waiting() -> None:
        observer.note("lock", f"another command works on the sandbox {layout.fleet}; waiting for it")

    layout.lock.parent.mkdir(parents=True, exist_ok=True)
    with store.exclusive(layout.lock, waiting):
        try:
            yield
        finally:
            layout.lock.unlink(missing_ok=True)


def _own(layout: Layout) -> None:
    """Make sure that no other place's sandbox has this name.

    Raises:
        Permanent: a sandbox of that name is up from another home.
    """
    other = recorded_home(layout.fleet)
    if other is not None and other != layout.home and other.is_dir():
        raise Permanent(
            "sandbox-elsewhere",
            f"a sandbox called {layout.fleet} is up from another place, and both would have the same names",
            where=str(other),
            hint=f"causeway sandbox down --name {layout.fleet}, or give this fleet another name",
        )


def _claim(layout: Layout) -> None:
    """Make the home, and note whose sandbox has this name: so `down --name` finds it, and no other place mixes in."""
    for folder in (layout.home, layout.home.parent, layout.home.parent.parent):
        if not folder.is_dir():
            folder.mkdir(parents=True)
        ssh.give_to_user(folder)
    if os.geteuid() == 0:
        layout.run.mkdir(parents=True, exist_ok=True)
        # Root's own: what `down --name` removes is not for others to say.
        fresh = layout.owner_note.with_name(".home.new")
        fresh.write_text(f"{layout.home}\n")
        fresh.rename(layout.owner_note)


def _clusters_up(spec: SandboxSpec, layout: Layout, means: Means, steps: Steps) -> tuple[ClusterStatus, ...]:
    with steps.step("clusters") as step:
        step.note(f"starting {len(spec.clusters)} control planes")
        statuses = clusters.up(spec, layout.home, means.tools)
        made = [status.name for status in statuses if status.action != "none"]
        step.outcome = f"{len(statuses)} running" + (f", changed: {', '.join(made)}" if made else ", nothing to do")
    return statuses


def down(layout: Layout, observer: Observer) -> bool:
    """Remove everything of a sandbox but the cache. Returns whether there was anything.

    Raises:
        Permanent: it has hosts and we are not root, or it is another place's.
    """
    root = os.geteuid() == 0
    if not root and recorded_home(layout.fleet) == layout.home:
        raise Permanent(
            "not-root",
            "this sandbox has hosts, and only root can end them",
            subject=layout.fleet,
            hint=as_root("sandbox down"),
        )
    if not root and not layout.home.is_dir():  # where the lock would be
        return False
    steps = Steps(observer)
    with _alone(layout, observer):
        if root:  # clusters alone have no name that another place's hosts could have
            _own(layout)
        there = layout.home.is_dir() or (root and (layout.run.is_dir() or of_fleet(layout.fleet).path.is_dir()))
        if not there:
            return False
        with steps.step("end processes") as step:
            ssh.close_masters(layout)
            count = destroy(layout.fleet) if root else 0
            clusters.down(layout.fleet, layout.home)
            step.outcome = f"{count} ended"
        with steps.step("remove files and network"):
            if root:
                network.down(layout)
            for folder in (layout.home, layout.run):
                if folder.is_dir():
                    shutil.rmtree(folder)
    return True


def known() -> dict[str, Path]:
    """The sandboxes that are up on this machine, by name, with their homes."""
    return {path.parent.name: Path(path.read_text().strip()) for path in sorted(RUN_ROOT.glob("*/home"))}


def reset(spec: SandboxSpec, layout: Layout, names: Sequence[str], means: Means, observer: Observer) -> Outcome:
    """Make hosts anew, as they were at first; then bring up what else is missing."""
    with _alone(layout, observer):
        in_parallel(lambda move: hosts.remove(layout, move.name), [Move(name, Action.REMOVE) for name in names])
    return up(spec, layout, means, Parts(clusters=False), observer)


def power_on(layout: Layout, host: HostSpec, observer: Observer) -> bool:
    """Boot a host that is off, and wait until it lets users in. Returns False when it was on already."""
    with _alone(layout, observer), Steps(observer).step(f"power on {host.name}") as step:
        if hosts.state(layout, host.name) is hosts.State.RUNNING:
            step.outcome = "it is on already"
            return False
        hosts.start(layout, host.name)
        hosts.wait_ready(layout, host, threading.Event())
        step.outcome = "on"
    return True


def power_off(layout: Layout, host: HostSpec, observer: Observer, *, cut: bool) -> bool:
    """Turn a host off: by its power button, or by the plug. Returns False when it was off already."""
    with _alone(layout, observer), Steps(observer).step(f"power off {host.name}") as step:
        if hosts.state(layout, host.name) is hosts.State.OFF:
            step.outcome = "it is off already"
            return False
        (hosts.cut if cut else hosts.power_off)(layout, host.name)
        step.outcome = "off"
    return True
