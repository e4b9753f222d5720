"""`causeway plan`: what each cluster needs: hosts with their waves, releases, leases, capacity and findings."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from causeway.capacity.figures import Figure
from causeway.cli.fleet_context import FleetContext
from causeway.cli.options import DEFAULT_FLEET, AsOfOption, FleetOption, JsonOption
from causeway.cli.output import console, print_json
from causeway.errors import Permanent
from causeway.plan.diff_fields import without_secrets
from causeway.plan.document import fleet_document, special, to_tell
from causeway.plan.model import Baseline, ClusterPlan, FleetPlan
from causeway.plan.moves import Effect, PartMove, WaveCapacity
from causeway.plan.ranges import summary
from causeway.policy.findings import Finding

EXIT_REFUSED = 3
_MOST_HOSTS = 12
_NO_HOST_ACCESS = "rented: no access to hosts"
_EFFECTS: tuple[Effect, ...] = ("stays", "moves", "waits", "pauses", "less_traffic", "refuses", "stops")
_SEVERITIES = ("stop", "warn", "info")

ClusterArgument = Annotated[str | None, typer.Argument(metavar="[CLUSTER]", help="Show one cluster in detail.")]
DurationsOption = Annotated[
    Path | None,
    typer.Option("--durations", metavar="FILE", help="Minutes per host; default assumptions (docs/plan.md)."),
]


def command(
    cluster: ClusterArgument = None,
    fleet: FleetOption = DEFAULT_FLEET,
    as_of: AsOfOption = None,
    durations: DurationsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what each cluster needs, or one cluster in detail. Exit status 3: a rule refuses what is shown."""
    context = FleetContext.of(fleet, as_of)
    context.durations_file = durations
    plan = context.plan
    if cluster is not None and cluster not in plan.clusters:
        raise _unknown(cluster, plan)
    if as_json:
        print_json("causeway/plan/v1", fleet_document(plan, cluster))
    elif cluster is None:
        _print_fleet(console(), plan, context.day)
    else:
        _print_cluster(console(), plan, plan.clusters[cluster], context.day)
    shown = plan.findings if cluster is None else plan.clusters[cluster].findings
    if any(finding.blocks for finding in shown):
        raise typer.Exit(EXIT_REFUSED)


def _unknown(cluster: str, plan: FleetPlan) -> Permanent:
    near = get_close_matches(cluster, plan.clusters, 1)
    hint = f"did you mean {near[0]}?" if near else f"clusters: {', '.join(list(plan.clusters)[:12])}"
    return Permanent("unknown-cluster", f"the fleet {plan.fleet} has no such cluster", subject=cluster, hint=hint)


def _table(title: str, *columns: str) -> Table:
    """A table; a column whose name begins with `#` holds numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in columns:
        right = name.startswith("#")
        table.add_column(name.lstrip("#"), justify="right" if right else "left", overflow="fold")
    return table


def _print_fleet(out: Console, plan: FleetPlan, day: str) -> None:
    out.print(f"[bold]{escape(plan.fleet)}[/] on {day}", "\n")
    table = _table(
        "Clusters", "cluster", "site", "#pools", "#hosts", "#accelerators", "#asked", "#left", "#releases",
        f"#{plan.cost.currency} a month", "findings",
    )  # fmt: skip
    for each in plan.clusters.values():
        offered, asked = sum(pool.offered for pool in each.pools), sum(pool.asked for pool in each.pools)
        hosts = sum(pool.hosts for pool in each.pools)
        numbers = (len(each.pools), hosts, offered, asked, offered - asked, len(each.releases))
        table.add_row(
            each.cluster,
            each.site,
            *(f"{number:,}" for number in numbers),
            _money(each.monthly),
            _counted(each.findings),
        )
    out.print(table)
    out.print(
        f"\nFindings on the whole fleet: {_counted(plan.findings)}. Details: causeway plan CLUSTER, causeway check"
    )


def _money(figure: Figure) -> str:
    if figure.complete:
        return f"{figure.known:,.0f}"
    return f"{figure.known:,.0f} + unknown" if figure.known else "unknown"


def _counted(findings: tuple[Finding, ...]) -> str:
    opened = [finding for finding in findings if finding.open]
    counts = (
        (sum(f.blocks for f in opened), "[red]{} refused[/]"),
        (sum(f.severity == "warn" for f in opened), "[yellow]{} warned[/]"),
        (sum(f.severity == "info" for f in opened), "{} noted"),
    )
    return ", ".join(text.format(count) for count, text in counts if count) or "none"


def _print_cluster(out: Console, plan: FleetPlan, cluster: ClusterPlan, day: str) -> None:
    out.print(
        f"[bold]{escape(plan.fleet)}.{cluster.cluster}[/] on {day}: {cluster.purpose} at {cluster.site}, Kubernetes "
        f"{cluster.kubernetes}, releases by {cluster.delivery}, {_money(cluster.monthly)} {plan.cost.currency} a month",
        "\n",
        soft_wrap=True,
    )
    _print_pools(out, cluster)
    for baseline in cluster.baselines:
        _print_special(out, baseline)
    _print_rollouts(out, cluster)
    _print_releases(out, cluster)
    _print_leases(out, cluster)
    _print_findings(out, cluster)


def _print_pools(out: Console, cluster: ClusterPlan) -> None:
    table = _table(
        "Pools", "pool", "accelerator", "hosts", "#in service", "#accelerators", "#asked", "#left", "driver stack"
    )
    baselines = {baseline.pool: baseline for baseline in cluster.baselines}
    for pool in cluster.pools:
        baseline = baselines.get(pool.pool)
        table.add_row(
            pool.pool,
            pool.accelerator or "none",
            summary(baseline.names) if baseline else f"{pool.hosts:,} nodes ({_NO_HOST_ACCESS})",
            f"{pool.hosts_in_service:,} of {pool.hosts:,}",
            f"{pool.offered:,}",
            f"{pool.asked:,}",
            f"[red]{pool.left:,}[/]" if pool.left < 0 else f"{pool.left:,}",
            _stack(baseline) if baseline else "",
        )
    out.print(table)


def _stack(baseline: Baseline) -> str:
    if baseline.role is None:
        return ""
    ending = "_version"
    start = f"{baseline.role}__"
    versions = [
        f"{name.removeprefix(start).removesuffix(ending).replace('_', ' ')} {value}"
        for name, value in baseline.variables.variables.items()
        if name.startswith(start) and name.endswith(ending)
    ]
    return f"{baseline.role}: {', '.join(versions)}" if versions else baseline.role


def _print_special(out: Console, baseline: Baseline) -> None:
    hosts = special(baseline)
    if not hosts:
        return
    table = _table(f"\nHosts of {baseline.pool} that differ", "host", "state", "until", "reason", "variables")
    for host in hosts[:_MOST_HOSTS]:
        variables = ", ".join(
            f"{name}={value}" for name, value in without_secrets(host.variables).items() if "__host_number" not in name
        )
        until = host.until.isoformat() if host.until else ""
        table.add_row(host.name, host.state.replace("_", " "), until, escape(host.reason or ""), escape(variables))
    out.print(table)
    if len(hosts) > _MOST_HOSTS:
        out.print(f"and {len(hosts) - _MOST_HOSTS:,} more; --json has them all")


def _print_rollouts(out: Console, cluster: ClusterPlan) -> None:
    if not cluster.baselines:
        return
    table = _table(
        "\nIf a whole pool changes", "pool", "#waves", "hosts of each", "#most out", "#time", "#at worst", "windows",
        "workloads meanwhile",
    )  # fmt: skip
    for baseline in cluster.baselines:
        rollout = baseline.rollout
        time = rollout.estimate
        sizes = [f"{run.waves} x {run.hosts}" if run.waves > 1 else str(run.hosts) for run in rollout.waves.runs]
        table.add_row(
            baseline.pool,
            f"{rollout.waves.count:,}" if sizes else "[red]none[/]",
            ", ".join(sizes) or f"no room: {rollout.out_already} already out",
            f"{rollout.out_already + rollout.waves.largest:,}",
            minutes(time.typical_minutes),
            minutes(time.worst_minutes),
            "any time" if time.windows is None else f"{time.windows}, last begins {time.last_window}",
            _meanwhile(rollout.capacity),
        )
    out.print(table)
    basis = {baseline.rollout.estimate.basis for baseline in cluster.baselines}
    rest = "measured minutes" if basis == {"measured"} else "assumptions of minutes"
    out.print(f"[dim]Times rest on {rest} per host (docs/plan.md).[/]")


def minutes(count: float) -> str:
    """Minutes for people: `45 min`, `3 h 05 min`, `2 d 4 h`."""
    whole = round(count)
    hours, rest = divmod(whole, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours} h {rest:02} min" if hours else f"{rest} min"


def _meanwhile(capacity: tuple[WaveCapacity, ...]) -> str:
    """The worst that happens to each workload in any wave."""
    worst: dict[str, PartMove] = {}
    for stretch in capacity:
        for move in stretch.moves:
            before = worst.setdefault(move.workload, move)
            if _badness(move) > _badness(before):
                worst[move.workload] = move
    return ", ".join(f"{workload} {_effect(move)}" for workload, move in worst.items())


def _badness(move: PartMove) -> tuple[int, int]:
    return _EFFECTS.index(move.effect), move.missing_accelerators


def _effect(move: PartMove) -> str:
    lacking = f" ({move.missing_accelerators:,} accelerators missing)" if move.missing_accelerators else ""
    return move.effect.replace("_", " ") + lacking


def _print_releases(out: Console, cluster: ClusterPlan) -> None:
    table = _table("\nReleases", "release", "namespace", "chart", "pool", "what", "secrets")
    for release in cluster.releases:
        values = release.values
        engine, accelerator = values.get("engine") or {}, values.get("accelerator") or {}
        count = values.get("replicas") or values.get("hosts")
        unit = "hosts" if release.kind == "training" else "replicas"
        each = f" of {accelerator['count']} {accelerator.get('resource', '')}" if accelerator else ""
        what = f"{count} {unit}{each} {engine.get('name', '')}".strip() if isinstance(count, int) else ""
        chart = f"{release.chart} {release.version or ''}".strip()
        table.add_row(
            release.name, release.namespace, escape(chart), release.pool or "", escape(what), ", ".join(release.secrets)
        )
    out.print(table)
    if cluster.delivery != "pulumi":
        out.print(
            f"[dim]{cluster.delivery} applies these: they are rendered by causeway render, never applied by up.[/]"
        )


def _print_leases(out: Console, cluster: ClusterPlan) -> None:
    if not cluster.leases:
        return
    table = _table("\nLeases", "lease", "accelerator", "#here", "#leased", "from", "until", "price")
    for lease in cluster.leases:
        numbers = (f"{lease.share:,}", f"{lease.quantity:,}")
        table.add_row(
            lease.lease, lease.accelerator, *numbers, lease.start.isoformat(), lease.end.isoformat(), lease.price
        )
    out.print(table)


def _print_findings(out: Console, cluster: ClusterPlan) -> None:
    findings = to_tell(cluster.findings)
    if findings:
        out.print("\n[bold]Findings[/]")
    for finding in sorted(findings, key=lambda f: (f.accepted_by is not None, _SEVERITIES.index(f.severity))):
        word = "accepted" if finding.accepted_by else finding.severity
        colour = "red" if finding.blocks else "yellow" if finding.open and finding.severity == "warn" else "dim"
        unknown = " [italic](data is missing)[/]" if finding.verdict == "unknown" else ""
        where = f"[dim]{escape(str(finding.where))}[/]"
        out.print(f"[{colour}]{word:8}[/] {finding.rule} {escape(finding.subject)}{unknown}  {where}", soft_wrap=True)
        out.print(f"         {escape(finding.reason)}", soft_wrap=True)
