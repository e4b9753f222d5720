"""The gRPC service: unpacks the engine's requests, calls the kind of resource, packs its answer.

Protocol: https://github.com/pulumi/pulumi/blob/master/proto/pulumi/provider.proto
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct

from causeway import __version__
from causeway.assets import fleet_of_stack, home_root
from causeway.errors import CausewayError, Permanent
from causeway.provider import model
from causeway.provider.engine_log import ELSEWHERE, ON_A_TERMINAL, EngineLog, ResourceLog
from causeway.provider.model import Change, ChangeKind, Checked, Done, Kind, Settings
from causeway.provider.paths import property_path
from causeway.provider.protocol import plugin, provider, provider_service, status
from causeway.provider.semver import semantic
from causeway.provider.values import plain, to_python, to_struct

T = TypeVar("T")
_KINDS = {
    (ChangeKind.ADD, False): provider.PropertyDiff.ADD,
    (ChangeKind.ADD, True): provider.PropertyDiff.ADD_REPLACE,
    (ChangeKind.DELETE, False): provider.PropertyDiff.DELETE,
    (ChangeKind.DELETE, True): provider.PropertyDiff.DELETE_REPLACE,
    (ChangeKind.UPDATE, False): provider.PropertyDiff.UPDATE,
    (ChangeKind.UPDATE, True): provider.PropertyDiff.UPDATE_REPLACE,
}
_ALREADY_THERE = Permanent("internal", "this call ended")


class Service(provider_service.ResourceProviderServicer):
    """The provider.

    Args:
        kinds: kinds of resources by type.
        address: the engine's address; empty until it attaches.
        environ: the process's environment.
        now: the clock.
    """

    def __init__(
        self,
        kinds: Mapping[str, Kind],
        address: str = "",
        environ: Mapping[str, str] = os.environ,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._kinds = kinds
        self._environ = environ
        self._now = now
        self._settings = Settings()
        self._cancelled = threading.Event()
        self._log = EngineLog(address, ON_A_TERMINAL if _terminal(environ) else ELSEWHERE)
        self._running = 0

    def cancel(self) -> None:
        """Stop what runs at its next safe point."""
        self._cancelled.set()

    async def settle(self, poll: float = 0.05) -> None:
        """Wait until nothing runs."""
        while self._running:
            await asyncio.sleep(poll)

    # -- the process

    async def Handshake(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's form
        """The engine takes up the connection. A cancellation that ended an earlier one is forgotten."""
        self._cancelled.clear()
        self._attach(request.engine_address)
        return provider.ProviderHandshakeResponse(accept_secrets=True, accept_resources=False, accept_outputs=False)

    async def Attach(self, request: Any, context: Any) -> Empty:  # noqa: ARG002, N802
        """The engine takes up a provider that a debugger or a test started."""
        self._cancelled.clear()
        self._attach(request.address)
        return Empty()

    def _attach(self, address: str) -> None:
        if address:
            self._log.close()
            self._log = EngineLog(address, ON_A_TERMINAL if _terminal(self._environ) else ELSEWHERE)

    async def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        """The provider's version."""
        return plugin.PluginInfo(version=semantic(__version__))

    async def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        """The package's schema; the engine itself never asks for it."""
        from causeway.provider.package_schema import package_schema  # noqa: PLC0415 - only generators ask

        return provider.GetSchemaResponse(schema=package_schema(semantic(__version__)))

    async def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Take the stack's configuration of `causeway:`."""
        await self._guarded(context, lambda: self._configure(to_python(request.args)))
        return provider.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def _configure(self, args: Mapping[str, Any]) -> None:
        values = plain(args)
        key, as_of, fleet = values.get("hmacKey"), values.get("asOf"), values.get("fleet")
        try:
            day = date.fromisoformat(as_of) if isinstance(as_of, str) and as_of else None
        except ValueError as error:
            hint = "pulumi config set causeway:asOf 2026-11-22, or pulumi config rm causeway:asOf"
            raise Permanent("bad-day", f"causeway:asOf is {as_of!r}, which is no day", hint=hint) from error
        named = fleet if isinstance(fleet, str) and fleet else None
        self._settings = Settings(key.encode() if isinstance(key, str) and key else None, day, named)

    async def Cancel(self, request: Any, context: Any) -> Empty:  # noqa: ARG002, N802
        """Ctrl-C, and every normal end."""
        self.cancel()
        return Empty()

    # -- resources

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Judge and complete inputs."""
        old = to_python(request.olds) or None
        new = to_python(request.news)
        checked: Checked = await self._guarded(
            context, lambda: self._kind(request.urn).check(self._call(request.urn), old, new)
        )
        inputs = Struct()
        inputs.CopyFrom(request.news)
        inputs.MergeFrom(to_struct(checked.computed))
        failures = [provider.CheckFailure(property=name, reason=reason) for name, reason in checked.failures]
        return provider.CheckResponse(inputs=inputs, failures=failures)

    async def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        """What differs between state and program."""
        old, outputs, new = to_python(request.old_inputs), to_python(request.olds), to_python(request.news)
        changes = await self._guarded(
            context, lambda: self._kind(request.urn).diff(self._call(request.urn), old, outputs, new)
        )
        return _difference(changes)

    async def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Make a resource."""
        new = to_python(request.properties)
        done = await self._working(
            context, request.urn, lambda kind, call: kind.create(call, new, preview=request.preview)
        )
        identity = "" if request.preview else request.urn.rpartition("::")[2]
        if done.reasons:
            await _partly(context, identity, done)
        return provider.CreateResponse(id=identity, properties=to_struct(done.outputs))

    async def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Change a resource."""
        old, outputs, new = to_python(request.old_inputs), to_python(request.olds), to_python(request.news)
        done = await self._working(
            context, request.urn, lambda kind, call: kind.update(call, old, outputs, new, preview=request.preview)
        )
        if done.reasons:
            await _partly(context, request.id, done)
        return provider.UpdateResponse(properties=to_struct(done.outputs))

    async def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        """A resource as it is."""
        inputs, outputs = to_python(request.inputs), to_python(request.properties)
        if not inputs and not outputs:
            reason = (
                "a resource that exists outside of Pulumi is not imported: declare it, and `up` adopts what is right"
            )
            await _abort(context, Permanent("no-import", reason, subject=request.urn.rpartition("::")[2]))
        done = await self._working(context, request.urn, lambda kind, call: kind.read(call, inputs, outputs))
        stored = request.inputs if done.inputs is None else to_struct(done.inputs)
        if done.reasons:
            await _partly(context, request.id, done, stored)
        return provider.ReadResponse(id=request.id, properties=to_struct(done.outputs), inputs=stored)

    async def Delete(self, request: Any, context: Any) -> Empty:  # noqa: N802
        """Give a resource up."""
        inputs, outputs = to_python(request.old_inputs), to_python(request.properties)
        await self._working(context, request.urn, lambda kind, call: kind.delete(call, inputs, outputs))
        return Empty()

    # -- what is not offered

    async def _unimplemented(self, request: Any, context: Any) -> None:  # noqa: ARG002
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "the provider causeway does not offer this call")

    Parameterize: Any = _unimplemented
    CheckConfig: Any = _unimplemented
    DiffConfig: Any = _unimplemented
    Invoke: Any = _unimplemented
    Call: Any = _unimplemented
    List: Any = _unimplemented
    Construct: Any = _unimplemented
    GetMapping: Any = _unimplemented
    GetMappings: Any = _unimplemented

    # -- shared

    def _kind(self, urn: str) -> Kind:
        wanted = urn.split("::")[2].rpartition("$")[2]
        if wanted not in self._kinds:
            known = ", ".join(sorted(self._kinds))
            raise Permanent("unknown-type", f"there is no resource {wanted}", hint=f"there are {known}")
        return self._kinds[wanted]

    def _call(self, urn: str) -> model.Call:
        head, _, name = urn.rpartition("::")
        stack = head.split("::")[0].removeprefix("urn:pulumi:")
        fleet_dir = fleet_of_stack(stack, self._settings.fleet, Path.cwd(), self._environ)
        return model.Call(
            urn=urn,
            stack=stack,
            name=name,
            settings=self._settings,
            environ=self._environ,
            fleet_dir=fleet_dir,
            home=home_root(fleet_dir, self._environ),
            now=self._now,
            cancelled=self._cancelled.is_set,
            log=ResourceLog(self._log, urn),
        )

    async def _guarded(self, context: Any, work: Callable[[], T]) -> T:
        try:
            return work()
        except CausewayError as error:
            await _abort(context, error)
        raise _ALREADY_THERE

    async def _working(self, context: Any, urn: str, work: Callable[[Kind, model.Call], T]) -> T:
        self._running += 1
        try:
            return await asyncio.to_thread(work, self._kind(urn), self._call(urn))
        except CausewayError as error:
            await _abort(context, error)
        finally:
            self._running -= 1
        raise _ALREADY_THERE


def _terminal(environ: Mapping[str, str]) -> bool:
    """Whether the engine's display is a terminal: the engine's standard error is ours."""
    return sys.stderr.isatty() and not environ.get("CI")


def _difference(changes: Any) -> Any:
    found: list[Change] = list(changes)
    detailed = {
        property_path(change.path): provider.PropertyDiff(
            kind=_KINDS[change.kind, change.replaces], inputDiff=change.from_input
        )
        for change in found
    }
    return provider.DiffResponse(
        changes=provider.DiffResponse.DIFF_SOME if found else provider.DiffResponse.DIFF_NONE,
        hasDetailedDiff=True,
        detailedDiff=detailed,
        diffs=sorted({str(change.path[0]) for change in found}),
        replaces=sorted({str(change.path[0]) for change in found if change.replaces}),
    )


async def _abort(context: Any, error: CausewayError) -> None:
    code = grpc.StatusCode.FAILED_PRECONDITION if isinstance(error, Permanent) else grpc.StatusCode.UNAVAILABLE
    await context.abort(code, f"[{error.code}] {error}")


async def _partly(context: Any, identity: str, done: Done, inputs: Struct | None = None) -> None:
    """The resource is there, and not all of it is right: the engine keeps the outputs and plans it again."""
    detail = AnyMessage()
    detail.Pack(
        provider.ErrorResourceInitFailed(
            id=identity, properties=to_struct(done.outputs), reasons=list(done.reasons), inputs=inputs
        )
    )
    message = done.reasons[0]
    packed = status.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message, details=[detail])
    await context.abort(grpc.StatusCode.UNKNOWN, message, (("grpc-status-details-bin", packed.SerializeToString()),))
