"""A cluster that a program declares itself, with Outputs as arguments and without YAML: same plan, same rules."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path

import pulumi

from causeway import assets
from causeway.errors import CausewayError
from causeway.plan.fingerprint import Seal
from causeway.program import components, rendering
from causeway.program.arguments import ClusterArgs
from causeway.program.document import ReleaseDocument, StackDocument
from causeway.program.obstacles import judged, refusal, stopping
from causeway.program.outputs import StandIns, told
from causeway.program.register import Ready, Registered, register_below
from causeway.program.secret_values import Sources, values
from causeway.program.settings import day, secret_setting, setting


class Cluster(components.Cluster):
    """A Kubernetes cluster with its pools, its platform and its workloads.

    Args:
        name: of the cluster and its site.
        args: what it is made of.
        as_of: the day on which rules are read; default `causeway:asOf`, or today.

    Attributes:
        hosts: for each pool the state of its hosts, by name.

    Raises:
        pulumi.RunError: the arguments are wrong, or a rule stops what they ask for; nothing was registered.
    """

    hosts: Mapping[str, pulumi.Output[Mapping[str, str]]]

    def __init__(
        self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None, as_of: date | None = None
    ) -> None:
        try:
            document, ready = _prepared(name, args, as_of or day())
        except CausewayError as error:
            raise pulumi.RunError(told(str(error))) from None
        super().__init__(name, opts)
        _tell(document, self)
        made: Registered = register_below(self, document, ready)
        self.hosts = {pool: baseline.state for pool, baseline in made.pools.items()}
        self.resources = made.resources


def _tell(document: StackDocument, cluster: pulumi.Resource) -> None:
    pulumi.log.info(judged(document), cluster)
    for each in document.obstacles:
        if each.severity == "warn":
            pulumi.log.info(told(f"[{each.rule}] {each.subject}: {each.reason}"), cluster)


def _prepared(name: str, args: ClusterArgs, on: date) -> tuple[StackDocument, Ready]:
    from causeway.program.fleet_plan import planned  # noqa: PLC0415 - programs of YAML fleets rarely need it
    from causeway.program.stack_plan import document as stack_document  # noqa: PLC0415

    stand_ins = StandIns()
    declared = stand_ins.put(args.declared(name))
    with tempfile.TemporaryDirectory() as folder:
        # JSON is YAML: the declaration's own loader checks it, with its words and its hints
        Path(folder, "fleet.yaml").write_text(json.dumps(declared, indent=1), encoding="utf-8")
        playbooks = assets.playbooks_of(
            assets.fleet_of_stack(pulumi.get_stack(), setting("fleet"), Path.cwd(), os.environ)
        )
        document = stack_document(planned(Path(folder), on, "the program", playbooks), name)
        stopped = stopping(document)
        if stopped:
            raise pulumi.RunError(told(refusal(stopped, pulumi.get_stack())))
        secrets = values(document.secrets, Sources(secret_setting, os.environ, Path.cwd(), pulumi.get_stack()))
        key = setting("hmacKey")
        seal = Seal(key.encode() if key else None, secrets)
        rendered = rendering.rendered(document, Path(folder), seal, os.environ)
    access = {"kubeconfig": args.kubeconfig} if args.kubeconfig is not None else {"context": args.context or name}
    ready = Ready(
        secrets={each: pulumi.Output.secret(value) for each, value in secrets.items()},
        rendered={each: stand_ins.take(parts) for each, parts in rendered.items()},
        access=access,
        today=on,
    )
    return _with_outputs(document, stand_ins), ready


def _with_outputs(document: StackDocument, stand_ins: StandIns) -> StackDocument:
    whole = {**{name: getattr(document, name) for name in asdict(document)}}
    whole |= {"leases": stand_ins.take(document.leases), "pools": stand_ins.take(document.pools)}
    whole["releases"] = tuple(
        ReleaseDocument(
            each.name,
            each.kind,
            stand_ins.take(each.inputs),
            each.values,
            each.secrets,
            each.workload,
            each.pool,
            each.where,
        )
        for each in document.releases
    )
    return StackDocument(**whole)
