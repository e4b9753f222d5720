"""The provider's process: listens on loopback, tells its port, and ends with the engine that started it.

At a normal end the engine sends Cancel, then SIGINT, and kills five seconds later. An engine that was killed sends
nothing: a change of the parent process is taken for it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping

import grpc.aio

from causeway.provider.model import Kind
from causeway.provider.protocol import provider_service
from causeway.provider.service import Service

WATCH_SECONDS = 0.5
_MESSAGE_BYTES = 400 * 1024 * 1024
"""The engine's own limit: https://github.com/pulumi/pulumi, sdk/go/common/util/rpcutil."""
_OPTIONS = [
    ("grpc.max_receive_message_length", _MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
]


async def listen(service: Service) -> tuple[grpc.aio.Server, int]:
    """A running server on a free port of the loopback interface, and the port."""
    server = grpc.aio.server(options=_OPTIONS)
    provider_service.add_ResourceProviderServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, port


async def serve(kinds: Mapping[str, Kind], address: str) -> None:
    """Serve one engine until it ends.

    Args:
        kinds: kinds of resources by type.
        address: the engine's address.
    """
    service = Service(kinds, address)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    server, port = await listen(service)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    watch = asyncio.create_task(_watch_parent(ended))
    await ended.wait()
    watch.cancel()
    service.cancel()
    await service.settle()
    await server.stop(grace=0)


async def _watch_parent(ended: asyncio.Event) -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(WATCH_SECONDS)
    ended.set()
