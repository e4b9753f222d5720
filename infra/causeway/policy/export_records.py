"""The export rules that ask for records, and law that is pending, suspended or informal.

Records: classification, leases over the network, sites in Malaysia, PRC accelerators abroad.
"""

from __future__ import annotations

from collections.abc import Iterator

from causeway.policy.countries import EMBARGOED, any_holds
from causeway.policy.facts import Asset, Facts, headquarters
from causeway.policy.findings import Draft, Verdict
from causeway.policy.rulebook import Version, rulebook
from causeway.policy.us_controls import CHINA, US, about, out_of_scope
from causeway.policy.vetting import vetting_gap


def classification(facts: Facts, _version: Version) -> Iterator[Draft]:
    """export-classification: figures that decide nothing are told before any rule needs them."""
    for asset in facts.assets:
        own_country = asset.origin is not None and asset.origin == asset.country
        if own_country:
            yield about(asset, "not_applicable", f"of {asset.origin} origin, in its own country")
        elif asset.entry is None or asset.origin is None or asset.country is None:
            fix = f"Declare {asset.accelerator} and its vendor's country under `catalog`."
            yield about(asset, "unknown", "accelerator, vendor or location are not known", fix)
        elif asset.classification.bucket is None:
            reason = f"the figures of {asset.accelerator} do not decide its bucket, and unknown figures never pass"
            fix = f"Add dense TOPS and die area of {asset.accelerator} with their source under `catalog.accelerators`."
            yield about(asset, "unknown", reason, fix)
        else:
            yield about(asset, "pass", f"bucket {asset.classification.bucket}")


def prc_chips_abroad(facts: Facts, _version: Version) -> Iterator[Draft]:
    """prc-chips-abroad: General Prohibition 10 as guidance reads it."""
    for asset in facts.assets:
        if asset.origin is None or asset.country is None:
            yield about(
                asset, "unknown", "origin or location are not known", "Declare vendor and country under `catalog`."
            )
        elif asset.origin != CHINA:
            continue
        elif asset.country == CHINA:
            yield about(asset, "not_applicable", "of Chinese origin, in China")
        elif asset.classification.controlled is None:
            reason = f"whether {asset.accelerator} is of the 3A090 class is not decided by its figures"
            fix = f"Place the pool in China, or add the missing figures of {asset.accelerator} with their source."
            yield about(asset, "unknown", reason, fix)
        elif asset.classification.controlled:
            reason = f"{asset.accelerator} is of the {asset.classification.bucket} class and stands in {asset.country}"
            yield about(asset, "fail", reason, "Place the pool in China, or choose another accelerator.")
        else:
            yield about(asset, "pass", f"{asset.accelerator} is below the thresholds of 3A090")


def tenant_gaps(asset: Asset, facts: Facts) -> list[tuple[bool, str]]:
    """What a lease's record lacks: (True when it is wrong, False when it is missing; in words)."""
    lease = asset.lease
    if lease is None:
        return [(False, "no lease is on record")]
    gaps: list[tuple[bool, str]] = []
    tenant = facts.party(lease.tenant)
    if tenant is None:
        gaps.append((False, "the tenant is not recorded"))
    elif tenant.ultimate_parent is None:
        gaps.append((False, f"the ultimate parent of tenant {lease.tenant} is not recorded"))
    statement = lease.end_use_statement
    if statement is None:
        gaps.append((False, "no end-use statement is attached"))
    elif not statement.evidence.strip():
        gaps.append((False, "the end-use statement names no evidence"))
    elif statement.signed_on > facts.on:
        gaps.append((True, f"the end-use statement is signed only on {statement.signed_on}"))
    return gaps


def by_gaps(asset: Asset, rule: str, gaps: list[tuple[bool, str]], complete: str, **evidence: str) -> Draft:
    """A draft of what a record lacks, as `tenant_gaps` tells it: fail when anything is wrong, unknown when missing."""
    if not gaps:
        return about(asset, "pass", complete, **evidence)
    verdict: Verdict = "fail" if any(wrong for wrong, _ in gaps) else "unknown"
    return about(asset, verdict, "; ".join(text for _, text in gaps), rulebook().rules[rule].fix, **evidence)


def statement_shown(asset: Asset) -> str:
    """The end-use statement for a finding."""
    statement = asset.lease.end_use_statement if asset.lease else None
    return f"{statement.evidence}, signed {statement.signed_on}" if statement else "none"


def leased_remote_access(facts: Facts, _version: Version) -> Iterator[Draft]:
    """us-leased-remote-access: whoever uses advanced accelerators of somebody else over the network is on record."""
    for asset in facts.assets:
        leased = asset.lease is not None or (asset.site is not None and asset.site.tenure != "owned")
        if not leased:
            continue
        decided = out_of_scope(asset)
        if decided:
            yield decided
        elif asset.classification.controlled is False:
            yield about(asset, "not_applicable", "below the thresholds of 3A090")
        elif asset.lease and asset.lease.access == "physical":
            yield about(
                asset, "not_applicable", "the lease hands the accelerators over: us-hq-guidance tests the tenant too"
            )
        else:
            gaps = tenant_gaps(asset, facts)
            if asset.site is None or facts.party(asset.site.owner) is None:
                gaps.append((False, "the owner is not recorded"))
            shown = {
                "access": asset.lease.access if asset.lease else "unknown",
                "end_use_statement": statement_shown(asset),
            }
            yield by_gaps(asset, "us-leased-remote-access", gaps, "owner, tenant and end use are on record", **shown)


def import_guidance(facts: Facts, version: Version) -> Iterator[Draft]:
    """cn-import-guidance: informal orders, which no record can settle, so each site answers for itself."""
    held: dict[str, list[str]] = {}
    for asset in facts.assets:
        if asset.country == CHINA and asset.origin != CHINA:
            held.setdefault(asset.site_name, []).append(asset.accelerator)
    for name, accelerators in held.items():
        subject, path, clusters = f"site/{name}", ("sites", name), facts.clusters_at.get(name, ())
        shown = {"accelerators": ", ".join(dict.fromkeys(accelerators)), "status": version.status}
        fix = rulebook().rules["cn-import-guidance"].fix
        yield Draft("unknown", subject, path, f"{version.says} Status: {version.status}.", fix, clusters, shown)


def remote_access_bill(facts: Facts, version: Version) -> Iterator[Draft]:
    """us-remote-access-bill: which leases it would touch."""
    for name, lease in facts.fleet.leases.items():
        if lease.access != "remote" or facts.origin(lease.accelerator) not in (US, None):
            continue
        tenant = facts.party(lease.tenant)
        touched = any_holds(EMBARGOED, headquarters(tenant), facts.on)
        path, clusters = ("leases", name), facts.clusters_of_lease(name)
        if touched is False:
            reason = "the tenant and its ultimate parent are headquartered outside D:5 and Macau"
            yield Draft("not_applicable", f"lease/{name}", path, reason, clusters=clusters)
        else:
            fix = rulebook().rules["us-remote-access-bill"].fix
            yield Draft("unknown", f"lease/{name}", path, f"{version.says} Status: {version.status}.", fix, clusters)


def affiliates(facts: Facts, version: Version) -> Iterator[Draft]:
    """us-affiliates-50: what is known of each third party, and what the rule's status is on the day."""
    for name, held in facts.roles.items():
        party = facts.party(name)
        if party is not None and party.own:
            continue
        clusters = tuple(dict.fromkeys(cluster for role in held for cluster in role.clusters))
        subject, path = f"party/{name}", ("parties", name)
        if version.status == "suspended":
            yield Draft("not_applicable", subject, path, version.says, clusters=clusters)
            continue
        fix = rulebook().rules["us-affiliates-50"].fix
        gap = vetting_gap(party, facts.on)
        if version.status == "in_force" and gap is None:
            yield Draft("pass", subject, path, "the party and its ultimate parent are cleared", clusters=clusters)
        else:
            reason = version.says if gap is None else f"{version.says} Besides, {gap.reason}."
            yield Draft("unknown", subject, path, reason, fix, clusters)


def ai_diffusion(facts: Facts, version: Version) -> Iterator[Draft]:
    """us-ai-diffusion: told while it is not enforced, unknown while it was."""
    path = ("sites",)
    if version.status == "in_force":
        fix = "Have counsel read the rule for the sites outside the United States."
        yield Draft("unknown", "fleet", path, version.says, fix, facts.all_clusters)
    else:
        yield Draft("not_applicable", "fleet", path, version.says, clusters=facts.all_clusters)
