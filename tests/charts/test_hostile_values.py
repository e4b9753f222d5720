"""Every value of every schema with texts that YAML reads as something else, and numbers of seven digits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from causeway.cluster.helm import find
from tests.charts.harness import CHARTS, KUBERNETES, cases, chart_names, load

pytestmark = pytest.mark.tools
Steps = tuple[str | int, ...]
HEXADECIMAL, AS_A_NUMBER = "0x7b2d", 31533
SYNTAX = "x: {"
MILLIONS = 2_000_000
ANY_KEY = "*"


def leaves(schema: Any, whole: Any, at: Steps = ()) -> Iterator[tuple[Steps, str]]:
    """Each text and each number of a schema, with the steps to it."""
    while "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if at and "string" in kinds:
        yield at, "text"
    if at and "integer" in kinds:
        yield at, "number"
    for form in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        yield from leaves(form, whole, at)
    for name, below in schema.get("properties", {}).items():
        yield from leaves(below, whole, (*at, name))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from leaves(schema["additionalProperties"], whole, (*at, ANY_KEY))
    if "array" in kinds and isinstance(schema.get("items"), dict):
        yield from leaves(schema["items"], whole, (*at, 0))


def put(values: Any, steps: Steps, value: Any) -> Any:
    """Values with another one at these steps; what is missing on the way is made."""
    if not steps:
        return value
    step, *below = steps
    if isinstance(step, int):
        items = deepcopy(values) if isinstance(values, list) and values else [None]
        items[0] = put(items[0], tuple(below), value)
        return items
    made = dict(values) if isinstance(values, dict) else {}
    key = next(iter(made), "any") if step == ANY_KEY else step
    return {**made, key: put(made.get(key), tuple(below), value)}


def rendered(chart: str, asked: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    program = find("causeway-render", os.environ)
    assert program is not None, f"{sys.prefix} has no causeway-render"
    head = {"chart": str(CHARTS / chart), "name": "one", "namespace": "place", "kubernetes": KUBERNETES}
    document = json.dumps([{**head, "values": values} for values in asked])
    done = subprocess.run([program], input=document, capture_output=True, text=True, timeout=300, check=True)
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield key
            yield from scalars(below)
    elif isinstance(value, list):
        for below in value:
            yield from scalars(below)
    else:
        yield value


@pytest.mark.parametrize("chart", chart_names())
def test_a_text_stays_the_text_it_is_or_is_refused_by_the_schema(chart: str) -> None:
    schema = json.loads((CHARTS / chart / "values.schema.json").read_text("utf-8"))
    base = load(richest(chart))
    texts = [
        (steps, word) for steps, kind in leaves(schema, schema) if kind == "text" for word in (HEXADECIMAL, SYNTAX)
    ]
    assert len(texts) > 40
    answers = rendered(chart, [put(base, *each) for each in texts])
    wrong = {}
    for each, answer in zip(texts, answers, strict=True):
        error = answer.get("error", "")
        if "YAML parse error" in error or AS_A_NUMBER in scalars(answer["parts"]):
            wrong[each] = error or "became a number"
    assert wrong == {}
    assert sum(not answer.get("error") for answer in answers) > 20


@pytest.mark.parametrize("chart", chart_names())
def test_a_large_number_is_written_out(chart: str) -> None:
    schema = json.loads((CHARTS / chart / "values.schema.json").read_text("utf-8"))
    base = load(richest(chart))
    numbers = [steps for steps, kind in leaves(schema, schema) if kind == "number"]
    answers = rendered(chart, [put(base, steps, MILLIONS) for steps in numbers])
    assert [steps for steps, each in zip(numbers, answers, strict=True) if "2e+06" in json.dumps(each)] == []
    assert [
        steps
        for steps, each in zip(numbers, answers, strict=True)
        if any(isinstance(one, float) and one == MILLIONS for one in scalars(each["parts"]))
    ] == []
    assert numbers


def richest(chart: str) -> Path:
    """The case with the most values."""
    return max(cases(chart), key=lambda case: len(case.read_text("utf-8")))
