"""Checks of workloads: what each kind needs, where its parts run, that weights sum up and accelerators suffice."""

from __future__ import annotations

from causeway.fleet.checks.context import Checked, check_url
from causeway.fleet.clusters import Pool
from causeway.fleet.places import Path, printable
from causeway.fleet.problems import choice
from causeway.fleet.ranges import is_dns_name
from causeway.fleet.workloads import Serve, Train, Workload

# kind of workload -> fields it needs, fields it cannot have
_NEEDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "inference": (("serve", "model"), ("train", "upstream", "dataset")),
    "training": (("train", "model"), ("serve", "upstream", "gateway")),
    "gateway": (("serve", "upstream"), ("train", "dataset")),
}


def check_workloads(checked: Checked) -> None:
    """Check every workload, and the accelerators that they ask of each pool together."""
    asked: dict[tuple[str, str], int] = {}
    gateways: dict[tuple[str, str], str] = {}
    for name, workload in checked.fleet.workloads.items():
        path = ("workloads", name)
        _kind(checked, workload, path)
        _data_classes(checked, workload, path)
        _weights(checked, workload, path)
        for index, part in enumerate(workload.serve):
            _serve(checked, workload, part, (*path, "serve", index), asked)
        if workload.train:
            _train(checked, workload.train, (*path, "train"), asked)
        _gateway(checked, name, workload, path, gateways)
        if workload.upstream:
            checked.secret(workload.upstream.key, (*path, "upstream", "key"))
            check_url(checked, workload.upstream.base_url, (*path, "upstream", "base_url"))


def _kind(checked: Checked, workload: Workload, path: Path) -> None:
    needed, excluded = _NEEDS[workload.kind]
    for field in needed:
        if not getattr(workload, field):
            checked.wrong(
                "missing-field",
                (*path, field),
                f"a workload of kind {workload.kind} needs {field}",
                f"add {field}, or correct the kind",
            )
    for field in excluded:
        if getattr(workload, field):
            checked.wrong(
                "wrong-kind",
                (*path, field),
                f"a workload of kind {workload.kind} has no {field}",
                f"remove {field}, or correct the kind",
                key=True,
            )


def _data_classes(checked: Checked, workload: Workload, path: Path) -> None:
    if any(section == "sites" for section, *_ in checked.left_out):
        return
    known = {name for site in checked.fleet.sites.values() for name in site.data_classes}
    uses = (
        (workload.audience, ("audience",)),
        (workload.model.data_class if workload.model else None, ("model", "data_class")),
        (workload.dataset.data_class if workload.dataset else None, ("dataset", "class")),
        (workload.train.checkpoint_data_class if workload.train else None, ("train", "checkpoint_data_class")),
    )
    for name, field in uses:
        if name is not None and name not in known:
            hint = choice(name, sorted(known), "data classes of the sites")
            checked.wrong("unknown-data-class", (*path, *field), f'no site may hold the data class "{name}"', hint)


def _weights(checked: Checked, workload: Workload, path: Path) -> None:
    weights = [part.weight for part in workload.serve]
    if not weights or (weights == [None]) or (workload.kind == "gateway" and set(weights) == {None}):
        return
    if None in weights:
        at = (*path, "serve", weights.index(None))
        checked.wrong(
            "weights", at, "this part has no weight, others have", "give each part its share; they sum to 100"
        )
    elif sum(weight or 0 for weight in weights) != 100:
        total = " + ".join(str(weight) for weight in weights[:8])
        reason = f"the weights sum to {sum(weight or 0 for weight in weights)} ({total}), not to 100"
        checked.wrong("weights", (*path, "serve"), reason, "change them so that they sum to 100")


def _serve(checked: Checked, workload: Workload, part: Serve, path: Path, asked: dict[tuple[str, str], int]) -> None:
    if workload.kind == "inference":
        for field in ("pool", "engine", "accelerators_per_replica"):
            if not getattr(part, field):
                checked.wrong(
                    "missing-field", (*path, field), f"a part of an inference workload needs {field}", f"add {field}"
                )
    if checked.cluster(part.cluster, (*path, "cluster")) is None or part.pool is None:
        return
    pool = checked.pool(part.cluster, part.pool, (*path, "pool"))
    if pool is not None and part.accelerators_per_replica and _fits(checked, part, pool, path):
        accelerators = part.replicas * part.accelerators_per_replica
        _ask(checked, (part.cluster, part.pool), pool, accelerators, asked, (*path, "replicas"))


def _fits(checked: Checked, part: Serve, pool: Pool, path: Path) -> bool:
    """Whether the replicas find room on the hosts of an otherwise empty pool; when not, it is told."""
    wide, per_host = part.accelerators_per_replica, pool.accelerators_per_host
    if per_host == 0:
        if pool.accelerator is None:  # else the pool was told that their number is missing
            reason = f"the hosts of {part.pool} have no accelerators"
            checked.wrong("no-accelerator", (*path, "accelerators_per_replica"), reason, "name a pool that has")
        return False
    if wide > per_host:
        reason = f"a replica of {wide:,} accelerators does not fit a host of {part.pool}, which has {per_host}"
        checked.wrong("does-not-fit", (*path, "accelerators_per_replica"), reason, f"write at most {per_host}")
        return False
    hosts = checked.size(part.cluster, part.pool or "")
    room = hosts * (per_host // wide) if hosts else None
    if room is not None and part.replicas > room:
        has = f"{part.pool} has room for {room:,} on {hosts:,} hosts of {per_host}"
        reason = f"{part.replicas:,} replicas of {wide} accelerators; {has}"
        checked.wrong("too-many-replicas", (*path, "replicas"), reason, f"write at most {room:,}, or add hosts")
    return room is not None and part.replicas <= room


def _train(checked: Checked, train: Train, path: Path, asked: dict[tuple[str, str], int]) -> None:
    if train.starts_on and train.ends_on < train.starts_on:
        checked.wrong(
            "dates",
            (*path, "ends_on"),
            f"it ends on {train.ends_on}, before it starts on {train.starts_on}",
            "exchange or correct the days",
        )
    if checked.cluster(train.cluster, (*path, "cluster")) is None:
        return
    pool = checked.pool(train.cluster, train.pool, (*path, "pool"))
    if pool is None:
        return
    if pool.accelerators_per_host == 0 and pool.accelerator is not None:
        return  # told at the pool: how many is not said
    if pool.accelerators_per_host == 0:
        checked.wrong(
            "no-accelerator", (*path, "pool"), f"the hosts of {train.pool} have no accelerators", "name a pool that has"
        )
        return
    hosts = checked.size(train.cluster, train.pool)
    if hosts is None:
        return
    if train.hosts > hosts:
        checked.wrong(
            "too-many-hosts",
            (*path, "hosts"),
            f"training on {train.hosts:,} hosts; the pool {train.pool} has {hosts:,}",
            f"write at most {hosts:,}, or add hosts",
        )
        return
    _ask(checked, (train.cluster, train.pool), pool, train.hosts * pool.accelerators_per_host, asked, (*path, "hosts"))


def _ask(
    checked: Checked, key: tuple[str, str], pool: Pool, accelerators: int, asked: dict[tuple[str, str], int], path: Path
) -> None:
    """Add to what is asked of a pool, and tell the part with which it becomes more than there is."""
    offered = checked.hosts.pool(*key).count * pool.accelerators_per_host
    before = asked.get(key, 0)
    asked[key] = before + accelerators
    if before <= offered < before + accelerators:
        total = f"{before + accelerators:,} accelerators are asked of {key[1]}, which has {offered:,}"
        reason = f"with this part {total}; {before:,} are taken by other parts"
        checked.wrong("too-many-accelerators", path, reason, "ask for less, or add hosts")


def _gateway(checked: Checked, name: str, workload: Workload, path: Path, gateways: dict[tuple[str, str], str]) -> None:
    gateway = workload.gateway
    if gateway is None:
        return
    path = (*path, "gateway")
    if checked.cluster(gateway.cluster, (*path, "cluster")) is not None and gateway.pool is not None:
        checked.pool(gateway.cluster, gateway.pool, (*path, "pool"))
    if not is_dns_name(gateway.host):
        checked.wrong(
            "bad-host-name",
            (*path, "host"),
            f'found "{printable(gateway.host[:60])}"; a host name belongs here',
            "write it as doubao.example.test",
        )
    other = gateways.setdefault((gateway.cluster, gateway.host), name)
    if other != name:
        checked.wrong(
            "duplicate-gateway",
            (*path, "host"),
            f"the workload {other} is served under this name already",
            "give each workload its own name",
        )
