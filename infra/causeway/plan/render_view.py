"""A diff as its readers want it: by risk and not by tool. Terminal and Markdown print these rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from causeway.plan import render_words as words
from causeway.plan.diff_fields import ABSENT, Change
from causeway.plan.diff_hosts import LEAVING
from causeway.plan.diff_model import CapacityDiff, HostsChange, Kind, PlanDiff, PoolDiff, ReleaseDiff
from causeway.plan.diff_order import told
from causeway.plan.disruption import ORDER
from causeway.plan.ranges import summary

NOT_LOOKED_AT = (
    "This compares two declarations. It looked at no host, no cluster and no stored state: what runs there may "
    "differ from both sides, and hosts that already are as they should be are left alone."
)
_RELEASES: tuple[tuple[Kind, str], ...] = (("removed", "{} deleted"), ("changed", "{} changed"), ("added", "{} new"))


@dataclass(frozen=True, slots=True)
class Reach:
    """A pool's change, and how it reaches its hosts."""

    pool: str
    what: str
    """The worst that happens: reboot, drain, restart, none."""
    sentence: str
    times: str
    windows: str
    why: tuple[str, ...]
    workloads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """Something that comes, goes or changes, and what is to be known of it."""

    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class Detail:
    """A thing with the fields that change."""

    title: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class View:
    """Everything that is printed of a diff."""

    leaving: tuple[Reach, ...]
    """Pools whose hosts leave service."""
    in_place: tuple[Reach, ...]
    """Pools whose hosts change without leaving service."""
    orders: tuple[Item, ...]
    """In which order drivers and engines change."""
    lost: tuple[Item, ...]
    """Deleted, replaced, retired, out of service."""
    came: tuple[Item, ...]
    leases: tuple[Item, ...]
    money: tuple[tuple[str, str, str, str], ...]
    """Subject, before, after, difference."""
    pools: tuple[Detail, ...]
    releases: tuple[Detail, ...]
    clusters: tuple[Detail, ...]
    capacity: tuple[tuple[str, str, str, str, str], ...]
    """Pool, then before → after of hosts in service, accelerators offered, asked, left."""


def view(diff: PlanDiff) -> View:
    """The rows of a diff."""
    pools = sorted(diff.pools(), key=_risk)
    reaches = [(pool, _reach(pool)) for pool in pools]
    return View(
        leaving=tuple(reach for _, reach in reaches if reach is not None and reach.what in LEAVING),
        in_place=tuple(reach for _, reach in reaches if reach is not None and reach.what not in LEAVING),
        orders=tuple(Item(change.subject, told(change.plan)) for change in diff.orders),
        lost=tuple(_lost(diff)),
        came=tuple(_came(diff)),
        leases=tuple(_leases(diff)),
        money=tuple(_money(diff)),
        pools=tuple(detail for pool in diff.pools() if (detail := _pool(pool)).fields),
        releases=tuple(_release(release) for release in diff.releases() if release.kind == "changed"),
        clusters=tuple(Detail(c.cluster, _fields(c.fields)) for c in diff.clusters if c.fields),
        capacity=tuple(_capacity(pool) for pool in diff.capacity()),
    )


def headline(diff: PlanDiff) -> str:
    """One sentence on the worst of it."""
    if diff.empty:
        same = diff.before is not None and diff.after is not None and diff.before.digest == diff.after.digest
        return "Nothing changes." if same else "The files differ, the plan does not: nothing changes."
    pools = list(diff.pools())
    leaving = [pool.impact for pool in pools if pool.impact is not None and pool.impact.disruption in LEAVING]
    out = [len(hosts.names) for pool in pools for hosts in pool.hosts if _goes_out(hosts)]
    clusters = Counter(cluster.kind for cluster in diff.clusters)
    releases = Counter(release.kind for release in diff.releases())
    counts = (
        (clusters["removed"], "cluster", "{} deleted"),
        (sum(impact.hosts for impact in leaving if impact.disruption == "reboot"), "host", "{} reboot"),
        (sum(impact.hosts for impact in leaving if impact.disruption == "drain"), "host", "{} drained"),
        (sum(impact.accelerators_out for impact in leaving), "accelerator", "at most {} out of service at once"),
        (sum(out), "host", "{} taken out of service"),
        (sum(len(pool.removed) + len(pool.retired) for pool in pools), "host", "{} removed"),
        (sum(len(pool.added) + len(pool.returned) for pool in pools), "host", "{} added"),
        (sum(len(move.names) for move in diff.moved), "host", "{} moved to another pool"),
        (clusters["added"], "cluster", "{} new"),
        *((releases[kind], "release", text) for kind, text in _RELEASES),
        (len(diff.findings.blocking), "finding", "refused by {}"),
    )
    told = [text.format(words.count(number, one)) for number, one, text in counts if number]
    if diff.money.comparable and diff.money.fleet.difference:
        told.append(f"{words.difference(diff.money.fleet)} {diff.money.currency[1]} a month")
    if not (leaving or out or clusters["removed"]):
        told.append("no host leaves service")
    sentence = ", ".join(told)
    return f"{sentence[:1].upper()}{sentence[1:]}."


def _risk(pool: PoolDiff) -> tuple[int, int, str]:
    if pool.impact is None:
        return 1, 0, pool.subject
    return -ORDER.index(pool.impact.disruption), -pool.impact.accelerators_out, pool.subject


def _reach(pool: PoolDiff) -> Reach | None:
    if pool.impact is None:
        return None
    why = [
        f"{change.change.field}: {words.change(change.change)}"
        for change in sorted(pool.variables, key=lambda c: -ORDER.index(c.disruption))
    ]
    if pool.code is not None:
        why.append(f"the code of its play: {words.change(pool.code)}")
    why += [f"{summary(change.names)}: {_host_texts(change)}" for change in pool.hosts if _touches(change)]
    return Reach(
        pool=pool.subject,
        what=pool.impact.disruption,
        sentence=words.impact(pool.impact),
        times=words.times(pool.impact.estimate) if pool.impact.waves else "never",
        windows=words.windows(pool.impact.estimate),
        why=tuple(why),
        workloads=tuple(words.move(move) for move in pool.impact.moves),
    )


def _touches(change: HostsChange) -> bool:
    return bool(change.variables or change.renumbered)


def _goes_out(change: HostsChange) -> bool:
    return change.state is not None and change.state[1] == "out_of_service"


def _host_texts(change: HostsChange) -> str:
    texts = [f"{each.field}: {words.change(each)}" for each in change.variables]
    texts += [f"{name} follows another host number" for name in change.renumbered]
    return "; ".join(texts)


def _state_text(change: HostsChange) -> str:
    state = " → ".join(each.replace("_", " ") for each in change.state) if change.state else ""
    # with another state come other reasons: the new ones tell
    told = [note for note in change.notes if not (change.state and note.after is ABSENT)]
    notes = ", ".join(f"{n.field}: {words.value(n.after) if change.state else words.change(n)}" for n in told)
    return f"{state} ({notes})" if state and notes else state or notes


def _lost(diff: PlanDiff) -> Iterator[Item]:
    for cluster in diff.clusters:
        if cluster.kind == "removed":
            hosts = sum(pool.hosts_before for pool in cluster.pools)
            releases = words.count(len(cluster.releases), "release")
            yield Item(f"cluster {cluster.cluster}", f"deleted, with {words.count(hosts, 'host')} and {releases}")
            continue
        for pool in cluster.pools:
            yield from _lost_hosts(pool)
        for release in cluster.releases:
            if release.kind == "removed":
                yield Item(
                    f"release {release.name}", f"deleted from namespace {release.namespace} on {cluster.cluster}"
                )
    for lease in diff.leases:
        if lease.kind == "removed":
            yield Item(f"lease {lease.lease}", "no longer declared")


def _lost_hosts(pool: PoolDiff) -> Iterator[Item]:
    if pool.kind == "removed":
        yield Item(f"pool {pool.subject}", f"deleted, with {words.count(pool.hosts_before, 'host')}")
    else:
        for names, what in ((pool.removed, "no longer declared"), (pool.retired, "retired")):
            if names:
                yield Item(_hosts(pool.subject, names), what)
    for change in pool.fields:
        if change.field == "nodes" and change.after < change.before:
            yield Item(f"nodes of {pool.subject}", words.change(change))
    for hosts in pool.hosts:
        if _goes_out(hosts):
            yield Item(_hosts(pool.subject, hosts.names), _state_text(hosts))


def _hosts(pool: str, names: tuple[str, ...]) -> str:
    return f"{words.count(len(names), 'host')} of {pool}: {summary(names)}"


def _came(diff: PlanDiff) -> Iterator[Item]:
    for move in diff.moved:
        yield Item(
            f"{words.count(len(move.names), 'host')}: {summary(move.names)}", _move_text(move.source, move.target)
        )
    for cluster in diff.clusters:
        if cluster.kind == "added":
            hosts = sum(pool.hosts_after for pool in cluster.pools)
            releases = words.count(len(cluster.releases), "release")
            yield Item(f"cluster {cluster.cluster}", f"new, with {words.count(hosts, 'host')} and {releases}")
            continue
        for pool in cluster.pools:
            yield from _came_hosts(pool)
        for release in cluster.releases:
            if release.kind == "added":
                yield Item(
                    f"release {release.name}",
                    f"new: chart {release.chart} in namespace {release.namespace} on {cluster.cluster}",
                )
    for lease in diff.leases:
        if lease.kind == "added":
            yield Item(f"lease {lease.lease}", "new")


def _move_text(source: tuple[str, str], target: tuple[str, str]) -> str:
    return f"moved from {'/'.join(source)} to {'/'.join(target)}: set up anew as the pool's hosts are"


def _came_hosts(pool: PoolDiff) -> Iterator[Item]:
    if pool.kind == "added":
        yield Item(f"pool {pool.subject}", f"new, with {words.count(pool.hosts_after, 'host')}")
    else:
        for names, what in ((pool.added, "new"), (pool.returned, "no longer retired")):
            if names:
                yield Item(_hosts(pool.subject, names), what)
    for change in pool.fields:
        if change.field == "nodes" and change.after > change.before:
            yield Item(f"nodes of {pool.subject}", words.change(change))
    for hosts in pool.hosts:
        text = _state_text(hosts)
        if text and not _goes_out(hosts):
            yield Item(_hosts(pool.subject, hosts.names), text)


def _leases(diff: PlanDiff) -> Iterator[Item]:
    for lease in diff.leases:
        texts = [f"{change.field}: {words.change(change)}" for change in lease.terms]
        texts += [f"accelerators in {cluster}: {before:,} → {after:,}" for cluster, before, after in lease.shares]
        head = {"added": "new; ", "removed": "no longer declared; ", "changed": ""}[lease.kind]
        yield Item(lease.lease, head + "; ".join(texts))


def _money(diff: PlanDiff) -> Iterator[tuple[str, str, str, str]]:
    if not diff.money.changed:
        return
    rows = [*diff.money.clusters, *(line for line in diff.money.lines if line.subject.startswith("lease "))]
    for row in (*rows, diff.money.fleet):
        told = words.difference(row) if diff.money.comparable else "in another currency"
        yield row.subject, words.amount(row.before), words.amount(row.after), told


def _fields(changes: tuple[Change, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((change.field, words.change(change)) for change in changes)


def _pool(pool: PoolDiff) -> Detail:
    rows = list(_fields(pool.fields))
    for variable in pool.variables:
        own = f"; {words.count(variable.own, 'host')} with a value of their own" if variable.own else ""
        reach = f" [{variable.disruption}, {words.count(variable.hosts, 'host')}{own}]"
        rows.append((variable.change.field, words.change(variable.change) + reach))
    if pool.code is not None:
        rows.append(("code", words.change(pool.code)))
    rows += [(f"rollout.{name}", text) for name, text in _fields(pool.rollout)]
    for hosts in pool.hosts:
        texts = "; ".join(text for text in (_state_text(hosts), _host_texts(hosts)) if text)
        rows.append((summary(hosts.names), f"{texts} [{hosts.disruption}]" if _touches(hosts) else texts))
    for names, what in ((pool.added, "new"), (pool.returned, "no longer retired")):
        if names and pool.kind == "changed":
            rows.append((summary(names), what))
    return Detail(pool.subject, tuple(rows))


def _release(release: ReleaseDiff) -> Detail:
    return Detail(f"{release.name} on {release.cluster}", (*_fields(release.fields), *_fields(release.values)))


def _capacity(pool: CapacityDiff) -> tuple[str, str, str, str, str]:
    def both(field: str) -> str:
        old, new = (getattr(side, field) if side is not None else 0 for side in (pool.before, pool.after))
        return f"{old:,}" if old == new else f"{old:,} → {new:,}"

    return (
        f"{pool.cluster}/{pool.pool}",
        both("hosts_in_service"),
        both("offered"),
        both("asked"),
        both("left"),
    )
