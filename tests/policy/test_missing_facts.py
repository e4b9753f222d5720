"""Whatever is taken out of a declaration, a rule that can stop does not begin to pass what it refused or doubted.

Two fleets lose every key and every entry, one at a time: one that has a record for every rule, and one that most rules
refuse. Each seed takes every fortieth of them, so that forty seeds take all.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from causeway.fleet.load import LoadedFleet
from causeway.policy import Finding
from causeway.policy.rulebook import rulebook
from tests.policy.conftest import put
from tests.policy.mutations import BROKEN, RICH, copied, places, without

ON = date(2026, 11, 22)
SHARE = 40
STOPPING = {name for name, rule in rulebook().rules.items() if "stop" in (rule.on_fail, rule.on_unknown)}
MENDED = {
    "no-secret-values": "the secret is gone",
    "budgets": "a pool that is not there costs nothing, and a scope without an entry covers less",
}
"""Rules that less may satisfy, and why. Rules with `left_out` say it themselves."""


def _changed(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    made = copied(document)
    for path, value in changes.items():
        put(made, path, value)
    return made


def _verdicts(findings: tuple[Finding, ...]) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for finding in findings:
        found.setdefault((finding.rule, finding.subject), set()).add(finding.verdict)
    return found


def _named_elsewhere(path: tuple[str | int, ...]) -> bool:
    """Sites, clusters and pools: other parts name them, so that loading refuses a declaration without one."""
    return path[0] in ("sites", "clusters") and len(path) in (1, 2, 4) and path[-1] not in ("site", "purpose")


@pytest.mark.slow
@pytest.mark.parametrize("changes", [RICH, BROKEN], ids=["with-records", "refused"])
def test_nothing_refused_or_doubted_passes_when_facts_are_taken_away(
    changes: dict[str, Any],
    seed: int,
    document: dict[str, Any],
    fleet_of: Callable[[dict[str, Any]], LoadedFleet],
    evaluated: Callable[[LoadedFleet, date], tuple[Finding, ...]],
) -> None:
    whole = _changed(document, changes)
    before = _verdicts(evaluated(fleet_of(whole), ON))
    open_before = {key for key, verdicts in before.items() if verdicts & {"fail", "unknown"} and key[0] in STOPPING}
    assert open_before
    judged = 0
    for path in list(places(whole))[seed % SHARE :: SHARE]:
        if _named_elsewhere(path):
            continue
        try:
            fewer = fleet_of(without(whole, path))
        except ValidationError:
            continue
        judged += 1
        after = _verdicts(evaluated(fewer, ON))
        passing = {key for key in open_before if after.get(key) == {"pass"}}
        wrong = {key for key in passing if key[0] not in MENDED and rulebook().rules[key[0]].left_out is None}
        assert not wrong, f"seed {seed}: without {path} these pass: {sorted(wrong)}"
    assert judged >= 3, f"seed {seed}: nearly nothing could be taken away"


def test_the_two_fleets_have_something_to_lose(
    document: dict[str, Any],
    fleet_of: Callable[[dict[str, Any]], LoadedFleet],
    evaluated: Callable[[LoadedFleet, date], tuple[Finding, ...]],
) -> None:
    rich = evaluated(fleet_of(_changed(document, RICH)), ON)
    broken = evaluated(fleet_of(_changed(document, BROKEN)), ON)
    assert not [f for f in rich if f.blocks]
    assert len({f.rule for f in rich if f.verdict == "pass"} & STOPPING) >= 15
    assert len({f.rule for f in broken if f.blocks}) >= 12
