"""Waits until the engine beside it has no request left: the server's preStop hook.

Arguments: URL of the metrics, seconds to wait first, seconds to wait at most, then the metrics that count requests.
The first wait lets gateways and Services see that the pod is leaving. What does not answer has nothing to end.
"""

from __future__ import annotations

import sys
import time
import urllib.request


def left(url: str, names: tuple[str, ...]) -> float | None:
    """Requests that the engine has, or None when it does not answer."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - the chart's own address of this pod
            lines = answer.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return None
    samples = (line.rsplit(" ", 1) for line in lines if line.split("{")[0].split(" ")[0] in names)
    return sum(float(value) for _, value in samples)


def main(url: str, settle: str, limit: str, *names: str) -> None:
    """Return when nothing is left or the time is over."""
    deadline = time.monotonic() + float(limit)
    if left(url, names) is None:
        return
    time.sleep(min(float(settle), float(limit)))
    while left(url, names) and time.monotonic() < deadline:
        time.sleep(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
