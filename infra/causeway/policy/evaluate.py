"""Runs every rule and makes findings of what they say: version, severity, place, exceptions, order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date

from causeway.capacity.money import CostReport
from causeway.capacity.offer import Capacity
from causeway.catalog import Catalog
from causeway.fleet.governance import PolicyException
from causeway.fleet.load import LoadedFleet
from causeway.policy import (
    coming,
    compatibility,
    data_classes,
    device_owners,
    export_records,
    images,
    lease_terms,
    malaysia,
    money,
    rollouts,
    secret_values,
    settings,
    shares,
    us_controls,
    vetting,
)
from causeway.policy.facts import Facts
from causeway.policy.findings import Draft, Finding, Severity
from causeway.policy.leaks import Hider
from causeway.policy.rulebook import Rule, Version, rulebook

Check = Callable[[Facts, Version], Iterable[Draft]]

CHECKS: Mapping[str, Check] = {
    "export-classification": export_records.classification,
    "us-3a090": us_controls.destination,
    "us-3a090-destinations": us_controls.other_destinations,
    "us-hq-guidance": us_controls.headquarters_test,
    "us-h20-letter": us_controls.h20_letter,
    "us-h200-policy": us_controls.h200_policy,
    "us-leased-remote-access": export_records.leased_remote_access,
    "us-remote-access-bill": export_records.remote_access_bill,
    "us-affiliates-50": export_records.affiliates,
    "us-ai-diffusion": export_records.ai_diffusion,
    "prc-chips-abroad": export_records.prc_chips_abroad,
    "my-site-record": malaysia.record,
    "my-sta-directive-1-2025": malaysia.moves,
    "cn-import-guidance": export_records.import_guidance,
    "third-party-vetting": vetting.third_parties,
    "domestic-share-minimum": shares.minimum,
    "domestic-share-target": shares.target,
    "data-classes": data_classes.data_classes,
    "external-upstream": data_classes.external_upstream,
    "lease-window": lease_terms.window,
    "lease-scheduling": lease_terms.scheduling,
    "budgets": money.budgets,
    "driver-compatibility": compatibility.driver_compatibility,
    "driver-end-of-life": compatibility.driver_end_of_life,
    "images-pinned": images.images_pinned,
    "device-resource-owner": device_owners.device_owners,
    "rollout-bearable": rollouts.bearable,
    "no-secret-values": secret_values.secret_values,
    "policy-settings": settings.policy_settings,
    "expired-acceptance": settings.expired_acceptance,
    "coming-events": coming.coming_events,
    "rule-set-age": settings.rule_set_age,
}
"""The function of each rule. A test holds the names equal to those of the rule book."""


def evaluate(
    loaded: LoadedFleet, catalog: Catalog, capacity: Capacity, cost: CostReport, on: date
) -> tuple[Finding, ...]:
    """Every rule's verdicts on a fleet on a day.

    Args:
        loaded: a fleet whose references were checked by loading it.
        catalog: the catalog with the fleet's own entries.
        capacity: the fleet's capacity.
        cost: the fleet's cost, for the budgets.
        on: the day that dated rules and ends see.

    Returns:
        Findings in the rule book's order, then by subject; what passed and what does not apply among them.
    """
    facts = Facts(loaded, catalog, capacity, cost, on)
    hider = Hider.of(facts.leaks)
    findings: list[Finding] = []
    for name, rule in rulebook().rules.items():
        made = [_finding(name, rule, draft, version, facts, hider) for version, draft in _drafts(name, rule, facts)]
        findings += sorted(made, key=lambda f: (f.subject, str(f.path), f.verdict, f.reason))
    return tuple(findings)


def _drafts(name: str, rule: Rule, facts: Facts) -> Iterator[tuple[Version, Draft]]:
    version = rule.on(facts.on)
    if version is None:
        first = rule.versions[0]
        reason = f"the rule holds from {first.since} on"
        yield first, Draft("not_applicable", "fleet", (), reason, clusters=facts.all_clusters)
        return
    for draft in CHECKS[name](facts, version):
        yield version, draft


def _finding(name: str, rule: Rule, draft: Draft, version: Version, facts: Facts, hider: Hider) -> Finding:
    open_verdict = draft.verdict in ("fail", "unknown")
    return Finding(
        rule=name,
        rule_version=version.since,
        verdict=draft.verdict,
        severity=_severity(name, rule, draft, facts),
        subject=hider.clean(draft.subject),
        clusters=draft.clusters,
        path=draft.path,
        where=facts.loaded.marks.at(draft.path),
        reason=hider.clean(draft.reason),
        fix=hider.clean(draft.fix or (rule.fix if open_verdict else "")),
        evidence={key: hider.clean(value) for key, value in draft.evidence.items()},
        accepted_by=_acceptance(name, draft.subject, facts, hider) if open_verdict else None,
        source=version.source,
    )


def _severity(name: str, rule: Rule, draft: Draft, facts: Facts) -> Severity:
    if draft.severity is not None:
        return draft.severity
    return rule.severity(draft.verdict, tightened=facts.fleet.policy.on_unknown.get(name) == "refuse")


def _acceptance(name: str, subject: str, facts: Facts, hider: Hider) -> PolicyException | None:
    """The exception that accepts a finding on the day, the one that lasts longest when there are several."""
    matching = [
        exception
        for exception in facts.fleet.policy.exceptions
        if exception.rule == name and exception.subject == subject and settings.counts(exception, facts.on)
    ]
    if not matching:
        return None
    best = max(matching, key=lambda exception: exception.expires)
    return best.model_copy(update={"reason": hider.clean(best.reason), "approved_by": hider.clean(best.approved_by)})
