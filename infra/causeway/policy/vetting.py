"""Third parties: owner, operator, tenant and their ultimate parents are cleared by a check with evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from causeway.fleet.parties import Party, Vetting
from causeway.policy.facts import Facts, RoleHeld
from causeway.policy.findings import Draft
from causeway.policy.rulebook import Version


@dataclass(frozen=True, slots=True)
class Gap:
    """Why a party is not vetted: `fail` when a record says so, `unknown` when a record is missing."""

    verdict: Literal["fail", "unknown"]
    reason: str
    fix: str


def vetting_gap(party: Party | None, on: date) -> Gap | None:
    """What a third party's record lacks on a day; None when it is complete and clear."""
    if party is None:
        return Gap("unknown", "the party is not recorded", "Record it under `parties`.")
    if party.vetting is None:
        return Gap("unknown", "no vetting is recorded", "Have it checked and record the result under `vetting`.")
    gap = _bad_result(party.vetting, on)
    if gap:
        return gap
    if party.ultimate_parent is None:
        return Gap("unknown", "its ultimate parent is not recorded", "Record `ultimate_parent` with its headquarters.")
    missing = [who for who in ("party", "ultimate_parent") if who not in party.vetting.covers]
    if missing:
        words = " and ".join(missing).replace("_", " ")
        return Gap(
            "fail", f"the check does not cover the {words}", f"Have the {words} checked too, and add it to `covers`."
        )
    if not (party.vetting.evidence or "").strip():
        return Gap("unknown", "the check names no evidence", "Name where the evidence lies under `vetting.evidence`.")
    if not party.vetting.checked_by.strip():
        return Gap(
            "unknown",
            "the check names nobody who answers for it",
            "Name the team or person under `vetting.checked_by`.",
        )
    return None


def _bad_result(vetting: Vetting, on: date) -> Gap | None:
    if vetting.status == "refused":
        return Gap("fail", f"the check of {vetting.checked_on} refused it", "Choose another party.")
    if vetting.status == "pending":
        return Gap("unknown", "its check is pending", "Wait for the check, and record its result.")
    if vetting.checked_on > on:
        return Gap("fail", f"its check is dated {vetting.checked_on}, after this day", "Correct `checked_on`.")
    if on > vetting.valid_until:
        return Gap(
            "fail",
            f"its check ran out on {vetting.valid_until}",
            "Have it checked again and write the new `valid_until`.",
        )
    return None


def third_parties(facts: Facts, _version: Version) -> Iterator[Draft]:
    """third-party-vetting: every party that owns, operates or leases, and every site whose parties are not recorded."""
    for name, held in facts.roles.items():
        yield _judge(name, held, facts)
    for name, site in facts.fleet.sites.items():
        missing = [role for role, party in (("owner", site.owner), ("operator", site.operator)) if not party]
        if missing:
            yield Draft(
                "unknown",
                f"site/{name}",
                ("sites", name),
                f"the site's {' and '.join(missing)} {'are' if missing[1:] else 'is'} not recorded",
                "Name owner and operator.",
                facts.clusters_at.get(name, ()),
            )


def _judge(name: str, held: tuple[RoleHeld, ...], facts: Facts) -> Draft:
    party = facts.party(name)
    clusters = tuple(dict.fromkeys(cluster for role in held for cluster in role.clusters))
    subject, path = f"party/{name}", ("parties", name)
    shown = {"roles": ", ".join(f"{role.role} of {role.holder}" for role in held), **_record(party)}
    if party is not None and party.own:
        return Draft("not_applicable", subject, path, "one's own entity", "", clusters, shown)
    gap = vetting_gap(party, facts.on)
    if gap:
        where = (*path, "vetting") if party is not None and party.vetting else path
        return Draft(gap.verdict, subject, where, gap.reason, gap.fix, clusters, shown)
    until = party.vetting.valid_until if party and party.vetting else facts.on
    return Draft("pass", subject, path, f"party and ultimate parent are cleared until {until}", "", clusters, shown)


def _record(party: Party | None) -> dict[str, str]:
    if party is None:
        return {}
    parent, vetting = party.ultimate_parent, party.vetting
    shown = {"legal_name": party.legal_name, "ultimate_parent": parent.legal_name if parent else "not recorded"}
    if vetting:
        shown |= {
            "status": vetting.status,
            "covers": ", ".join(vetting.covers) or "nobody",
            "checked": f"{vetting.checked_on} by {vetting.checked_by}",
            "valid_until": str(vetting.valid_until),
            "evidence": vetting.evidence or "none named",
        }
    return shown
