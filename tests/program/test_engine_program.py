"""A stack's program under the real engine: what is registered, what a failure takes with it, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.program.conftest import KEY, Stack
from tests.provider.engine import PASSPHRASE

pytestmark = pytest.mark.tools
UPSTREAM = "planted-upstream-key-19bd"


def of(kind: str, stack: Stack) -> set[str]:
    return {name for name, each in stack.project.state().items() if each["type"] == f"causeway:index:{kind}"}


def test_a_stack_lives_through_failures_changes_and_moves_of_its_state(stack: Callable[[str], Stack]) -> None:
    north = stack("cn-north-inference")
    north.faults(cn_mlu_01="failed driver-install: no space left on /")
    told = north.up(expect=None)
    assert "cn-mlu-01: failed driver-install: no space left on /" in told
    assert "Traceback" not in told
    assert "not done: " in told
    assert of("Baseline", north) == {f"cn-north-inference/{pool}" for pool in ("system", "ascend", "cambricon", "h20")}
    assert "doubao-cambricon" not in of("Release", north), "what runs on the pool that failed waits for it"
    assert {"accelerator-platform", "doubao-ascend", "doubao-h20", "jimeng-h20"} <= of("Release", north)
    north.runs()

    north.faults()
    north.up()
    runs = north.runs()
    assert [each["hosts"] for each in runs if "hosts" in each] == [["cn-mlu-01"]]
    assert {each["release"] for each in runs if "release" in each} == {"doubao-cambricon"} | (
        {"doubao-gateway"} & {each.get("release") for each in runs}
    )

    told = north.up()
    assert "unchanged" in told
    assert not north.runs()

    def change(document: dict[str, Any]) -> None:
        document["host_overrides"] = {"cn-h20-02": {"variables": {"nvidia_driver__reload": False}}}

    north.declare(change)
    steps = {name: each for name, each in north.project.preview().items() if each["op"] != "same"}
    assert set(steps) == {"cn-north-inference/h20"}
    assert set(steps["cn-north-inference/h20"]["detailedDiff"]) == {'overrides["cn-h20-02"]', 'state["cn-h20-02"]'}
    north.up()
    assert [each["hosts"] for each in north.runs() if "hosts" in each] == [["cn-h20-02"]]

    document = json.loads(north.project.pulumi("stack", "export").stdout)
    for resource in document["deployment"]["resources"]:
        for part in ("inputs", "outputs"):
            resource.get(part, {}).pop("schema", None)
    older = north.project.folder / "older.json"
    older.write_text(json.dumps(document))
    north.project.pulumi("stack", "import", "--file", str(older))
    north.up()
    assert not north.runs(), "older state is read as it was meant"

    urn = north.project.state()["cn-north-inference/h20"]["urn"]
    north.project.pulumi("state", "delete", urn, "--target-dependents", "--yes")
    north.up()
    assert [each["hosts"] for each in north.runs() if "hosts" in each] == [["cn-h20-01", "cn-h20-02"]]

    north.project.pulumi("destroy", "--yes", "--skip-preview")
    assert {each["forgotten"] for each in north.runs() if "forgotten" in each} == {
        "system",
        "ascend",
        "cambricon",
        "h20",
    }
    assert not north.project.state()


def test_no_secret_is_written_anywhere_in_the_clear(stack: Callable[[str], Stack]) -> None:
    cloud = stack("sg-cloud-serving")
    refused = cloud.project.pulumi("preview", expect=None)
    assert "pulumi config set --secret cici-upstream-key" in refused.stdout
    assert "Traceback" not in refused.stdout
    cloud.project.pulumi("config", "set", "--secret", "cici-upstream-key", UPSTREAM)
    cloud.up()
    assert any("cici-upstream-key" in each.get("secrets", []) for each in cloud.runs())
    diff = cloud.project.pulumi("preview", "--diff").stdout
    cloud.project.pulumi("config", "set", "--secret", "cici-upstream-key", f"{UPSTREAM}-2")
    steps = cloud.project.pulumi("preview", "--json").stdout
    assert "secretDigest" not in steps or UPSTREAM not in steps
    assert {name for name, each in cloud.project.preview().items() if each["op"] == "update"} == {"cici-gateway"}
    cloud.up()
    for planted in (UPSTREAM, KEY, PASSPHRASE):
        assert planted not in diff + steps
        assert [name for name, content in cloud.project.files().items() if planted.encode() in content] == []


def test_an_ended_lease_takes_nothing_new_and_can_be_mended_and_wound_up(stack: Callable[[str], Stack]) -> None:
    johor = stack("my-johor-training")
    johor.project.pulumi("config", "set", "causeway:asOf", "2028-10-01")
    refused = johor.project.pulumi("preview", expect=None).stdout
    assert "findings keep this stack from being changed" in refused
    assert "inventory/sandbox/fleet.yaml:" in refused
    assert "to do: " in refused
    assert "Traceback" not in refused
    assert not johor.runs()

    johor.project.pulumi("config", "set", "causeway:asOf", "2026-11-22")
    johor.faults(my_h200_02="unreachable: no route to host")
    johor.up(expect=None)
    johor.runs()
    johor.project.pulumi("config", "set", "causeway:asOf", "2028-10-01")
    johor.faults()
    told = johor.up()
    assert "was there before, nothing may extend it" in told
    assert [each["hosts"] for each in johor.runs() if "hosts" in each] == [["my-h200-02"]], "a broken host is mended"

    kept = johor.project.pulumi("destroy", "--yes", expect=None)
    assert "protected" in kept.stdout + kept.stderr

    def approve(document: dict[str, Any]) -> None:
        approval = {"operation": "destroy", "subject": "johor-h200", "approved_by": "operations"}
        document["policy"]["approvals"] = [approval | {"expires": "2028-12-31"}]

    johor.declare(approve)
    johor.up()
    johor.declare(lambda document: document["clusters"].pop("sg-cloud-serving"))  # the declaration may even be broken
    johor.project.pulumi("destroy", "--yes", "--skip-preview")
    assert not johor.project.state()


def test_a_mistake_in_the_declaration_is_told_with_its_place_and_without_a_traceback(
    stack: Callable[[str], Stack],
) -> None:
    johor = stack("my-johor-training")
    johor.declare(lambda document: document["sites"]["my-johor"].update(tenur="leased"))
    told = johor.project.pulumi("preview", expect=None).stdout
    assert "fleet.yaml:" in told
    assert "tenur" in told
    assert "Traceback" not in told


def test_the_provider_works_in_the_folder_that_the_stack_names(stack: Callable[[str], Stack]) -> None:
    made = stack("cn-north-inference")
    mine = made.project.folder / "examples/mine"
    mine.parent.mkdir()
    made.fleet.parent.rename(mine)
    made.project.environ["CAUSEWAY_HOME"] = ""
    made.project.pulumi("config", "set", "causeway:fleet", "examples/mine")
    made.up()
    journals = mine / ".causeway/journal/sandbox.cn-north-inference"
    assert list(journals.glob("*.jsonl"))
    assert not (made.project.folder / ".causeway/journal").exists()
    assert not any(
        "examples/mine" in str(each.get("inputs"))
        for name, each in made.project.state().items()
        if name.startswith("cn-north-inference/")
    )
