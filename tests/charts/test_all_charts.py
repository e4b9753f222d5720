"""What every chart keeps to, with the values of each of its tested cases."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.charts.harness import (
    CHARTS,
    ChartCluster,
    Helm,
    Refused,
    Rendered,
    all_cases,
    case_id,
    cases,
    chart_names,
    load,
)

pytestmark = pytest.mark.tools
RECOMMENDED = {"name", "instance", "managed-by"}
# What makes a rendering depend on more than chart and values. Functions of Sprig and Helm, and Helm's own counters.
UNREPEATABLE = re.compile(
    r"(?<![.$\w\"-])(lookup|now|date|ago|htmlDate|randAlphaNum|randAlpha|randNumeric|randAscii|randBytes|randInt|shuffle|uuidv4"
    r"|genPrivateKey|genCA\w*|genSelfSignedCert\w*|genSignedCert\w*|bcrypt|htpasswd|encryptAES|getHostByName|env|expandenv)\b"
    r"|\.Release\.(Revision|IsInstall|IsUpgrade)|\.Capabilities\.APIVersions"
)


@pytest.fixture(params=chart_names())
def chart(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=all_cases(), ids=case_id)
def case(request: pytest.FixtureRequest) -> Path:
    assert isinstance(request.param, Path)
    return request.param


def chart_of(case: Path) -> str:
    return case.parents[1].name


def rendered(helm: Helm, case: Path) -> Rendered:
    return helm.render(chart_of(case), load(case))


def actions(chart: str) -> Iterator[tuple[str, str]]:
    """Each template action of a chart's templates, with its place; comments are none."""
    for path in sorted((CHARTS / chart / "templates").rglob("*")):
        text = path.read_text("utf-8")
        for found in re.finditer(r"\{\{-?(.*?)-?\}\}", text, re.DOTALL):
            if not found.group(1).strip().startswith("/*"):
                yield f"{path.name}:{text.count(chr(10), 0, found.start()) + 1}", found.group(1)


def properties(schema: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every named value of a schema, with its place."""
    if isinstance(schema, dict):
        for name, below in schema.get("properties", {}).items():
            yield f"{at}/{name}", below
        for key, below in schema.items():
            yield from properties(below, f"{at}/{key}")
    elif isinstance(schema, list):
        for index, below in enumerate(schema):
            yield from properties(below, f"{at}/{index}")


def test_the_charts_are_there() -> None:
    assert {"accelerator-platform", "training"} <= set(chart_names())


def test_a_chart_has_what_its_users_look_for(chart: str) -> None:
    for name in ("Chart.yaml", "values.yaml", "values.schema.json", "templates/NOTES.txt", ".helmignore"):
        assert (CHARTS / chart / name).is_file(), name
    assert cases(chart)


def test_nothing_in_a_template_depends_on_more_than_chart_and_values(chart: str) -> None:
    found = [f"{place}: {action.strip()}" for place, action in actions(chart) if UNREPEATABLE.search(action)]
    assert not found


def test_the_search_for_what_cannot_be_repeated_finds_it() -> None:
    for action in (" now | date ", " lookup `v1` ", " .Release.Revision ", " randAlphaNum 5 ", "uuidv4"):
        assert UNREPEATABLE.search(action), action
    for action in (
        'include "a.lookup"',
        ".Values.startDate",
        "$.Values.now",
        ".Values.env",
        "$date",
        "toYaml $own.env",
    ):
        assert not UNREPEATABLE.search(action), action


def test_helpers_bear_the_charts_name(chart: str) -> None:
    text = "".join(path.read_text("utf-8") for path in (CHARTS / chart / "templates").glob("*"))
    names = re.findall(r'define "([^"]+)"', text)
    assert names
    assert [name for name in names if not name.startswith(f"{chart}.")] == []


def test_the_schema_describes_every_value_and_closes_every_object_of_ours(chart: str) -> None:
    schema = json.loads((CHARTS / chart / "values.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    found = list(properties(schema))
    assert len(found) > 10
    assert [place for place, value in found if not value.get("description")] == []
    assert schema["additionalProperties"] is False
    with_properties = [
        place for place, value in found if "properties" in value and value.get("additionalProperties") is not False
    ]
    assert with_properties == []


def test_the_schema_knows_every_default(chart: str) -> None:
    schema = json.loads((CHARTS / chart / "values.schema.json").read_text("utf-8"))
    defaults = load(CHARTS / chart / "values.yaml")
    assert set(defaults) <= set(schema["properties"])


def test_a_word_that_no_value_has_is_refused(chart: str, helm: Helm) -> None:
    with pytest.raises(Refused, match="no-such-value"):
        helm.render(chart, {**load(cases(chart)[0]), "no-such-value": 1})


def test_lint_has_nothing_to_say_of_a_case(case: Path, helm: Helm) -> None:
    said = helm.lint(chart_of(case), load(case))
    assert "1 chart(s) linted, 0 chart(s) failed" in said
    assert "WARNING" not in said
    assert "ERROR" not in said


def test_a_case_renders_to_the_same_bytes_twice(case: Path, helm: Helm) -> None:
    again = Helm(helm.program, helm.home / "again")
    assert rendered(helm, case).text == rendered(again, case).text != ""


def test_the_objects_of_a_case_bear_the_recommended_labels(case: Path, helm: Helm) -> None:
    objects = rendered(helm, case).objects
    assert objects
    for document in objects:
        labels = document["metadata"].get("labels", {})
        place = f"{document['kind']}/{document['metadata']['name']}"
        assert {f"app.kubernetes.io/{name}" for name in RECOMMENDED} <= set(labels), place
        assert labels["helm.sh/chart"].startswith(f"{chart_of(case)}-"), place


def test_no_two_objects_of_a_case_have_one_name(case: Path, helm: Helm) -> None:
    keys = [(d["apiVersion"], d["kind"], d["metadata"]["name"]) for d in rendered(helm, case).objects]
    assert len(keys) == len(set(keys))


def test_containers_say_what_they_may_and_ask_for_resources(case: Path, helm: Helm) -> None:
    for container in rendered(helm, case).containers():
        security = container.get("securityContext", {})
        assert "readOnlyRootFilesystem" in security, f"{container['name']} does not say whether it writes to its image"
        assert security.get("privileged") or security["capabilities"]["drop"] == ["ALL"], container["name"]
        assert container["resources"]["requests"].keys() >= {"cpu", "memory"}, container["name"]


def test_a_service_account_of_ones_own_gets_a_token_only_where_it_has_rights(case: Path, helm: Helm) -> None:
    objects = rendered(helm, case)
    bound = {
        subject["name"]
        for kind in ("ClusterRoleBinding", "RoleBinding")
        for binding in objects.of(kind)
        for subject in binding["subjects"]
    }
    specs = list(objects.pod_specs())
    for spec in specs:
        assert spec.get("automountServiceAccountToken", True) == (spec.get("serviceAccountName") in bound)


def test_an_api_server_takes_every_object_of_a_case(case: Path, helm: Helm, chart_cluster: ChartCluster) -> None:
    said = chart_cluster.validate(rendered(helm, case), "test")
    assert len(said.splitlines()) == len(rendered(helm, case).objects)
