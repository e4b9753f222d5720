"""How a diff reads: Markdown for a pull request, a terminal, JSON. The same diff gives the same bytes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from rich.console import Console

from causeway.errors import Location
from causeway.plan.diff_model import PlanDiff
from causeway.plan.model import FleetPlan
from causeway.plan.render import LONGEST, code, escaped, markdown
from causeway.plan.render_json import diff_document
from causeway.plan.render_terminal import print_diff
from causeway.policy.findings import Finding
from tests.plan.diff_fleets import Document, Edit, both, changed, compared, drivers, north, override, planned

GOLDEN = Path(__file__).parent / "golden" / "diff.md"


def lease_term(document: Document) -> None:
    document["leases"]["johor-h200"]["term"]["end"] = date(2027, 9, 30)


def replicas(document: Document) -> None:
    document["workloads"]["doubao"]["serve"][0]["replicas"] = 3


def rich_change() -> Edit:
    return both(
        drivers("ascend", driver="25.5.2", firmware="7.8.0.7.220"),
        replicas,
        override("cn-h20-02", state="out_of_service", reason="fan | `3` <b>@ops</b>", until=date(2026, 12, 1)),
        lease_term,
        north("cambricon", hosts="cn-mlu-[01:03]"),
    )


def finding(rule: str, severity: Any) -> Finding:
    return Finding(
        rule,
        date(2026, 1, 1),
        "fail",
        severity,
        "cn-north-inference/ascend",
        ("cn-north-inference",),
        (),
        Location("fleet.yaml", 106, 9),
        "it does not fit",
        "Make it fit.",
        {},
        None,
        "",
    )


def with_findings(plan: FleetPlan, *findings: Finding) -> FleetPlan:
    """A plan with findings of the test's own, so that a reworded rule changes no expectation here."""
    return replace(plan, findings=findings)


def rich_diff() -> PlanDiff:
    return compared(
        with_findings(planned(), finding("was-there", "warn"), finding("is-mended", "warn")),
        with_findings(planned(rich_change()), finding("was-there", "warn"), finding("is-broken", "stop")),
    )


def terminal(diff: PlanDiff, width: int = 100) -> str:
    out = Console(file=StringIO(), width=width, highlight=False)
    print_diff(out, diff, "main", "mine")
    return str(out.file.getvalue())  # type: ignore[attr-defined]  # it is the StringIO above


def test_a_rich_change_reads_as_the_golden_file_says() -> None:
    """When the text changes on purpose: look at what is printed, and write it to the golden file."""
    assert markdown(rich_diff(), "main", "mine") == GOLDEN.read_text(encoding="utf-8")


def test_risk_comes_first_and_what_was_not_looked_at_last() -> None:
    text = markdown(rich_diff(), "main", "mine")
    order = ["leaves service", "is deleted", "### Findings", "### Leases", "### Money", "<details>", "not looked at"]
    places = [text.index(each) for each in order]
    assert places == sorted(places)


def test_two_plans_made_twice_give_the_same_bytes() -> None:
    one, other = rich_diff(), rich_diff()
    assert markdown(one, "a", "b") == markdown(other, "a", "b")
    assert json.dumps(diff_document(one, "a", "b")) == json.dumps(diff_document(other, "a", "b"))
    assert terminal(one) == terminal(other)


def test_no_text_of_the_declaration_becomes_markup_or_calls_somebody() -> None:
    text = markdown(rich_diff(), "main", "mine")
    assert "<b>" not in text
    assert "@ops" not in text
    cells = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in cells} <= {4, 5, 6}
    odd = markdown(rich_diff(), "a|b", "`c`")
    assert "`a\\|b` → `` `c` ``" in odd


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", "a\\|b"),
        ("`x`", "\\`x\\`"),
        ("<i>&amp;", "&lt;i&gt;&amp;amp;"),
        ("call @ops", "call &#64;ops"),
        ("see #12", "see \\#12"),
        ("two\nlines", "two lines"),
    ],
)
def test_texts_are_escaped(text: str, shown: str) -> None:
    assert escaped(text) == shown


@pytest.mark.parametrize(("text", "shown"), [("x", "`x`"), ("a`b", "`` a`b ``"), ("a``b", "``` a``b ```"), ("", "")])
def test_code_may_hold_backticks(text: str, shown: str) -> None:
    assert code(text) == shown


def test_a_huge_diff_stays_short_enough_for_a_comment_and_counts_what_it_leaves_out() -> None:
    def many(document: Document) -> None:
        for number in range(45):
            release = {"chart": "c", "namespace": f"n{number}", "values": {f"key{i}": "word " * 20 for i in range(45)}}
            document["clusters"]["cn-north-inference"].setdefault("releases", {})[f"r{number}"] = release

    def other(document: Document) -> None:
        many(document)
        for release in document["clusters"]["cn-north-inference"]["releases"].values():
            release["values"] = {f"key{i}": "other" for i in range(45)}

    found = changed(other, before=many)
    text = markdown(found, "a", "b")
    assert len(text) <= LONGEST
    assert "more; `--format json` has them all." in text
    assert text.rstrip().endswith("not legal advice.")
    assert "more; --format json has them all" in terminal(found)


def test_a_terminal_of_100_columns_shows_everything_on_lines_that_fit() -> None:
    shown = terminal(rich_diff())
    assert max(map(len, shown.splitlines())) <= 100
    assert not [line for line in shown.splitlines() if line.startswith(" ") and line.endswith("   ")]
    for text in ("2 hosts reboot in 2 waves", "25.5.0 → 25.5.2", "new, refused: is-broken", "gone: is-mended"):
        assert text in shown


def test_nothing_is_said_in_few_words() -> None:
    same = compared(planned(), planned())
    assert "Nothing changes." in terminal(same)
    assert "<details>" not in markdown(same, "a", "b")
    assert diff_document(same, "a", "b")["changed"] is False


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_side_without_a_fleet_is_said(side: str) -> None:
    found = compared(planned(), None) if side == "after" else compared(None, planned())
    said = "everything is removed" if side == "after" else "everything is new"
    assert said in markdown(found, "a", "b")
    assert "There is no fleet at" in terminal(found)
    assert diff_document(found, "before", "after")[side] == {"name": side, "fleet": None}


def test_the_document_is_json_with_the_keys_that_are_documented() -> None:
    document = json.loads(json.dumps(diff_document(rich_diff(), "main", "mine")))
    change = {"type": "object", "required": ["field"], "properties": {"field": {"type": "string"}}}
    jsonschema.validate(
        document,
        {
            "type": "object",
            "required": ["before", "after", "changed", "headline", "clusters", "moved", "leases", "money", "findings"],
            "properties": {
                "clusters": {
                    "minItems": 1,
                    "items": {
                        "required": ["cluster", "kind", "fields", "pools", "releases", "capacity"],
                        "properties": {"fields": {"items": change}},
                    },
                },
                "leases": {"minItems": 1, "items": {"properties": {"terms": {"minItems": 1, "items": change}}}},
                "money": {"required": ["currency", "fleet", "clusters", "lines"]},
            },
        },
    )
    (ascend,) = [pool for each in document["clusters"] for pool in each["pools"] if pool["pool"] == "ascend"]
    assert ascend["impact"]["disruption"] == "reboot"
    assert ascend["variables"][0]["hosts"] == 2
