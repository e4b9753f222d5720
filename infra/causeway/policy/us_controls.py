"""The licence rules on US-origin accelerators: where they stand, who holds them, and what a letter or a policy names.

Origin and location are decided first: these controls are not applicable to accelerators of another origin that stand in
their own country.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from causeway.policy.countries import EMBARGOED, RESTRICTED, any_holds, group
from causeway.policy.export import export_numbers, span
from causeway.policy.facts import Asset, Facts, headquarters
from causeway.policy.findings import Draft, Verdict
from causeway.policy.rulebook import Version, rulebook

US = "US"
CHINA = "CN"


def about(asset: Asset, verdict: Verdict, reason: str, fix: str = "", **evidence: str) -> Draft:
    """A draft on an asset, with what every export rule shows."""
    shown = {
        "accelerator": asset.accelerator,
        "origin": asset.origin or "unknown",
        "location": asset.country or "unknown",
        **asset.classification.evidence(),
        **evidence,
    }
    return Draft(verdict, asset.subject, asset.path, reason, fix, asset.clusters, shown)


def out_of_scope(asset: Asset) -> Draft | None:
    """The verdict where origin and location alone decide; None where the control on US-origin items applies."""
    if asset.origin is None or asset.country is None:
        missing = "origin" if asset.origin is None else "location"
        fix = f"Declare the vendor of {asset.accelerator} with its country under `catalog`."
        return about(asset, "unknown", f"the {missing} of {asset.accelerator} is not known", fix)
    if asset.origin == US:
        if asset.country == US:
            return about(asset, "not_applicable", "the accelerators stand in the United States")
        return None
    if asset.origin == asset.country:
        reason = f"{asset.accelerator} is of {asset.origin} origin and stands in {asset.country}, its own country"
        return about(asset, "not_applicable", reason)
    if asset.origin == CHINA:
        return about(asset, "not_applicable", "of Chinese origin outside China: prc-chips-abroad decides")
    if asset.classification.controlled is False:
        return about(asset, "pass", f"not of US origin, and below the thresholds: {_figures(asset)}")
    reason = f"{asset.accelerator} is of {asset.origin} origin: whether it is subject to the US rules is not recorded"
    return about(asset, "unknown", reason, "Have it classified, and record the answer as a licence or an exception.")


def _figures(asset: Asset) -> str:
    shown = asset.classification.evidence()
    return (
        f"total processing performance {shown['total_processing_performance']}, "
        f"performance density {shown['performance_density']}, bucket {shown['bucket']}"
    )


def licensed(asset: Asset, rule: str, facts: Facts, why: str, **evidence: str) -> Draft:
    """Pass with an unexpired authorisation that answers the rule, fail otherwise.

    Args:
        why: what makes a licence necessary, a clause.
    """
    answers = rulebook().rules[rule].answered_by
    named = [(path, a) for path, a in asset.authorisations if a.rule in answers and a.id.strip()]
    valid = [a for _, a in named if facts.on <= a.valid_until]
    if valid:
        best = max(valid, key=lambda a: (a.valid_until, a.id))
        shown = {
            "licence": best.id,
            "valid_until": str(best.valid_until),
            "licence_evidence": best.evidence or "not named",
        }
        return about(asset, "pass", f"{why}; licence {best.id} counts until {best.valid_until}", **evidence, **shown)
    if named:
        path, last = max(named, key=lambda each: (each[1].valid_until, each[1].id))
        return about(
            replace(asset, path=path),
            "fail",
            f"{why}, and licence {last.id} ran out on {last.valid_until}",
            f"Renew {last.id} and write its new `valid_until`.",
            **evidence,
            licence=last.id,
            valid_until=str(last.valid_until),
        )
    entry = f"{{id: ..., rule: {rule}, valid_until: ...}}"
    fix = f"Add `authorisations: [{entry}]` to the pool or its lease, or remove the pool."
    return about(asset, "fail", f"{why}, and no licence is declared", fix, **evidence, licence="none")


def _by_bucket(asset: Asset, rule: str, facts: Facts, why: str, **evidence: str) -> Draft:
    """The verdict where the place or the holder asks for a licence: the bucket says whether."""
    controlled = asset.classification.controlled
    if controlled is None:
        reason = f"{why}, and the figures of {asset.accelerator} do not decide its bucket ({_figures(asset)})"
        fix = f"Add the missing figures of {asset.accelerator} with their source under `catalog.accelerators`."
        return about(asset, "unknown", reason, fix, **evidence)
    if not controlled:
        return about(asset, "pass", f"below the thresholds of 3A090: {_figures(asset)}", **evidence)
    return licensed(asset, rule, facts, f"{why}, and {asset.accelerator} is {asset.classification.bucket}", **evidence)


def destination(facts: Facts, _version: Version) -> Iterator[Draft]:
    """us-3a090: the place where the accelerators stand."""
    listed = group(EMBARGOED)
    for asset in facts.assets:
        decided = out_of_scope(asset)
        if decided:
            yield decided
            continue
        country = str(asset.country)
        shown = {"country_group": f"{listed.title}, as read on {listed.version}"}
        match listed.holds(country, facts.on):
            case False:
                yield about(
                    asset, "not_applicable", f"{country} is outside D:5 and Macau; us-hq-guidance decides", **shown
                )
            case True:
                yield _by_bucket(asset, "us-3a090", facts, f"{country} is in D:5 or is Macau", **shown)
            case None:
                yield _unlisted(asset, country, **shown)


def _unlisted(asset: Asset, country: str, **evidence: str) -> Draft:
    if asset.classification.controlled is False:
        return about(asset, "pass", f"below the thresholds of 3A090: {_figures(asset)}", **evidence)
    reason = f"whether {country} is in the country group was not verified"
    return about(asset, "unknown", reason, "Record counsel's reading as an exception with its end.", **evidence)


def other_destinations(facts: Facts, _version: Version) -> Iterator[Draft]:
    """us-3a090-destinations: Country Groups D:1 and D:4, site by site, since it is the country that is not verified."""
    listed = group(RESTRICTED)
    held: dict[str, list[Asset]] = {}
    for asset in facts.assets:
        if asset.country and out_of_scope(asset) is None and asset.classification.controlled is not False:
            held.setdefault(asset.site_name, []).append(asset)
    for name, assets in held.items():
        country = str(assets[0].country)
        subject, path, clusters = f"site/{name}", ("sites", name), facts.clusters_at.get(name, ())
        shown = {
            "country_group": f"{listed.title}, as read on {listed.version}",
            "location": country,
            "accelerators": ", ".join(dict.fromkeys(asset.accelerator for asset in assets)),
        }
        if group(EMBARGOED).holds(country, facts.on):
            reason = f"{country} is in D:5 or is Macau; us-3a090 decides"
            yield Draft("not_applicable", subject, path, reason, "", clusters, shown)
            continue
        match listed.holds(country, facts.on):
            case False:
                reason = f"{country} is outside D:1 and D:4, or also in A:5 or A:6"
                yield Draft("not_applicable", subject, path, reason, "", clusters, shown)
            case True:
                for asset in assets:
                    why = f"{country} is in D:1 or D:4, or named beside them"
                    yield _by_bucket(asset, "us-3a090-destinations", facts, why, **shown)
            case None:
                reason = f"whether {country} is in D:1 or D:4 was not verified"
                fix = "Record counsel's reading of the country groups as an exception with its end."
                yield Draft("unknown", subject, path, reason, fix, clusters, shown)


def holders(asset: Asset, facts: Facts) -> dict[str, tuple[str | None, str | None]]:
    """Countries of headquarters (own, ultimate parent) of who holds the accelerators, by what they are.

    The owner always does; the tenant does where the lease hands the accelerators over, and nobody knows where capacity
    that is not one's own has no lease on record.
    """
    owner = asset.site.owner if asset.site else None
    found = {f"owner {owner or 'not recorded'}": headquarters(facts.party(owner))}
    if asset.lease and asset.lease.access == "physical":
        found[f"tenant {asset.lease.tenant}"] = headquarters(facts.party(asset.lease.tenant))
    if asset.lease is None and (asset.lease_name or (asset.site and asset.site.tenure != "owned")):
        found["tenant not recorded"] = (None, None)
    return found


def holder_evidence(who: dict[str, tuple[str | None, str | None]]) -> dict[str, str]:
    """Headquarters for a finding."""
    return {
        name.split(" ")[
            0
        ]: f"{name.split(' ', 1)[1]}, headquarters {own or 'unknown'}, ultimate parent {parent or 'unknown'}"
        for name, (own, parent) in who.items()
    }


def headquarters_test(facts: Facts, version: Version) -> Iterator[Draft]:
    """us-hq-guidance: who holds the accelerators, wherever outside the United States they stand."""
    for asset in facts.assets:
        decided = out_of_scope(asset)
        if decided:
            yield decided
            continue
        who = holders(asset, facts)
        shown = {**holder_evidence(who), "tested_as": version.says}
        match any_holds(EMBARGOED, [country for pair in who.values() for country in pair], facts.on):
            case False:
                yield about(
                    asset, "pass", "no holder is headquartered in D:5 or Macau, nor its ultimate parent", **shown
                )
            case True:
                why = "a holder or its ultimate parent is headquartered in D:5 or Macau"
                yield _by_bucket(asset, "us-hq-guidance", facts, why, **shown)
            case None if asset.classification.controlled is False:
                yield about(asset, "pass", f"below the thresholds of 3A090: {_figures(asset)}", **shown)
            case None:
                fix = "Record owner and ultimate parent with `headquarters`, or counsel's reading as an exception."
                yield about(
                    asset, "unknown", "the headquarters of a holder or its ultimate parent are not known", fix, **shown
                )


def h20_letter(facts: Facts, _version: Version) -> Iterator[Draft]:
    """us-h20-letter: a licence although the figures lie below the thresholds."""
    for asset in facts.assets:
        if asset.accelerator not in export_numbers().letter.accelerators:
            continue
        decided = out_of_scope(asset)
        if decided:
            yield decided
            continue
        who = holders(asset, facts)
        countries = [asset.country, *(country for pair in who.values() for country in pair)]
        shown = holder_evidence(who)
        match any_holds(EMBARGOED, countries, facts.on):
            case False:
                yield about(asset, "not_applicable", "neither the place nor a holder is in D:5 or Macau", **shown)
            case True:
                why = "a letter asks for a licence for this accelerator in D:5 or Macau, or for holders from there"
                yield licensed(asset, "us-h20-letter", facts, why, **shown)
            case None:
                fix = "Record owner and ultimate parent with `headquarters`."
                yield about(
                    asset, "unknown", "the headquarters of a holder or its ultimate parent are not known", fix, **shown
                )


def h200_policy(facts: Facts, version: Version) -> Iterator[Draft]:
    """us-h200-policy: a licence that names this policy has to lie within its limits."""
    limits = export_numbers().case_by_case
    for asset in facts.assets:
        named = any(a.rule == "us-h200-policy" for _, a in asset.authorisations)
        decided = out_of_scope(asset)
        if decided:
            if named:
                yield decided
            continue
        if not named and asset.country not in limits.countries:
            continue
        if not named:
            yield about(asset, "not_applicable", "no licence under this policy is named; us-3a090 decides")
        elif asset.country not in limits.countries:
            reason = f"the policy covers exports from the United States to {' and '.join(limits.countries)} only"
            yield about(asset, "fail", reason, "Name the rule under which the licence was granted.")
        else:
            yield _within_limits(asset, facts, version)


def _within_limits(asset: Asset, facts: Facts, version: Version) -> Draft:
    limits = export_numbers().case_by_case
    performance = asset.classification.performance
    bandwidth = span(asset.entry.bandwidth_gb_s) if asset.entry else None
    limit = f"below {limits.tpp_below:g} and below {limits.memory_bandwidth_gb_s_below:g} GB/s, from {version.since}"
    shown = {"memory_bandwidth_gb_s": str(bandwidth or "unknown"), "limits": limit}
    if performance is None or bandwidth is None:
        fix = f"Add the missing figures of {asset.accelerator} with their source under `catalog.accelerators`."
        return about(asset, "unknown", "performance or memory bandwidth is not known", fix, **shown)
    if performance.low >= limits.tpp_below or bandwidth.low >= limits.memory_bandwidth_gb_s_below:
        reason = f"above the limits of the case-by-case review ({limit}): presumed denied"
        return about(asset, "fail", reason, "Choose an accelerator within the limits.", **shown)
    if performance.high >= limits.tpp_below or bandwidth.high >= limits.memory_bandwidth_gb_s_below:
        return about(
            asset, "unknown", "the figures do not say whether it lies within the limits", "Settle the figures.", **shown
        )
    return licensed(asset, "us-h200-policy", facts, f"within the case-by-case review ({limit})", **shown)
