"""The provider in this process, over real gRPC, as an engine would call it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from causeway.provider import service
from causeway.provider.model import Kind
from causeway.provider.protocol import engine_service, provider, provider_service, status
from causeway.provider.server import listen
from causeway.provider.values import to_python, to_struct

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
ANSWERS_WITHIN = 60


@dataclass
class Line:
    """A line of the engine's log."""

    text: str
    warning: bool
    ephemeral: bool


class Engine(engine_service.EngineServicer):
    """What the provider tells the engine."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def Log(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's form
        self.lines.append(Line(request.message, request.severity == 2, request.ephemeral))
        return Empty()


@dataclass
class Answer:
    """What a call gave: properties, or a partial failure's reasons."""

    outputs: dict[str, Any]
    reasons: list[str] = field(default_factory=list)


class Client:
    """Calls of an engine on one resource at a time."""

    def __init__(self, port: int, engine: Engine, stack: str = "sandbox.test") -> None:
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.stub = provider_service.ResourceProviderStub(self._channel)
        self.engine = engine
        self.stack = stack

    def urn(self, kind: str, name: str) -> str:
        return f"urn:pulumi:{self.stack}::project::{kind}::{name}"

    def configure(self, **values: Any) -> None:
        self.stub.Configure(provider.ConfigureRequest(args=to_struct(values)), timeout=ANSWERS_WITHIN)

    def check(self, urn: str, new: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> Any:
        request = provider.CheckRequest(urn=urn, news=to_struct(new), olds=to_struct(old or {}))
        return self.stub.Check(request, timeout=ANSWERS_WITHIN)

    def checked(self, urn: str, new: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> dict[str, Any]:
        answer = self.check(urn, new, old)
        assert not answer.failures, answer.failures
        return to_python(answer.inputs)

    def diff(self, urn: str, old: Mapping[str, Any], outputs: Mapping[str, Any], new: Mapping[str, Any]) -> Any:
        request = provider.DiffRequest(
            id="x", urn=urn, olds=to_struct(outputs), old_inputs=to_struct(old), news=to_struct(new)
        )
        return self.stub.Diff(request, timeout=ANSWERS_WITHIN)

    def create(self, urn: str, new: Mapping[str, Any], *, preview: bool = False) -> Answer:
        request = provider.CreateRequest(urn=urn, properties=to_struct(new), preview=preview)
        return self._answer(lambda: self.stub.Create(request, timeout=ANSWERS_WITHIN))

    def update(
        self,
        urn: str,
        old: Mapping[str, Any],
        outputs: Mapping[str, Any],
        new: Mapping[str, Any],
        *,
        preview: bool = False,
    ) -> Answer:
        request = provider.UpdateRequest(
            id="x",
            urn=urn,
            olds=to_struct(outputs),
            old_inputs=to_struct(old),
            news=to_struct(new),
            preview=preview,
        )
        return self._answer(lambda: self.stub.Update(request, timeout=ANSWERS_WITHIN))

    def read(self, urn: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> Answer:
        request = provider.ReadRequest(id="x", urn=urn, inputs=to_struct(inputs), properties=to_struct(outputs))
        return self._answer(lambda: self.stub.Read(request, timeout=ANSWERS_WITHIN))

    def delete(self, urn: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        request = provider.DeleteRequest(id="x", urn=urn, old_inputs=to_struct(inputs), properties=to_struct(outputs))
        self.stub.Delete(request, timeout=ANSWERS_WITHIN)

    def _answer(self, call: Any) -> Answer:
        try:
            return Answer(to_python(call().properties))
        except grpc.RpcError as error:
            packed = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
            if packed is None:
                raise
            found = status.Status.FromString(packed)
            detail = provider.ErrorResourceInitFailed()
            assert found.details[0].Unpack(detail)
            return Answer(to_python(detail.properties), list(detail.reasons))

    def close(self) -> None:
        self._channel.close()


@contextmanager
def running(kinds: Mapping[str, Kind], home: Path, environ: Mapping[str, str] | None = None) -> Iterator[Client]:
    """A provider that serves these kinds, and a client of it."""
    engine = Engine()
    listener = grpc.server(futures.ThreadPoolExecutor(2))
    engine_service.add_EngineServicer_to_server(engine, listener)
    address = f"127.0.0.1:{listener.add_insecure_port('127.0.0.1:0')}"
    listener.start()
    started: futures.Future[int] = futures.Future()

    async def serve() -> None:
        made = service.Service(kinds, address, {"CAUSEWAY_HOME": str(home), **(environ or {})}, lambda: NOW)
        server, port = await listen(made)
        started.set_result(port)
        await stop.wait()
        await server.stop(0)

    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    with futures.ThreadPoolExecutor(1) as pool:
        served = pool.submit(loop.run_until_complete, serve())
        client = Client(started.result(ANSWERS_WITHIN), engine)
        try:
            yield client
        finally:
            client.close()
            loop.call_soon_threadsafe(stop.set)
            served.result(ANSWERS_WITHIN)
            loop.close()
            listener.stop(0)
