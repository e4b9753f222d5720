"""What a chart refuses, told at the line of the declaration that said it.

Helm checks values with the chart's `values.schema.json` and names each by a pointer (`at '/engine/port': got string,
want integer`). A pointer leads back to a workload's `values`, a cluster's `platform` or a release's `values`, or to the
field from which Causeway made the value. So does what a template refuses, where it begins with the value's path
(`vendors.nvidia.devicePlugin.image: no image is known`) or fails at a value (`at <.Values.ports.http>`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from causeway.cluster.model import ChartRef
from causeway.errors import CausewayError, Permanent, Retryable
from causeway.fleet.load import LoadedFleet
from causeway.plan.model import ReleasePlan

Path = tuple[str | int, ...]
_AT = re.compile(r"^(?P<indent> *)- at '(?P<pointer>[^']*)': (?P<what>.*)$")
_QUOTED = re.compile(r"'([^']*)'")
_SCHEMA = "values don't meet the specifications"
_CHECKED = re.compile(r"execution error at \((?P<at>[\w./-]+:\d+)(?::\d+)?\): (?P<what>.*)", re.DOTALL)
"""What a chart's own `fail` or `required` says."""
_FAILED = re.compile(
    r"(?P<at>[\w./-]+:\d+)(?::\d+)?\n +executing .* at <(?P<expression>.*)>:\n +(?P<what>(?!error calling).*)"
)
"""How Helm 4 tells the innermost of the templates that failed."""
_NO_YAML = re.compile(
    r"YAML parse error on (?P<at>[\w./-]+): (?:error converting YAML to JSON: )?(?P<what>.*)", re.DOTALL
)
_PATTERN = re.compile(r"^(?P<value>.*) does not match pattern '(?P<pattern>.*)'$", re.DOTALL)
_FORMS = (
    ("@sha256:", "no image: [REGISTRY/]NAME[:TAG][@sha256:DIGEST], the name in lower case"),
    ("[-a-z0-9.]*[a-z0-9]", "no name: lower-case letters, digits, hyphens and dots"),
    ("[-A-Za-z0-9_.]*[A-Za-z0-9]", "no label: letters and digits, within it also hyphens, dots and underscores"),
)
"""What the patterns of our charts ask for, in words, by a part that tells them."""
_NAMED = re.compile(r"^(?P<path>[A-Za-z_]\w*(?:\.[\w-]+|\[\d+\])*): ")
"""How a chart's own check names the value that it refuses."""
_VALUE = re.compile(r"\$?\.Values\.(?P<path>[\w.]+)")
"""The value in an expression that failed."""
_GROUPS = ("validation failed", "'allOf' failed", "allOf failed")
_CHOICES = ("'oneOf' failed", "'anyOf' failed", "oneOf failed", "anyOf failed")

_MADE: Mapping[str, Mapping[str, Path]] = {
    "inference": {
        "engine": ("engine",),
        "replicas": ("replicas",),
        "weight": ("weight",),
        "accelerator": ("accelerators_per_replica",),
        "nodeSelector": ("pool",),
    },
    "training": {
        "hosts": ("hosts",),
        "checkpoint": ("checkpoint",),
        "startsOn": ("starts_on",),
        "endsOn": ("ends_on",),
        "nodeSelector": ("pool",),
    },
    "gateway": {"replicas": ("replicas",), "host": ("host",), "nodeSelector": ("pool",)},
}
"""Fields below the release's own place from which a value is made."""
_OF_WORKLOAD: Mapping[str, Path] = {
    "audience": ("audience",),
    "model": ("model",),
    "dataset": ("dataset",),
    "onDrain": ("on_drain",),
    "upstream": ("upstream",),
    "backends": ("serve",),
}
"""Fields of the workload from which a value is made."""


_WHOLE = ("engine", "model", "dataset", "upstream")
"""Values that have the keys of the field that they are made from."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One value that a schema refuses.

    Args:
        pointer: keys and indexes from the top of the values.
    """

    pointer: Path
    reason: str


class BadValues(Permanent):
    """A chart's schema refuses values.

    Args:
        refusals: one or more.
    """

    def __init__(self, release: str, chart: ChartRef, refusals: tuple[Refusal, ...]) -> None:
        told = "; ".join(f"{_dotted(each.pointer)}: {each.reason}" for each in refusals)
        hint = f"values.schema.json of the chart {chart.reference} says what it takes"
        super().__init__("bad-values", told, subject=release, hint=hint)
        self.chart = chart
        self.refusals = refusals


class ChartRefuses(Permanent):
    """A template of a chart fails.

    Args:
        pointer: the value that it names; empty for none.
    """

    def __init__(self, reason: str, release: str, hint: str, pointer: Path) -> None:
        super().__init__("chart-refuses", reason, subject=release, hint=hint)
        self.pointer = pointer


def chart_error(text: str, release: str, chart: ChartRef) -> Permanent:
    """What Helm says about a release that does not render, without its traceback."""
    told = text.removeprefix("Error: ").partition("\n\nUse --debug flag")[0].strip()
    if _SCHEMA in told:
        refusals = tuple(sorted(_refusals(told), key=lambda each: [str(step) for step in each.pointer]))
        if refusals:
            return BadValues(release, chart, refusals)
    if found := _CHECKED.search(told):
        return _refused(release, found["at"], found["what"].strip(), _NAMED.match(found["what"]))
    if traced := [*_FAILED.finditer(told)]:
        return _refused(release, traced[-1]["at"], traced[-1]["what"], _VALUE.search(traced[-1]["expression"]))
    if found := _NO_YAML.search(told):
        reason = f"{found['at']} of the chart renders no YAML: {found['what'].strip()}"
        hint = "a value that has a colon or a quote may need `| quote` in the template: helm template --debug shows it"
        return Permanent("chart-broken", reason, subject=release, hint=hint)
    hint = "helm template with the same values shows more"
    return Permanent("chart-broken", f"the chart {chart.reference} does not render: {told}", subject=release, hint=hint)


def _refused(release: str, at: str, what: str, named: re.Match[str] | None) -> ChartRefuses:
    hint = f"`helm show values` and {at} of the chart tell what it wants"
    return ChartRefuses(f"the chart refuses: {what} ({at})", release, hint, _steps_of(named["path"]) if named else ())


def in_declaration(error: CausewayError, plan: ReleasePlan, loaded: LoadedFleet) -> tuple[CausewayError, ...]:
    """The errors of a release, each with its place in the fleet's files."""
    if isinstance(error, BadValues):
        return tuple(_placed(each, error.chart, plan, loaded) for each in error.refusals)
    if isinstance(error, ChartRefuses):
        # a word before a colon is a value's path only where the release has such a value
        known = error.pointer and error.pointer[0] in plan.values
        path = declared_at(error.pointer, plan, loaded)[0] if known else plan.path
        return (loaded.marks.problem(error.code, path, error.reason, error.hint),)
    of_chart = error.subject and error.subject != plan.name
    subject = f"{error.subject} of {plan.name}" if of_chart else plan.name
    reason = f"{error.reason} ({error.where})" if error.where else error.reason
    placed = loaded.marks.problem(error.code, plan.path, reason, error.hint, subject=subject)
    if isinstance(error, Retryable):
        return (Retryable(placed.code, reason, subject=subject, where=placed.where, hint=placed.hint),)
    return (placed,)


def _placed(refusal: Refusal, chart: ChartRef, plan: ReleasePlan, loaded: LoadedFleet) -> Permanent:
    path, own = declared_at(refusal.pointer, plan, loaded)
    hint = f"values.schema.json of the chart {chart.reference} says what it takes"
    if not own:
        hint = f"Causeway makes this value of the release {plan.name} from here; {hint}"
    of = "" if own and plan.kind != "own" else f" of {plan.name}"  # one value may go to several releases
    reason = f"{_dotted(refusal.pointer) or 'the values'}{of}: {refusal.reason}"
    return loaded.marks.problem("bad-values", path, reason, hint)


def declared_at(pointer: Path, plan: ReleasePlan, loaded: LoadedFleet) -> tuple[Path, bool]:
    """The path in the declaration that a value comes from, and whether it is the user's own value."""
    base, own = _own_values(plan, loaded)
    if plan.kind == "own" or _depth(pointer, own) >= max(1, len(pointer) - 1):
        return (*base, *pointer), True
    first = str(pointer[0]) if pointer else ""
    below = pointer[1:] if first in _WHOLE else ()
    made = _MADE.get(plan.kind, {}).get(first)
    if made is not None:
        return (*plan.path, *made, *below), False
    if plan.workload is not None and first in _OF_WORKLOAD:
        return ("workloads", plan.workload, *_OF_WORKLOAD[first], *below), False
    if first == "imageRegistry":
        return ("sites", loaded.fleet.clusters[plan.cluster].site, "mirrors", "images"), False
    if first == "vendors":
        return ("clusters", plan.cluster, "pools"), False
    return plan.path, False


def _own_values(plan: ReleasePlan, loaded: LoadedFleet) -> tuple[Path, Any]:
    cluster = loaded.fleet.clusters[plan.cluster]
    if plan.kind == "own":
        return ("clusters", plan.cluster, "releases", plan.name, "values"), cluster.releases[plan.name].values
    if plan.kind == "platform":
        return ("clusters", plan.cluster, "platform"), cluster.platform
    workload = loaded.fleet.workloads[plan.workload or ""]
    if plan.kind == "gateway" and workload.kind != "gateway":
        return ("workloads", plan.workload or "", "gateway", "values"), workload.gateway and workload.gateway.values
    return ("workloads", plan.workload or "", "values"), workload.values


def _depth(pointer: Path, values: Any) -> int:
    """How many steps of a pointer these values have."""
    for number, step in enumerate(pointer):
        known = step in values if isinstance(values, Mapping) else _is_index(step, values)
        if not known:
            return number
        values = values[step]
    return len(pointer)


def _is_index(step: str | int, values: Any) -> bool:
    return isinstance(values, list | tuple) and isinstance(step, int) and step < len(values)


@dataclass(slots=True)
class _Node:
    pointer: str
    what: str
    below: list[_Node] = field(default_factory=list)


def _refusals(text: str) -> Iterator[Refusal]:
    tops: list[_Node] = []
    open_at: list[tuple[int, _Node]] = []
    for line in text.splitlines():
        match = _AT.match(line)
        if match is None:
            continue
        node, indent = _Node(match["pointer"], match["what"]), len(match["indent"])
        while open_at and open_at[-1][0] >= indent:
            open_at.pop()
        (open_at[-1][1].below if open_at else tops).append(node)
        open_at.append((indent, node))
    for node in tops:
        yield from _told(node)


def _told(node: _Node) -> Iterator[Refusal]:
    if node.below and node.what.startswith(_CHOICES):
        choices = "; ".join(each.reason for below in node.below for each in _told(below))
        yield Refusal(_steps(node.pointer), f"none of its forms fits: {choices}")
    elif node.below or node.what.startswith(_GROUPS):
        for below in node.below:
            yield from _told(below)
    elif node.what.startswith("additional propert"):
        for name in _QUOTED.findall(node.what):
            yield Refusal((*_steps(node.pointer), name), "the chart does not know this value")
    else:
        yield Refusal(_steps(node.pointer), _worded(node.what))


def _worded(what: str) -> str:
    """What a schema says, a known pattern as words."""
    match = _PATTERN.match(what)
    form = next((words for part, words in _FORMS if match and part in match["pattern"]), None)
    return f"{match['value']} is {form}" if match and form else what


def _steps_of(dotted: str) -> Path:
    """The steps of `vendors.nvidia.accelerators[0].resource`, or of `accelerators.0.resource`."""
    words = re.split(r"[.\[\]]+", dotted.rstrip("]"))
    return tuple(int(word) if word.isdigit() else word for word in words)


def _steps(pointer: str) -> Path:
    words = (word.replace("~1", "/").replace("~0", "~") for word in pointer.split("/")[1:])
    return tuple(int(word) if word.isdigit() else word for word in words)


def _dotted(pointer: Iterable[str | int]) -> str:
    return ".".join(str(step) for step in pointer)
