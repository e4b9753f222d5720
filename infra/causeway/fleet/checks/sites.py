"""Checks of parties and sites: who owns and operates, time zones, mirrors, what a rented cluster cannot have."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

from causeway.fleet.checks.context import Checked, check_url
from causeway.fleet.places import Path
from causeway.fleet.problems import listed, nearest
from causeway.fleet.sites import Site


def check_parties_and_sites(checked: Checked) -> None:
    """Check every party and every site."""
    for name, party in checked.fleet.parties.items():
        vetting = party.vetting
        if vetting and vetting.valid_until < vetting.checked_on:
            reason = f"the vetting ends on {vetting.valid_until}, before it was done on {vetting.checked_on}"
            checked.wrong("dates", ("parties", name, "vetting", "valid_until"), reason, "exchange or correct the days")
    for name, site in checked.fleet.sites.items():
        _site(checked, site, ("sites", name))


def _site(checked: Checked, site: Site, path: Path) -> None:
    for role, party in (("owner", site.owner), ("operator", site.operator)):
        if party is None:
            verb = "owns" if role == "owner" else "operates"
            hint = f"add {role}: the party that {verb} the hosts; parties: {listed(checked.fleet.parties)}"
            checked.wrong("missing-field", (*path, role), f"the site has no {role}", hint)
        else:
            checked.party(party, (*path, role))
    if site.time_zone not in _zones():
        near = nearest(site.time_zone, sorted(_zones()))
        hint = f"did you mean {near}?" if near else "write a name of the IANA time zones, such as Asia/Shanghai"
        hint = hint if _zones() else "this machine has no time zone data: pip install tzdata"
        checked.wrong("unknown-time-zone", (*path, "time_zone"), f'there is no time zone "{site.time_zone[:60]}"', hint)
    if site.tenure == "cloud" and "ssh" in site.model_fields_set:
        reason = "a cloud site is a rented cluster; its hosts are not reached"
        checked.wrong("not-on-cloud", (*path, "ssh"), reason, "remove ssh, or correct the tenure", key=True)
    _mirrors(checked, site, path)


def _mirrors(checked: Checked, site: Site, path: Path) -> None:
    if site.mirrors.packages is not None:
        check_url(checked, site.mirrors.packages, (*path, "mirrors", "packages"))
    images = site.mirrors.images
    if images is not None and (
        "://" in images or "@" in images or not images or any(char.isspace() for char in images)
    ):
        reason = "a registry is written as host, port and path, without scheme or credentials"
        checked.wrong(
            "bad-registry", (*path, "mirrors", "images"), reason, "write it as registry.example.test:5000/path"
        )


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
