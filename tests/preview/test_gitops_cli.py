"""`causeway render` as a user calls it: statuses, both outputs, errors at the line of the declaration."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run, causeway
from tests.plan.fleets import SANDBOX

__all__ = ["causeway"]
pytestmark = pytest.mark.tools
ON = ("--as-of", "2026-11-22")


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """A copy of the sandbox's fleet, to change."""
    folder = tmp_path / "inventory" / "mine"
    shutil.copytree(SANDBOX, folder)
    return folder / "fleet.yaml"


def replace(file: Path, old: str, new: str) -> int:
    """Change a text of the declaration; returns the line on which it stands."""
    text = file.read_text("utf-8")
    assert text.count(old) == 1, old
    file.write_text(text.replace(old, new), "utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_a_tree_is_written_checked_and_found_stale(causeway: Run, fleet: Path, tmp_path: Path) -> None:
    out = tmp_path / "tree"
    words = ("render", "--fleet", str(fleet.parent), "--out", str(out), *ON)
    missing = causeway(*words, "--check")
    assert (missing.returncode, out.exists()) == (2, False)
    written = causeway(*words)
    assert written.returncode == 0, written.stderr
    assert "0 changed, 0 gone" in written.stdout
    checked = causeway(*words, "--check")
    assert (checked.returncode, "up to date" in checked.stdout) == (0, True)
    replace(
        fleet,
        "replicas: 1, accelerators_per_replica: 4, weight: 30",
        "replicas: 2, accelerators_per_replica: 4, weight: 30",
    )
    stale = causeway(*words, "--check")
    assert stale.returncode == 2
    assert "~ clusters/cn-north-inference/doubao/doubao-h20/deployment-doubao-h20.yaml" in stale.stdout
    document = json.loads(causeway(*words, "--check", "--json").stdout)
    assert document["schema"] == "causeway/render/v1"
    assert document["stale"] is True
    assert document["changed"] == ["clusters/cn-north-inference/doubao/doubao-h20/deployment-doubao-h20.yaml"]
    assert causeway(*words).returncode == 0
    assert causeway(*words, "--check").returncode == 0


def test_one_cluster_can_be_written_and_a_wrong_name_is_told(causeway: Run, tmp_path: Path) -> None:
    out = tmp_path / "tree"
    done = causeway("render", "--out", str(out), "sg-cloud-serving", "--json", *ON)
    document = json.loads(done.stdout)
    assert document["clusters"] == ["sg-cloud-serving"]
    assert {path.split("/")[1] for path in document["added"]} == {"sg-cloud-serving"}
    assert [each["made_by"] for each in document["secrets"]] == ["causeway"]
    wrong = causeway("render", "--out", str(out), "sg-cloud", *ON)
    assert wrong.returncode == 1
    assert "did you mean sg-cloud-serving?" in wrong.stderr


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("values: {}", "values: {replicas: many}", "replicas"),
        ("values: {}", "values: {startup: {timeoutSecond: 3}}", "timeoutSecond"),
        ("host: doubao.cn-north.test}", "host: doubao.cn-north.test, values: {retries: -1}}", "retries"),
        ("values: {}", "values: {engine: {image: ':'}}", "engine.image: ':' is no image"),
    ],
)
def test_values_that_a_chart_refuses_are_told_at_their_line(
    causeway: Run, fleet: Path, tmp_path: Path, old: str, new: str, told: str
) -> None:
    line = replace(fleet, old, new)
    done = causeway("render", "--fleet", str(fleet.parent), "--out", str(tmp_path / "tree"), *ON)
    assert done.returncode == 1
    assert f"fleet.yaml:{line}:" in done.stderr
    assert told in done.stderr
    assert done.stderr.count("[bad-values]") == 1, "the parts of a workload have one value"
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "tree").exists()


def test_a_repository_that_is_not_declared_is_told_at_the_delivery(causeway: Run, fleet: Path, tmp_path: Path) -> None:
    text = fleet.read_text("utf-8").replace("delivery: pulumi ", "delivery: argocd ", 1)
    fleet.write_text(text, "utf-8")
    line = text[: text.index("delivery: argocd")].count("\n") + 1
    done = causeway("render", "--fleet", str(fleet.parent), "--out", str(tmp_path / "tree"), *ON)
    assert done.returncode == 1
    assert f"fleet.yaml:{line}:" in done.stderr
    assert "gitops: {repository: URL}" in done.stderr


def test_what_a_rule_stops_is_not_written_for_a_controller_to_apply(causeway: Run, fleet: Path, tmp_path: Path) -> None:
    text = fleet.read_text("utf-8").replace("delivery: pulumi ", "delivery: argocd ", 1)
    text = text.replace('weights: "s3://models-cn/doubao-chat"}', 'weights: "s3://x", data_class: international}', 1)
    fleet.write_text(text + "\ngitops: {repository: https://git.example.test/deploy.git}\n", "utf-8")
    done = causeway("render", "--fleet", str(fleet.parent), "--out", str(tmp_path / "tree"), *ON)
    assert done.returncode == 3, done.stderr + done.stdout
    assert "nothing is written" in done.stderr
    assert not (tmp_path / "tree").exists()
