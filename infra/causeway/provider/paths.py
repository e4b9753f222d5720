"""Property paths as the engine reads them: `hosts["gpu-007.site-a"].variables`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

_BARE = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


def property_path(keys: Sequence[str | int]) -> str:
    """Keys from the top down; one that is no identifier stands in brackets and quotes, a position in brackets."""
    path = ""
    for key in keys:
        if isinstance(key, int):
            path += f"[{key}]"
        elif _BARE.fullmatch(key):
            path += f".{key}" if path else key
        else:
            path += f"[{json.dumps(key)}]"
    return path
