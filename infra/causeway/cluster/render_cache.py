"""Keeps what was rendered: one file a rendering, named by the digest of what made it, written aside and renamed."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from causeway.cluster.model import Rendered

_MOST = 4000
"""Files kept; the reference fleet has a hundred releases."""


@dataclass(frozen=True, slots=True)
class RenderCache:
    """A folder of renderings. Losing it costs time and nothing else, so an unreadable file is as none."""

    folder: Path

    def get(self, key: str) -> Rendered | None:
        """What was kept under a key."""
        file = self._file(key)
        try:
            kept = json.loads(file.read_bytes())
            found = Rendered(kept["objects"], kept["hooks"], kept["crds"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        with suppress(OSError):
            os.utime(file)  # what is used is not swept
        return found

    def put(self, key: str, made: Rendered) -> None:
        """Keep a rendering. A folder that cannot be written is passed over."""
        text = json.dumps({"objects": made.objects, "hooks": made.hooks, "crds": made.crds}, separators=(",", ":"))
        file = self._file(key)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            handle, aside = tempfile.mkstemp(dir=file.parent, prefix=".new-")
            try:
                with os.fdopen(handle, "w") as sink:
                    sink.write(text)
                Path(aside).replace(file)
            except BaseException:
                Path(aside).unlink(missing_ok=True)
                raise
        except OSError:
            return

    def sweep(self) -> None:
        """Remove the half that was used longest ago, once there are too many."""
        files = sorted(self.folder.glob("*/*.json"), key=lambda each: each.stat().st_mtime)
        for file in files[: len(files) // 2] if len(files) > _MOST else ():
            file.unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"
