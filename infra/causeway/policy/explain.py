"""What each rule asks, as data and as a reference for people: versions, severities, what it needs, what helps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined

from causeway.policy.countries import EMBARGOED, RESTRICTED, group
from causeway.policy.export import export_numbers
from causeway.policy.rulebook import Family, Rule, rulebook

FAMILIES: Mapping[Family, str] = {
    "export": "Export control",
    "parties": "Third parties",
    "share": "Domestic share",
    "data": "Classes of data",
    "leases": "Leases",
    "money": "Money",
    "technical": "Technical rules",
    "declaration": "The declaration itself",
}
"""Headings of the reference, in its order."""


def explain(name: str) -> dict[str, Any]:
    """A rule as plain data, each version with its last day.

    Raises:
        KeyError: when there is no such rule.
    """
    rule = rulebook().rules[name]
    return {"rule": name, **rule.model_dump(mode="json", exclude={"versions"}), "versions": _versions(rule)}


def _versions(rule: Rule) -> list[dict[str, Any]]:
    found = []
    for version in rule.versions:
        until = rule.until(version)
        found.append({**version.model_dump(mode="json"), "until": until.isoformat() if until else None})
    return found


def reference() -> str:
    """Every rule, threshold and country group as one Markdown document."""
    # Markdown for people, not HTML: nothing here comes from a fleet
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701
    environment.filters |= {"cell": _cell, "field": _field, "figure": _figure}
    text = resources.files("causeway.policy").joinpath("templates", "rules.md.j2").read_text(encoding="utf-8")
    made = environment.from_string(text).render(
        book=rulebook(), families=FAMILIES, numbers=export_numbers(), groups=[group(EMBARGOED), group(RESTRICTED)]
    )
    return re.sub(r"\n{3,}", "\n\n", made)


def _cell(text: str) -> str:
    """A text in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _field(need: str) -> str:
    """A path of the declaration as code, other words as they are."""
    return f"`{need}`" if " " not in need else need


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
