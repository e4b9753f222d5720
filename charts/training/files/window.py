"""Keeps a training job within its days. `check` runs before a host's processes start, `end` once, after the last day.

check: exit status 0 inside the window, 75 before its first day (the Job tries again later), 76 after its last one.
end: gives the Job a deadline that has passed, so that Kubernetes stops its pods (with their grace period) and marks it
failed with the reason DeadlineExceeded. A job that waits in a queue counts no time; `check` stops it when it starts.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import urllib.request
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

TOO_EARLY, TOO_LATE = 75, 76
ACCOUNT = Path(os.environ.get("SERVICE_ACCOUNT_DIR", "/var/run/secrets/kubernetes.io/serviceaccount"))


DAYS: dict[str, Any] = json.loads((Path(__file__).parent / "window.json").read_text("utf-8"))


def today() -> date:
    """The day at the job's site."""
    return datetime.now(timezone(timedelta(hours=DAYS["utc_offset_hours"]))).date()


def day(name: str) -> date | None:
    """A day that the chart gave; None when it gave none."""
    return date.fromisoformat(DAYS[name]) if DAYS[name] else None


def check(on: date) -> tuple[int, str]:
    """Whether a host may start to work on a day."""
    first, last, lease = day("starts_on"), day("ends_on"), day("last_scheduling_day")
    if first and on < first:
        return TOO_EARLY, f"today is {on}, this job starts on {first}"
    if last and on > last:
        return TOO_LATE, f"today is {on}, this job ended on {last}"
    if lease and on > lease:
        return TOO_LATE, f"today is {on}, the lease takes nothing new after {lease}"
    return 0, f"today is {on}: inside the job's days"


def end(on: date) -> tuple[int, str]:
    """Stop the Job when its last day is over."""
    last = day("ends_on")
    if last is None or on <= last:
        return 0, f"today is {on}, this job ends on {last}: nothing to do"
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    job, namespace = os.environ["JOB_NAME"], (ACCOUNT / "namespace").read_text("utf-8").strip()
    address = f"[{host}]" if ":" in host else host
    request = urllib.request.Request(
        f"https://{address}:{port}/apis/batch/v1/namespaces/{namespace}/jobs/{job}",
        data=json.dumps({"spec": {"activeDeadlineSeconds": 1}}).encode(),
        method="PATCH",
        headers={
            "Authorization": f"Bearer {(ACCOUNT / 'token').read_text('utf-8').strip()}",
            "Content-Type": "application/merge-patch+json",
        },
    )
    trust = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    with urllib.request.urlopen(request, context=trust, timeout=30):  # noqa: S310 - always https
        return 0, f"today is {on}, this job ended on {last}: the Job {job} is stopped"


if __name__ == "__main__":
    status, text = {"check": check, "end": end}[sys.argv[1]](today())
    print(text, flush=True)
    sys.exit(status)
