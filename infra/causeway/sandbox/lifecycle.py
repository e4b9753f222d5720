"""Brings a sandbox up, mends it, takes it down. One command at a time per sandbox; each may be repeated at any time."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from causeway.errors import CausewayError, Permanent, Problems
from causeway.sandbox import cache as store
from causeway.sandbox import checks, clusters, daemons, hosts, image, mirror, network, signing, ssh
from causeway.sandbox.cgroup import Cgroup, create, of_fleet
from causeway.sandbox.clusters import ClusterStatus
from causeway.sandbox.layout import RUN_ROOT, Layout, recorded_home
from causeway.sandbox.moves import Action, Found, Move, moves
from causeway.sandbox.progress import Observer, Step, Steps, StepTime
from causeway.sandbox.spec import HostSpec, SandboxSpec

BOOTS_AT_ONCE = 8


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
        _claim(layout)
        with ThreadPoolExecutor(max_workers=1) as beside:
            if parts.hosts:
                verify(spec, layout, means)
            side = beside.submit(_clusters_up, spec, layout, means, steps) if parts.clusters else None
            errors: list[CausewayError] = []
            done: tuple[Move, ...] = ()
            changed = False
            if parts.hosts:
                try:
                    done, changed = _hosts_up(spec, layout, means, steps)
                except CausewayError as error:
                    errors.append(error)
            statuses: tuple[ClusterStatus, ...] = ()
            if side is not None:
                try:
                    statuses = side.result()
                except CausewayError as error:
                    errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else Problems(tuple(errors))
    changed = changed or any(status.action != "none" for status in statuses)
    return Outcome(done, statuses, tuple(steps.times), changed)


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


def _claim(layout: Layout) -> None:
    """Note whose sandbox has this name, so that `down --name` finds it and no second checkout mixes with it.

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
    for folder in (layout.home, layout.home.parent, layout.home.parent.parent):
        if not folder.is_dir():
            folder.mkdir(parents=True)
        ssh.give_to_user(folder)
    if os.geteuid() == 0:
        layout.run.mkdir(parents=True, exist_ok=True)
        ssh.write_text(layout.owner_note, f"{layout.home}\n")


def _clusters_up(spec: SandboxSpec, layout: Layout, means: Means, steps: Steps) -> tuple[ClusterStatus, ...]:
    with steps.step("clusters") as step:
        step.note(f"starting {len(spec.clusters)} control planes")
        statuses = clusters.up(spec, layout.home, means.tools)
        made = [status.name for status in statuses if status.action != "none"]
        step.outcome = f"{len(statuses)} running" + (f", changed: {', '.join(made)}" if made else ", nothing to do")
    return statuses


def _hosts_up(spec: SandboxSpec, layout: Layout, means: Means, steps: Steps) -> tuple[tuple[Move, ...], bool]:
    group = create(layout.fleet)
    with steps.step("image") as step:
        key = signing.ensure(layout.cache, lambda: step.note("another process makes the signing key; waiting"))
        ready = image.ensure(layout.cache, signing.public_key(key), means.environ, step.note)
        step.outcome = image.OS
    with steps.step("mirror") as step:
        tree = mirror.ensure(layout.cache, ready.base, key, step.note)
        step.outcome = f"{sum(1 for path in tree.rglob('*.deb'))} packages"
    with steps.step("network") as step:
        lost = _network_up(layout, group)
        started = daemons.ensure_dialer(layout)
        started = daemons.ensure_mirror(layout, spec, tree) or started
        step.outcome = "made" if lost else "started again" if started else "nothing to do"
    with steps.step("hosts") as step:
        done = _apply(spec, layout, ready, lost=lost, step=step)
    changed = lost or started or any(move.action not in (Action.KEEP, Action.STAY_OFF) for move in done)
    return done, changed


def _network_up(layout: Layout, group: Cgroup) -> bool:
    """Returns whether the network had to be made: then nothing that runs is in it, and it is ended."""
    layout.control_paths.mkdir(parents=True, exist_ok=True)
    ssh.give_to_user(layout.control_paths)
    if network.is_up(layout):
        return False
    for name in ("hosts", daemons.DIALER, daemons.MIRROR):
        (group / name).kill()
    return network.up(layout)


def verify(spec: SandboxSpec, layout: Layout, means: Means) -> None:
    """Check the machine against what will have to be made.

    Raises:
        Problems: each thing that is wrong, with the command that mends it.
    """
    found = found_hosts(layout)
    running = sum(1 for host in spec.hosts if host.name in found and found[host.name].state is hosts.State.RUNNING)
    need = checks.Need(new_hosts=len(spec.hosts) - running, image_cached=image.is_cached(layout.cache))
    checks.verify(checks.look(layout.home, means.missing), need)


def found_hosts(layout: Layout) -> dict[str, Found]:
    """Every host with a disk, as it is."""
    return {
        name: Found(hosts.state(layout, name), hosts.recorded_digest(layout, name)) for name in hosts.existing(layout)
    }


def _apply(spec: SandboxSpec, layout: Layout, ready: image.Image, *, lost: bool, step: Step) -> tuple[Move, ...]:
    """Make every host what it should be, several at once."""
    hosts.sweep(layout)
    wanted = {host.name: hosts.made_from(ready, spec, host) for host in spec.hosts}
    planned = moves(wanted, found_hosts(layout), network_lost=lost)
    public_key = ssh.ensure_identity(layout)
    by_name = {host.name: host for host in spec.hosts}

    def carry_out(move: Move) -> None:
        if move.action in (Action.REMOVE, Action.RECREATE):
            hosts.remove(layout, move.name)
        if move.action in (Action.CREATE, Action.RECREATE):
            hosts.prepare(layout, ready, spec, by_name[move.name], public_key)
        if move.action in (Action.CREATE, Action.RECREATE, Action.START):
            hosts.start(layout, move.name)

    in_parallel(carry_out, planned)
    ssh.write_access(layout, spec.hosts)
    expected = [by_name[move.name] for move in planned if move.action not in (Action.REMOVE, Action.STAY_OFF)]
    wait_for(layout, expected, step)
    step.outcome = summary(planned)
    return planned


def in_parallel(work: Callable[[Move], None], planned: Sequence[Move]) -> None:
    """Do the work for every move, raising all errors together at the end."""
    with ThreadPoolExecutor(max_workers=BOOTS_AT_ONCE) as pool:
        _gather([pool.submit(work, move).exception for move in planned])


def _gather(waits: Sequence[Callable[[], BaseException | None]]) -> None:
    failures = [failure for wait in waits if (failure := wait()) is not None]
    known = tuple(failure for failure in failures if isinstance(failure, CausewayError))
    for failure in failures:
        if not isinstance(failure, CausewayError):
            raise failure
    if known:
        raise known[0] if len(known) == 1 else Problems(known)


def wait_for(layout: Layout, expected: Sequence[HostSpec], step: Step) -> None:
    """Wait until every one of these hosts lets users in."""
    given_up = threading.Event()
    ready = 0

    def wait(host: HostSpec) -> None:
        nonlocal ready
        hosts.wait_ready(layout, host, given_up)
        ready += 1
        step.note(f"{ready} of {len(expected)} let users in")

    with ThreadPoolExecutor(max_workers=max(1, len(expected))) as pool:
        try:
            _gather([pool.submit(wait, host).exception for host in expected])
        except BaseException:
            given_up.set()
            raise


def summary(planned: Sequence[Move]) -> str:
    """How many hosts met which fate, in words."""
    words = {
        Action.CREATE: "made",
        Action.RECREATE: "made anew",
        Action.START: "started again",
        Action.REMOVE: "removed",
        Action.STAY_OFF: "off",
        Action.KEEP: "as they were",
    }
    counts = {action: sum(move.action is action for move in planned) for action in words}
    return ", ".join(f"{count} {words[action]}" for action, count in counts.items() if count) or "none declared"


def down(layout: Layout, observer: Observer) -> bool:
    """Remove everything of a sandbox but the cache. Returns whether there was anything.

    Raises:
        Permanent: it has hosts and we are not root.
    """
    root = os.geteuid() == 0
    if not root and layout.owner_note.exists():
        raise Permanent(
            "not-root",
            "this sandbox has hosts, and only root can end them",
            subject=layout.fleet,
            hint="sudo -E causeway sandbox down",
        )
    steps = Steps(observer)
    with _alone(layout, observer):
        there = layout.home.is_dir() or (root and (layout.run.is_dir() or of_fleet(layout.fleet).path.is_dir()))
        if not there:
            return False
        with steps.step("end processes") as step:
            ssh.close_masters(layout)
            count = _end_processes(layout) if root else 0
            clusters.down(layout.fleet, layout.home)
            step.outcome = f"{count} ended"
        with steps.step("remove files and network"):
            if root:
                network.down(layout)
            for folder in (layout.home, layout.run):
                if folder.is_dir():
                    shutil.rmtree(folder)
    return True


def _end_processes(layout: Layout) -> int:
    group = of_fleet(layout.fleet)
    count = len(group.pids())
    group.kill()
    return count


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
