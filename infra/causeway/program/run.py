"""The program of a stack: from the stack's name to its declared resources, or to one clear message.

`infra/__main__.py` calls `run`; a repository of one's own does the same (docs/program.md).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.invoke import invoke_async

from causeway.assets import project_folder
from causeway.errors import CausewayError, Permanent
from causeway.plan.fingerprint import Seal
from causeway.program import rendering
from causeway.program.document import Extent, StackDocument
from causeway.program.obstacles import judged, refusal, refusing, stopping
from causeway.program.register import Ready, register
from causeway.program.secret_values import Sources, values
from causeway.program.settings import day, secret_setting, setting
from causeway.program.settle import give_up, settle
from causeway.program.stacks import fleet_folder, read_document, stack_parts


def run() -> None:
    """Declare the stack that Pulumi selected. What is expected to go wrong is told without a traceback."""
    pulumi.run(_main)


async def _main() -> None:
    try:
        await settle(await _declare())
    except CausewayError as error:
        give_up(_told(error))


def _told(error: CausewayError) -> str:
    from causeway.policy.leaks import without_secrets  # noqa: PLC0415 - what goes well needs no patterns

    return without_secrets(str(error))


async def _declare() -> tuple[pulumi.Resource, ...]:
    stack = pulumi.get_stack()
    fleet, cluster = stack_parts(stack)
    folder = fleet_folder(fleet, setting("fleet"), project_folder(Path.cwd()), os.environ)
    on = day()
    document = read_document(folder, cluster, on, os.environ)
    if document.fleet != fleet:
        hint = f"name the stack {document.fleet}.{cluster}, or let causeway:fleet name the folder of {fleet}"
        reason = f"the stack is of the fleet {fleet}, and this folder declares {document.fleet}"
        raise Permanent("other-fleet", reason, where=str(folder), hint=hint)
    await _stop(document, stack)
    secrets = values(document.secrets, Sources(secret_setting, os.environ, folder, stack))
    key = setting("hmacKey")
    seal = Seal(key.encode() if key else None, secrets)
    ready = Ready(
        secrets={name: pulumi.Output.secret(value) for name, value in secrets.items()},
        rendered=rendering.rendered(document, folder, seal, os.environ),
        access=_access(document, secrets),
        today=on,
    )
    return register(document, ready)


async def _stop(document: StackDocument, stack: str) -> None:
    """Refuse what findings stop, before any resource is registered; tell what else they say."""
    pulumi.log.info(f"{judged(document)} (causeway check shows them)")
    stopped = stopping(document)
    if not stopped:
        return
    refused = refusing(document, await _before(stack, document.cluster))
    if refused:
        give_up(refusal(refused, stack))
    for each in stopped:
        pulumi.log.warn(f"was there before, nothing may extend it: {each.where}: [{each.rule}] {each.reason}")


async def _before(stack: str, cluster: str) -> dict[str, Extent]:
    """What the stack held after the last run, from its own state. Asked only when a finding stops something."""
    answer = await invoke_async(
        "pulumi:pulumi:readStackResourceOutputs",
        {"stackName": f"{pulumi.get_organization()}/{pulumi.get_project()}/{stack}"},
    )
    resources: Mapping[str, Any] = (answer or {}).get("outputs", {})
    for urn, resource in resources.items():
        if urn.endswith(f"$causeway:index:Cluster::{cluster}"):
            found = resource.get("outputs", {}).get("extents") or {}
            return {name: Extent(int(each["size"]), each["what"], each["versions"]) for name, each in found.items()}
    return {}


def _access(document: StackDocument, secrets: Mapping[str, str]) -> pulumi.Input[Mapping[str, Any]] | None:
    """How the provider reaches the cluster."""
    access = document.access
    if "context" in access:
        return {"context": access["context"]}
    if "secret" in access:
        return {"kubeconfig": pulumi.Output.secret(secrets[access["secret"]])}
    stack, _, output = access["stack_output"].partition("#")
    return {"kubeconfig": pulumi.Output.secret(pulumi.StackReference(stack).require_output(output))}
