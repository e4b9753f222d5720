"""The share of domestic accelerators among those that stand in a country: a minimum and a target, both declared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from causeway.capacity.shares import domestic_share
from causeway.fleet.governance import DomesticShare
from causeway.policy.export import tpp
from causeway.policy.facts import Facts
from causeway.policy.findings import Draft
from causeway.policy.rulebook import Version, rulebook


@dataclass(frozen=True, slots=True)
class ShareSpan:
    """The least and the most that a share can be; None when there is nothing to share."""

    least: Fraction | None
    most: Fraction | None
    counted: str


def _share(asked: DomesticShare, facts: Facts) -> ShareSpan:
    if asked.measure == "compute":
        return _compute_share(asked.country, facts)
    share = domestic_share(facts.loaded, facts.catalog, facts.capacity, asked.country)
    counted = f"{share.domestic} domestic, {share.foreign} foreign, {share.unknown} of unknown origin"
    return ShareSpan(share.least, share.most, counted)


def _compute_share(country: str, facts: Facts) -> ShareSpan:
    """The share by total processing performance; a pool without figures leaves the share open."""
    low, high = {True: 0.0, False: 0.0}, {True: 0.0, False: 0.0}
    unknown: set[str] = set()
    for (cluster, _), pool in facts.capacity.pools.items():
        declared = facts.fleet.clusters[cluster]
        site = facts.fleet.sites.get(declared.site)
        if site is None or site.country != country or not pool.accelerator or not pool.installed:
            continue
        origin, entry = facts.origin(pool.accelerator), facts.catalog.accelerators.get(pool.accelerator)
        performance = tpp(entry.dense_tops) if entry else None
        if origin is None or performance is None or performance.high == float("inf"):
            unknown.add(pool.accelerator)
            continue
        low[origin == country] += performance.low * pool.installed
        high[origin == country] += performance.high * pool.installed
    if unknown:
        return ShareSpan(Fraction(0), Fraction(1), f"performance of {', '.join(sorted(unknown))} not known")
    counted = (
        f"{low[True]:.0f} to {high[True]:.0f} domestic, {low[False]:.0f} to {high[False]:.0f} foreign (performance)"
    )
    return ShareSpan(_part(low[True], high[False]), _part(high[True], low[False]), counted)


def _part(domestic: float, foreign: float) -> Fraction | None:
    return Fraction(domestic) / (Fraction(domestic) + Fraction(foreign)) if domestic + foreign else None


def _judge(facts: Facts, rule: str, what: str, wanted: float) -> Draft:
    asked = facts.fleet.policy.domestic_share
    if asked is None:
        return Draft(
            "not_applicable", "fleet", ("policy",), "no domestic share is declared", clusters=facts.all_clusters
        )
    share = _share(asked, facts)
    clusters = tuple(
        name for name, cluster in facts.fleet.clusters.items()
        if (site := facts.fleet.sites.get(cluster.site)) and site.country == asked.country
    )  # fmt: skip
    subject, path = f"country/{asked.country}", ("policy", "domestic_share")
    shown = {what: f"{wanted:.1%}", "measure": asked.measure, "counted": share.counted, "declared_source": asked.source}
    fix = rulebook().rules[rule].fix
    if share.least is None or share.most is None:
        reason = f"no accelerators stand in {asked.country}"
        return Draft("not_applicable", subject, path, reason, "", clusters, shown)
    limit, least, most = Fraction(str(wanted)), share.least, share.most
    told = f"{float(least):.1%}" if least == most else f"between {float(least):.1%} and {float(most):.1%}"
    if least >= limit:
        return Draft("pass", subject, path, f"the share is {told}, the {what} {wanted:.1%}", "", clusters, shown)
    if most < limit:
        return Draft(
            "fail", subject, path, f"the share is {told}, below the {what} of {wanted:.1%}", fix, clusters, shown
        )
    reason = f"the share is {told}: whether the {what} of {wanted:.1%} is reached is not known ({share.counted})"
    return Draft(
        "unknown", subject, path, reason, "Add the missing origins or figures under `catalog`.", clusters, shown
    )


def minimum(facts: Facts, _version: Version) -> Iterator[Draft]:
    """domestic-share-minimum."""
    asked = facts.fleet.policy.domestic_share
    yield _judge(facts, "domestic-share-minimum", "minimum", asked.minimum if asked else 0.0)


def target(facts: Facts, _version: Version) -> Iterator[Draft]:
    """domestic-share-target."""
    asked = facts.fleet.policy.domestic_share
    yield _judge(facts, "domestic-share-target", "target", asked.target if asked else 0.0)
