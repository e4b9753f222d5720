"""`python -m causeway.provider ADDRESS`: the plugin that the Pulumi engine starts."""

from __future__ import annotations

import asyncio
import os
import sys


def main() -> None:
    """Serve the engine whose address is the first argument."""
    # Children are started by exec alone; gRPC's own handlers around fork only write warnings.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from causeway.provider.kinds import KINDS  # noqa: PLC0415 - gRPC reads the environment when it is imported
    from causeway.provider.server import serve  # noqa: PLC0415

    asyncio.run(serve(KINDS, sys.argv[1] if len(sys.argv) > 1 else ""))


if __name__ == "__main__":
    main()
