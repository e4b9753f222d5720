"""Whether a Baseline's settings of its rollout can be meant, told by a preview instead of by the run. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from causeway.provider.values import Values, has_unknown, plain


def wrong_settings(old: Values, new: Values) -> tuple[str, ...]:
    """What is wrong with `rollout` and `timeZone`, one sentence each; what the last run went through with is right.

    Args:
        old, new: inputs; `old` is empty for a new pool.
    """
    found: list[str] = []
    rollout, zone = new.get("rollout"), new.get("timeZone")
    if rollout and rollout != old.get("rollout") and not has_unknown(rollout):
        found += _rollout(plain(rollout))
    if zone and zone != old.get("timeZone") and not has_unknown(zone):
        found += _zone(str(plain(zone)))
    return tuple(found)


def _rollout(value: object) -> Iterator[str]:
    from pydantic import ValidationError  # noqa: PLC0415 - what did not change needs no check, and no half second

    from causeway.fleet.clusters import Rollout  # noqa: PLC0415

    try:
        Rollout.model_validate(value)
    except ValidationError as error:
        for each in error.errors(include_url=False, include_context=False):
            place = ".".join(map(str, ("rollout", *each["loc"])))
            yield f"`{place}`: {each['msg'][:1].lower()}{each['msg'][1:]}, found {each['input']!r:.60}"


def _zone(name: str) -> Iterator[str]:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        yield f"`timeZone`: there is no time zone {name[:60]!r}; write an IANA name, such as Asia/Shanghai"
