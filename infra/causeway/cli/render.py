"""`causeway render`: what a GitOps controller applies, as a tree of files; `--check` tells whether a tree is stale."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from causeway import assets
from causeway.cli.fleet_context import FleetContext
from causeway.cli.options import DEFAULT_FLEET, AsOfOption, FleetOption, JsonOption
from causeway.cli.output import console, print_json
from causeway.errors import CausewayError, Permanent, Problems

if TYPE_CHECKING:
    from causeway.cluster.model import Rendered
    from causeway.plan.model import ClusterPlan
    from causeway.preview.gitops import Tree
    from causeway.preview.gitops_tree import Difference

SCHEMA = "causeway/render/v1"
EXIT_STALE = 2
EXIT_REFUSED = 3
_MOST = 12

ClustersArgument = Annotated[list[str] | None, typer.Argument(metavar="[CLUSTER]...", help="Clusters; default all.")]
OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the tree.")]
CheckOption = Annotated[bool, typer.Option("--check", help="Write nothing; end with 2 when the tree is stale.")]


def command(
    out: OutOption,
    clusters: ClustersArgument = None,
    check: CheckOption = False,
    fleet: FleetOption = DEFAULT_FLEET,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the manifests of every release, and the objects of Argo CD or Flux that apply them."""
    from causeway.preview import gitops, gitops_tree  # noqa: PLC0415 - imports what only this command needs

    context = FleetContext.of(fleet, as_of)
    plans = _chosen(context, clusters or [])
    refused = _refused(plans)
    if refused and not check:
        _print_refused(refused, context.day, as_json=as_json)
        raise typer.Exit(EXIT_REFUSED)
    tree = gitops.tree(context.loaded, plans, _rendered(context, plans))
    within = None if not clusters else {plan.cluster for plan in plans}
    difference = (gitops_tree.compare if check else gitops_tree.write)(out, tree.files, within)
    if as_json:
        print_json(SCHEMA, _document(out, plans, tree, difference, check=check))
    else:
        _print(out, plans, tree, difference, check=check)
    if check and difference.stale:
        raise typer.Exit(EXIT_STALE)


def _chosen(context: FleetContext, names: Sequence[str]) -> list[ClusterPlan]:
    known = context.plan.clusters
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"clusters: {', '.join(list(known)[:_MOST])}"
            raise Permanent("unknown-cluster", "the fleet has no such cluster", subject=name, hint=hint)
    return [plan for name, plan in known.items() if not names or name in names]


def _refused(plans: Sequence[ClusterPlan]) -> list[str]:
    """What rules stop on clusters that a controller delivers: what is written there is applied."""
    return [
        f"{finding.where}: {finding.rule} {finding.subject}: {finding.reason}"
        for plan in plans
        if plan.delivery != "pulumi"
        for finding in plan.findings
        if finding.blocks
    ]


def _rendered(context: FleetContext, plans: Sequence[ClusterPlan]) -> dict[str, list[Rendered]]:
    from causeway.cluster.model import Rendered  # noqa: PLC0415 - see above
    from causeway.cluster.render import Renderer, request_of  # noqa: PLC0415 - see above
    from causeway.cluster.render_errors import in_declaration  # noqa: PLC0415 - see above

    loaded = context.loaded
    renderer = Renderer.here(loaded.root, assets.home_root(loaded.root, os.environ), os.environ)
    releases = [(plan, release) for plan in plans for release in plan.releases]
    outcomes = renderer.attempt([request_of(release, plan.kubernetes) for plan, release in releases])
    made: dict[str, list[Rendered]] = {plan.cluster: [] for plan in plans}
    errors: dict[str, CausewayError] = {}
    for (plan, release), outcome in zip(releases, outcomes, strict=True):
        if isinstance(outcome, Rendered):
            made[plan.cluster].append(outcome)
        else:
            errors |= {str(error): error for error in in_declaration(outcome, release, loaded)}
    if errors:
        raise Problems(tuple(errors.values()))
    return made


def _document(
    out: Path, plans: Sequence[ClusterPlan], tree: Tree, difference: Difference, *, check: bool
) -> dict[str, object]:
    return {
        "out": str(out),
        "written": not check,
        "stale": difference.stale if check else False,
        "clusters": [plan.cluster for plan in plans],
        **{key: value for key, value in asdict(difference).items() if key != "unchanged"},
        "unchanged": difference.unchanged,
        "secrets": [asdict(each) for each in tree.secrets],
        "left_out": [asdict(each) for each in tree.left_out],
    }


def _print(out: Path, plans: Sequence[ClusterPlan], tree: Tree, difference: Difference, *, check: bool) -> None:
    to = console()
    marks = (("+", difference.added), ("~", difference.changed), ("-", difference.removed))
    for mark, paths in marks:
        for path in paths[:_MOST]:
            to.print(f"{mark} {escape(path)}", soft_wrap=True)
        if len(paths) > _MOST:
            to.print(f"{mark} and {len(paths) - _MOST:,} more; --json has them all")
    releases = sum(len(plan.releases) for plan in plans)
    told = f"{len(tree.files):,} files of {releases:,} releases on {len(plans):,} clusters in {escape(str(out))}"
    counts = ", ".join(
        f"{len(paths):,} {word}" for word, (_, paths) in zip(("new", "changed", "gone"), marks, strict=True)
    )
    if check:
        to.print(f"{told}: {f'stale ({counts})' if difference.stale else 'up to date'}", soft_wrap=True)
    else:
        to.print(f"{told}: {counts}, {difference.unchanged:,} as they were", soft_wrap=True)
    for secret in tree.secrets:
        if secret.made_by == "hand":
            where = f"{secret.cluster}: the Secret {secret.name} in {secret.namespace}"
            to.print(f"[yellow]to do:[/] {where} has to be made by hand, with the key value", soft_wrap=True)
    for left in tree.left_out:
        to.print(f"[yellow]left out:[/] {escape(left.object)} of {left.release}: {escape(left.why)}", soft_wrap=True)


def _print_refused(refused: Sequence[str], day: str, *, as_json: bool) -> None:
    if as_json:
        print_json(SCHEMA, {"written": False, "refused": list(refused)})
        return
    to = console(stderr=True)
    to.print(f"nothing is written: on {day} rules refuse what a controller would apply")
    for each in refused:
        to.print(f"  [red]stop[/] {escape(each)}", soft_wrap=True)
    to.print("  [bold]to do:[/] causeway check tells more; an exception of the policy accepts a finding")
