"""Waits for every resource, so that one that fails takes only what depends on it, and its traceback is not shown.

The SDK (3.259.0) gives up on the first resource whose dependency failed, with a traceback, and leaves registrations
that are still to come. Here all of them are waited for first; then the program ends with one sentence. It has to end
with an error: the engine would delete what was not registered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import pulumi
from pulumi import log
from pulumi.runtime.rpc_manager import RPCManager
from pulumi.runtime.settings import _get_rpc_manager
from pulumi.runtime.stack import ResourceRegistrationFailed

_TOLD = 32
"""PYTHON_PROCESS_EXITED_AFTER_SHOWING_USER_ACTIONABLE_MESSAGE_CODE of `pulumi-language-python-exec`."""


async def settle(resources: Sequence[pulumi.Resource]) -> None:
    """Wait until the engine has answered for each resource.

    Raises:
        SystemExit: some failed, or were left out since what they need failed. The engine tells why.
    """
    failed = [resource for resource in resources if not await _registered(resource)]
    if not failed:
        return
    await forget_failures(_get_rpc_manager())
    names = ", ".join(sorted(resource._name for resource in failed))  # noqa: SLF001 - the SDK has no public name
    give_up(f"not done: {names}. Each failure is told at its resource; what needs one that failed was left as it was.")


def give_up(text: str) -> NoReturn:
    """End the program with one message and nothing else.

    Raises:
        SystemExit: with the status by which the language host knows that the user was told what to do.
    """
    log.error(text)
    raise SystemExit(_TOLD)


async def _registered(resource: pulumi.Resource) -> bool:
    try:
        await resource.urn.future()
    except Exception:  # noqa: BLE001 - whatever it is, the engine has told it at the resource
        return False
    return True


async def forget_failures(manager: RPCManager) -> None:
    """Leave to the SDK only what went wrong in another way than a resource that failed or was left out.

    A registration that needed a failed resource ends a moment after that resource's answer is known: all of them are
    waited for, since one that ends later would be told with a traceback.

    Raises:
        Exception: what else went wrong in a call to the engine.
    """
    while manager.rpcs:
        with suppress(ResourceRegistrationFailed):
            await manager.rpcs.pop()
    await asyncio.sleep(0)  # the SDK notes a failure when it is next given its turn
    if isinstance(manager.unhandled_exception, ResourceRegistrationFailed):
        manager.clear()
