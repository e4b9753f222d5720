"""The rules for accelerators in Malaysia: a complete record of who is involved, and permits for what leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from causeway.policy.countries import EMBARGOED, any_holds
from causeway.policy.export_records import by_gaps, statement_shown, tenant_gaps
from causeway.policy.facts import Asset, Facts, headquarters
from causeway.policy.findings import Draft
from causeway.policy.rulebook import Version, rulebook
from causeway.policy.us_controls import US, about, out_of_scope

MALAYSIA = "MY"


def record(facts: Facts, _version: Version) -> Iterator[Draft]:
    """my-site-record: owner, operator, their parents and the tenant of advanced US-origin accelerators in Malaysia."""
    for asset in facts.assets:
        if asset.country != MALAYSIA:
            continue
        decided = out_of_scope(asset)
        if decided:
            yield decided
        elif asset.classification.controlled is False:
            yield about(asset, "not_applicable", "below the thresholds of 3A090")
        else:
            gaps = [*_party_gaps(asset, facts), *_tenant_apart(asset, facts)]
            complete = (
                "owner, operator, their parents, tenant and end use are on record, and none of the first is of D:5"
            )
            yield by_gaps(asset, "my-site-record", gaps, complete, **_parties_shown(asset, facts))


def _party_gaps(asset: Asset, facts: Facts) -> list[tuple[bool, str]]:
    answers = rulebook().rules["my-site-record"].answered_by
    licence = any(a.rule in answers and a.id.strip() and facts.on <= a.valid_until for _, a in asset.authorisations)
    gaps: list[tuple[bool, str]] = []
    for role, name in (("owner", asset.site and asset.site.owner), ("operator", asset.site and asset.site.operator)):
        party = facts.party(name or None)
        if party is None:
            gaps.append((False, f"the {role} is not recorded"))
            continue
        if party.ultimate_parent is None:
            gaps.append((False, f"the ultimate parent of {role} {name} is not recorded"))
        embargoed = any_holds(EMBARGOED, headquarters(party), facts.on)
        if embargoed and not licence:
            gaps.append(
                (True, f"{role} {name} or its ultimate parent is headquartered in D:5 or Macau, without a licence")
            )
        elif embargoed is None and party.ultimate_parent is not None:
            gaps.append((False, f"the country group of {role} {name} or its ultimate parent was not verified"))
    return gaps


def _tenant_apart(asset: Asset, facts: Facts) -> list[tuple[bool, str]]:
    gaps = tenant_gaps(asset, facts)
    lease, site = asset.lease, asset.site
    if lease and lease.access != "remote":
        gaps.append((True, "the tenant's access is not remote"))
    if lease and site and lease.tenant in (site.owner, site.operator):
        gaps.append((True, f"tenant {lease.tenant} is not recorded apart from owner and operator"))
    return gaps


def _parties_shown(asset: Asset, facts: Facts) -> dict[str, str]:
    site, lease = asset.site, asset.lease
    named = {
        "owner": site.owner if site else None,
        "operator": site.operator if site else None,
        "tenant": lease.tenant if lease else None,
    }
    shown = {"access": lease.access if lease else "unknown", "end_use_statement": statement_shown(asset)}
    for role, name in named.items():
        own, parent = headquarters(facts.party(name))
        shown[role] = (
            f"{name or 'not recorded'}, headquarters {own or 'unknown'}, ultimate parent {parent or 'unknown'}"
        )
    return shown


def moves(facts: Facts, _version: Version) -> Iterator[Draft]:
    """my-sta-directive-1-2025: a declaration holds no moves, so a site is reminded, and a retired host asked about."""
    for name, site in facts.fleet.sites.items():
        here = [asset for asset in facts.assets if asset.site_name == name and asset.origin in (US, None)]
        if site.country != MALAYSIA or not here:
            continue
        told = [draft for asset in here if (draft := _retired(asset, facts)) is not None]
        yield from told
        if not told:
            reason = "no host here is retired; taking an accelerator out of Malaysia, a failed one too, needs a permit"
            clusters = facts.clusters_at.get(name, ())
            yield Draft("not_applicable", f"site/{name}", ("sites", name), reason, clusters=clusters)


def _retired(asset: Asset, facts: Facts) -> Draft | None:
    """What is said of a pool with retired hosts: where their accelerators went is not declared."""
    if asset.classification.controlled is False or asset.path[0] != "clusters":
        return None
    gone = facts.loaded.hosts.pool(str(asset.path[1]), str(asset.path[3])).retired
    if not gone:
        return None
    answers = rulebook().rules["my-sta-directive-1-2025"].answered_by
    permits = [a for _, a in asset.authorisations if a.rule in answers and a.id.strip() and facts.on <= a.valid_until]
    shown = {"retired": ", ".join(gone), "permit": ", ".join(a.id for a in permits) or "none"}
    if permits:
        return about(asset, "pass", f"a permit covers what leaves Malaysia until {permits[0].valid_until}", **shown)
    reason = f"{len(gone)} hosts are retired ({', '.join(list(gone)[:5])}): whether they leave Malaysia is not declared"
    draft = about(asset, "unknown", reason, rulebook().rules["my-sta-directive-1-2025"].fix, **shown)
    return replace(draft, path=("host_overrides", next(iter(gone))))
