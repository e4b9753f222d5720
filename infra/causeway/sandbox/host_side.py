"""The hosts' side of `up`: image, mirror, network, and every host made, mended or removed as its state asks for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from causeway.errors import CausewayError, Problems
from causeway.sandbox import checks, daemons, hosts, image, mirror, network, signing, ssh
from causeway.sandbox.cgroup import Cgroup, create
from causeway.sandbox.layout import Layout
from causeway.sandbox.moves import Action, Found, Move, moves
from causeway.sandbox.progress import Step, Steps
from causeway.sandbox.spec import HostSpec, SandboxSpec

AT_ONCE = 8
PACKAGES = (".deb", ".run")


@dataclass(frozen=True, slots=True)
class HostSide:
    """What was done: a move per host, and whether anything was changed at all."""

    moves: tuple[Move, ...]
    changed: bool


def verify(spec: SandboxSpec, layout: Layout, missing: Sequence[checks.MissingProgram]) -> None:
    """Check the machine against what will have to be made.

    Raises:
        Problems: each thing that is wrong, with the command that mends it.
    """
    found = found_hosts(layout)
    running = sum(1 for host in spec.hosts if host.name in found and found[host.name].state is hosts.State.RUNNING)
    need = checks.Need(new_hosts=len(spec.hosts) - running, image_cached=image.is_cached(layout.cache))
    checks.verify(checks.look(layout.home, layout.cache, missing), need)


def hosts_up(spec: SandboxSpec, layout: Layout, environ: Mapping[str, str], steps: Steps) -> HostSide:
    """Make image, mirror, network and hosts what they should be.

    Raises:
        CausewayError: one of them, or several hosts, did not come up.
    """
    group = create(layout.fleet)
    with steps.step("image") as step:
        key = signing.ensure(layout.cache, lambda: step.note("another process makes the signing key; waiting"))
        ready = image.ensure(layout.cache, signing.public_key(key), environ, step.note)
        step.outcome = image.OS
    with steps.step("mirror") as step:
        tree = mirror.ensure(layout.cache, ready.base, key, step.note)
        layout.mirror.unlink(missing_ok=True)
        layout.mirror.symlink_to(tree)
        step.outcome = f"{sum(1 for path in tree.rglob('*') if path.suffix in PACKAGES)} packages"
    with steps.step("network") as step:
        lost = _network_up(layout, group)
        started = daemons.ensure_dialer(layout)
        started = daemons.ensure_mirror(layout, spec, tree) or started
        step.outcome = "made" if lost else "started again" if started else "nothing to do"
    with steps.step("hosts") as step:
        done = _apply(spec, layout, ready, lost=lost, step=step)
    changed = lost or started or any(move.action not in (Action.KEEP, Action.STAY_OFF) for move in done)
    return HostSide(done, changed=changed)


def _network_up(layout: Layout, group: Cgroup) -> bool:
    """Returns whether the network had to be made: then nothing that runs is in it, and it is ended."""
    layout.control_paths.mkdir(parents=True, exist_ok=True)
    ssh.give_to_user(layout.control_paths)
    if network.is_up(layout):
        return False
    for name in ("hosts", daemons.DIALER, daemons.MIRROR):
        (group / name).kill()
    return network.up(layout)


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
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        _gather([pool.submit(work, move).exception for move in planned])


def _gather(waits: Sequence[Callable[[], BaseException | None]]) -> None:
    raise_together([failure for wait in waits if (failure := wait()) is not None])


def raise_together(failures: Sequence[BaseException]) -> None:
    """Raise what went wrong in several threads: a defect of ours as it is, errors for the user all at once."""
    known = [failure for failure in failures if isinstance(failure, CausewayError)]
    for failure in failures:
        if not isinstance(failure, CausewayError):
            raise failure
    if known:
        raise known[0] if len(known) == 1 else Problems(tuple(known))


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
