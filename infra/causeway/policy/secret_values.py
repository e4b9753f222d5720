"""No secret values in the declaration: tells where one stands, and never what it is."""

from __future__ import annotations

from collections.abc import Iterator

from causeway.policy.facts import Facts
from causeway.policy.findings import Draft
from causeway.policy.rulebook import Version, rulebook


def secret_values(facts: Facts, _version: Version) -> Iterator[Draft]:
    """no-secret-values: one finding for each place, or one that says that there is none."""
    found = facts.leaks
    if not found:
        yield Draft("pass", "fleet", (), "no text looks like a secret", clusters=facts.all_clusters)
        return
    fix = rulebook().rules["no-secret-values"].fix
    for leak in found:
        subject = ".".join(str(part) for part in leak.path) or "fleet"
        yield Draft(
            "fail", subject, leak.path, f"{leak.kind} stands here; its value is not shown", fix, facts.all_clusters
        )
