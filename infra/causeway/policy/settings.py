"""The policy's own settings: rules that exist, stricter and never looser, exceptions and approvals that still count."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from causeway.fleet.governance import PolicyException
from causeway.fleet.leases import Authorisation
from causeway.fleet.problems import nearest
from causeway.policy.facts import Facts
from causeway.policy.findings import Draft, Path
from causeway.policy.rulebook import Version, rulebook


def counts(exception: PolicyException, on: date) -> bool:
    """Whether an exception accepts anything on a day: it has not run out, and it says who approved it and why."""
    return on <= exception.expires and bool(exception.approved_by.strip()) and bool(exception.reason.strip())


def policy_settings(facts: Facts, _version: Version) -> Iterator[Draft]:
    """policy-settings: `on_unknown` and what exceptions name."""
    rules, clusters = rulebook().rules, facts.all_clusters
    path: Path
    for name, wanted in facts.fleet.policy.on_unknown.items():
        subject, path = f"policy/on_unknown/{name}", ("policy", "on_unknown", name)
        if name not in rules:
            yield Draft("fail", subject, path, f"there is no rule {name}", _rule_meant(name), clusters)
        elif wanted == "warn" and rules[name].on_unknown == "stop":
            reason = f"{name} stops on missing data, and a fleet cannot loosen that; the setting is ignored"
            yield Draft("fail", subject, path, reason, "Remove it, and accept single findings by exceptions.", clusters)
        else:
            yield Draft("pass", subject, path, f"on missing data {name} is set to {wanted}", clusters=clusters)
    for index, exception in enumerate(facts.fleet.policy.exceptions):
        subject, path = f"policy/exceptions/{index}", ("policy", "exceptions", index)
        if exception.rule not in rules:
            reason = f"there is no rule {exception.rule}; the exception accepts nothing"
            yield Draft("fail", subject, path, reason, _rule_meant(exception.rule), clusters, severity="warn")
        elif not exception.approved_by.strip() or not exception.reason.strip():
            reason = "an exception needs an approver and a reason; this one accepts nothing"
            yield Draft("fail", subject, path, reason, "Write `approved_by` and `reason`.", clusters, severity="warn")
    for index, approval in enumerate(facts.fleet.policy.approvals):
        if not approval.approved_by.strip():
            subject, path = f"policy/approvals/{index}", ("policy", "approvals", index)
            reason = f"the approval to {approval.operation} {approval.subject} names nobody who gave it"
            yield Draft("fail", subject, path, reason, "Write `approved_by`.", clusters)
    yield from _authorisations(facts)


def _authorisations(facts: Facts) -> Iterator[Draft]:
    """Licences that answer no rule: the rule that was meant would say that none is declared."""
    holders: list[tuple[str, Path, tuple[Authorisation, ...], tuple[str, ...]]] = [
        (f"lease/{name}", ("leases", name), lease.authorisations, facts.clusters_of_lease(name))
        for name, lease in facts.fleet.leases.items()
    ]
    for cluster_name, cluster in facts.fleet.clusters.items():
        for name, pool in cluster.pools.items():
            path: Path = ("clusters", cluster_name, "pools", name)
            holders.append((f"{cluster_name}/{name}", path, pool.authorisations, (cluster_name,)))
    for subject, path, authorisations, clusters in holders:
        for index, each in enumerate(authorisations):
            if each.rule not in rulebook().rules:
                reason = f"there is no rule {each.rule}; the authorisation {each.id} answers nothing"
                place: Path = (*path, "authorisations", index, "rule")
                yield Draft("fail", subject, place, reason, _rule_meant(each.rule), clusters, severity="warn")


def _rule_meant(word: str) -> str:
    near = nearest(word, rulebook().rules)
    return f"Did you mean {near}? `causeway rules` lists them." if near else "Name one of `causeway rules`."


def expired_acceptance(facts: Facts, _version: Version) -> Iterator[Draft]:
    """expired-acceptance: what counts for nothing any more."""
    policy, clusters = facts.fleet.policy, facts.all_clusters
    for index, exception in enumerate(policy.exceptions):
        if exception.expires < facts.on:
            what = f"the exception for {exception.rule} on {exception.subject}"
            reason = f"{what}, approved by {exception.approved_by}, ran out on {exception.expires}; it accepts nothing"
            path = ("policy", "exceptions", index)
            yield Draft(
                "fail", f"policy/exceptions/{index}", path, reason, "Remove it, or have it approved again.", clusters
            )
    for index, approval in enumerate(policy.approvals):
        if approval.expires < facts.on:
            what = f"the approval to {approval.operation} {approval.subject}"
            reason = f"{what}, given by {approval.approved_by}, ran out on {approval.expires}; it allows nothing"
            path = ("policy", "approvals", index)
            yield Draft(
                "fail", f"policy/approvals/{index}", path, reason, "Remove it, or have it approved again.", clusters
            )


def rule_set_age(facts: Facts, _version: Version) -> Iterator[Draft]:
    """rule-set-age: how far the day is from the rule set's."""
    book = rulebook()
    age = (facts.on - book.date).days
    if age > book.review_after_days:
        reason = f"the rule set is of {book.date}, {age} days before {facts.on}"
        yield Draft("unknown", "fleet", (), reason, book.rules["rule-set-age"].fix, facts.all_clusters)
    else:
        yield Draft("pass", "fleet", (), f"the rule set is of {book.date}", clusters=facts.all_clusters)
