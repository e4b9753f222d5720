"""What the SDK is left with when resources failed: nothing that it would tell with a traceback."""

from __future__ import annotations

import asyncio

import pytest
from pulumi.runtime.rpc_manager import RPCManager
from pulumi.runtime.stack import ResourceRegistrationFailed

from causeway.program.settle import forget_failures


async def begun(manager: RPCManager, error: Exception) -> None:
    """A call to the engine that is under way, and fails later."""

    async def fails() -> None:
        await asyncio.sleep(0.01)
        raise error

    task = asyncio.ensure_future(manager.do_rpc("register", fails)())
    while not manager.rpcs:
        await asyncio.sleep(0)
    manager.kept = task  # type: ignore[attr-defined] # or it would be collected


def test_registrations_that_fail_later_are_waited_for_and_forgotten() -> None:
    async def main() -> RPCManager:
        manager = RPCManager()  # type: ignore[no-untyped-call] # the SDK has no types there
        await begun(manager, ResourceRegistrationFailed("resource east/h20 failed to register"))
        await forget_failures(manager)
        await asyncio.sleep(0.05)
        return manager

    manager = asyncio.run(main())
    assert (manager.rpcs, manager.unhandled_exception) == ([], None)


def test_another_failure_is_told() -> None:
    async def main() -> None:
        manager = RPCManager()  # type: ignore[no-untyped-call] # the SDK has no types there
        await begun(manager, ValueError("a bug"))
        await forget_failures(manager)

    with pytest.raises(ValueError, match="a bug"):
        asyncio.run(main())
