"""The engine's gRPC messages and services, loaded without the rest of Pulumi's SDK.

The packages above the generated modules import all of `pulumi` (0.2 s and 44 MB, measured with 3.259.0), of which a
provider needs nothing. While the generated modules load, empty packages stand in for them; they are taken away again,
so that a process that needs the SDK as well imports it as usual.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

PACKAGES = ("pulumi", "pulumi.runtime", "pulumi.runtime.proto")


@contextmanager
def _without_the_sdk() -> Iterator[None]:
    spec = None if PACKAGES[0] in sys.modules else find_spec(PACKAGES[0])
    if spec is None or spec.origin is None:
        yield
        return
    top = Path(spec.origin).parents[1]
    for name in PACKAGES:
        package = ModuleType(name)
        package.__path__ = [str(top.joinpath(*name.split(".")))]
        sys.modules[name] = package
    try:
        yield
    finally:
        for name in PACKAGES:
            del sys.modules[name]


with _without_the_sdk():
    from pulumi.runtime.proto import engine_pb2 as engine
    from pulumi.runtime.proto import engine_pb2_grpc as engine_service
    from pulumi.runtime.proto import plugin_pb2 as plugin
    from pulumi.runtime.proto import provider_pb2 as provider
    from pulumi.runtime.proto import provider_pb2_grpc as provider_service
    from pulumi.runtime.proto import status_pb2 as status

__all__ = ["engine", "engine_service", "plugin", "provider", "provider_service", "status"]
