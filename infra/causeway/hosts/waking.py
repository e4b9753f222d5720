"""Starts again on hosts what was stopped to free their devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from causeway.hosts.play import WAKE, HostEnd, play
from causeway.hosts.session import Session, Wave


def wake(session: Session, names: Sequence[str], wave: Wave) -> Mapping[str, HostEnd]:
    """Start the vendor's services of hosts, and tell how that ended for each.

    It runs although the rollout may be cancelled: a host without its vendor's services must not serve.
    """
    if not names or session.spec.resource is None:
        return dict.fromkeys(names, HostEnd("ok"))
    return play(session, dict.fromkeys(names, "none"), wave, playbook=WAKE, to_the_end=True).hosts
