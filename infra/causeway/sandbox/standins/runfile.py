"""Self-extracting `.run` files in the shape of makeself's: a shell header, then a gzipped tar."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from .archive import Entry, tar_gz
from .render import render

DIGITS = 8


def build(header: str, description: Mapping[str, str], entries: Iterable[Entry]) -> bytes:
    """A `.run` file.

    Args:
        header: the header's template; it gets @SKIP@, @SIZE@, @SHA256@ and @TITLE@.
        description: what becomes package.json beside the payload (`label` is the title).
        entries: the payload.
    """
    package = json.dumps(description, indent=2, sort_keys=True) + "\n"
    payload = tar_gz([*entries, Entry("package.json", package.encode())], prefix="")
    values = {
        "SIZE": str(len(payload)),
        "SHA256": hashlib.sha256(payload).hexdigest(),
        "TITLE": description["title"],
        "VERSION": description["version"],
    }
    # The number is padded, so that the header is as long with it as without.
    empty = render(header, {**values, "SKIP": " " * DIGITS}).encode()
    text = render(header, {**values, "SKIP": f"{len(empty):<{DIGITS}}"}).encode()
    return text + payload
