"""A plan as a whole: the same for the same declaration, whatever its order; a host's change is that host's alone."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from causeway.capacity.money import cost_report
from causeway.capacity.offer import compute
from causeway.catalog import load_catalog
from causeway.fleet.hosts import HostState
from causeway.fleet.load import load_fleet
from causeway.plan.build import Sources, build
from causeway.plan.document import fleet_document
from causeway.plan.model import FleetPlan
from causeway.policy.evaluate import evaluate

ON = date(2026, 11, 22)
SMALL: dict[str, Any] = yaml.load(
    """
version: 1
name: small
parties:
  us: {legal_name: Us, country: CN, own: true}
  lessor: {legal_name: Lessor, country: MY}
sites:
  home:
    country: CN
    tenure: owned
    owner: us
    operator: us
    time_zone: Asia/Shanghai
    data_classes: [china]
    mirrors: {packages: "http://mirror.home.test", images: registry.home.test}
  away:
    country: MY
    tenure: leased
    owner: lessor
    operator: lessor
    time_zone: Asia/Kuala_Lumpur
    data_classes: [international]
leases:
  deal:
    site: away
    tenant: us
    access: remote
    accelerator: h200-sxm
    quantity: 40
    term: {start: 2026-01-01, end: 2027-12-31, notice_days: 30}
clusters:
  serving:
    site: home
    purpose: inference
    kubernetes: {version: "1.34", access: {context: serving}}
    pools:
      system:
        hosts: "s-1"
        os: {id: debian, version: "12"}
      ascend:
        accelerator: ascend-910b3
        accelerators_per_host: 8
        hosts: "a-[01:12]"
        os: {id: debian, version: "12"}
        fabric: {kind: roce, ports_per_host: 2, addresses: "10.1.{host}.{port}/16"}
        drivers: {driver: "25.5.0", firmware: "7.8.0.5.216", toolkit: "8.5.0"}
        rollout: {canary: 1, max_unavailable: 3}
      h20:
        accelerator: h20
        accelerators_per_host: 8
        hosts: "n-[1:4]"
        os: {id: debian, version: "12"}
        drivers: {driver: "580.95.05"}
  training:
    site: away
    purpose: training
    kubernetes: {version: "1.34", access: {context: training}}
    pools:
      h200:
        lease: deal
        accelerator: h200-sxm
        accelerators_per_host: 8
        hosts: "t-[1:4]"
        os: {id: debian, version: "12"}
        drivers: {driver: "580.95.05"}
workloads:
  chat:
    kind: inference
    audience: china
    model: {name: chat}
    serve:
      - cluster: serving
        pool: ascend
        replicas: 5
        accelerators_per_replica: 4
        weight: 60
        engine: {name: vllm-ascend}
      - {cluster: serving, pool: h20, replicas: 3, accelerators_per_replica: 2, weight: 40, engine: {name: vllm}}
    gateway: {cluster: serving, pool: system, host: chat.test}
  train:
    kind: training
    audience: international
    on_drain: checkpoint
    model: {name: train}
    dataset: {name: corpus, class: international, uri: "s3://d"}
    train: {cluster: training, pool: h200, hosts: 3, ends_on: 2026-12-31, checkpoint: "s3://x"}
""",
    Loader=yaml.CSafeLoader,
)

Change = Callable[[dict[str, Any]], None]
PlanOf = Callable[..., FleetPlan]


@pytest.fixture
def plan_of(tmp_path: Path) -> PlanOf:
    """Plan the small fleet after changing its document."""

    def made(change: Change | None = None) -> FleetPlan:
        document = copy.deepcopy(SMALL)
        if change is not None:
            change(document)
        (tmp_path / "fleet.yaml").write_text(json.dumps(document, indent=1, default=str))  # JSON is YAML too
        loaded = load_fleet(tmp_path, "small")
        catalog, capacity = load_catalog(loaded.fleet.catalog), compute(loaded)
        cost = cost_report(loaded, capacity, ON)
        return build(Sources(loaded, catalog, capacity, cost, evaluate(loaded, catalog, capacity, cost, ON), ON))

    return made


def desired(plan: FleetPlan) -> dict[str, str]:
    return {
        name: state
        for cluster in plan.clusters.values()
        for baseline in cluster.baselines
        for name, state in baseline.hosts()
    }


def pools(document: dict[str, Any], cluster: str = "serving") -> dict[str, Any]:
    found: dict[str, Any] = document["clusters"][cluster]["pools"]
    return found


def shuffled(value: Any, draw: random.Random) -> Any:
    if isinstance(value, dict):
        items = [(key, shuffled(item, draw)) for key, item in value.items()]
        draw.shuffle(items)
        return dict(items)
    return value


def unordered(plan: FleetPlan) -> Any:
    """A plan's document without what the declaration's order may decide: the places of lists of named things."""

    def sort(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: sort(item) for key, item in value.items() if key not in ("where", "digest")}
        if isinstance(value, list):
            return sorted(
                (sort(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True, default=str)
            )
        return value

    return json.loads(json.dumps(sort(fleet_document(plan)), sort_keys=True, default=str))


def test_the_same_declaration_gives_the_same_bytes(plan_of: PlanOf) -> None:
    first, second = (json.dumps(fleet_document(plan_of()), default=str) for _ in range(2))
    assert first == second


def test_the_order_of_keys_in_the_declaration_changes_nothing(plan_of: PlanOf, seed: int) -> None:
    draw = random.Random(seed)

    def shuffle(document: dict[str, Any]) -> None:
        mixed = shuffled(document, draw)
        document.clear()
        document.update(mixed)

    before, after = plan_of(), plan_of(shuffle)
    assert desired(before) == desired(after)
    assert unordered(before) == unordered(after)


@pytest.mark.parametrize(("pool", "hosts", "new"), [("ascend", "a-[01:13]", "a-13"), ("h20", "n-[1:5]", "n-5")])
def test_a_new_host_changes_only_its_own_entry(plan_of: PlanOf, pool: str, hosts: str, new: str) -> None:
    before = desired(plan_of())
    after = desired(plan_of(lambda document: pools(document)[pool].update(hosts=hosts)))
    assert set(after) - set(before) == {new}
    assert {name: state for name, state in after.items() if name != new} == before


def test_a_variable_of_one_host_changes_that_host_alone(plan_of: PlanOf) -> None:
    before = desired(plan_of())
    override = {"n-2": {"variables": {"nvidia_driver__persistence": True}}}
    after = desired(plan_of(lambda document: document.update(host_overrides=override)))
    assert {name for name in before if before[name] != after[name]} == {"n-2"}


def test_a_driver_version_changes_its_pool_and_no_other(plan_of: PlanOf) -> None:
    before = desired(plan_of())
    after = desired(plan_of(lambda document: pools(document)["h20"]["drivers"].update(driver="580.105.08")))
    assert {name for name in before if before[name] != after[name]} == {"n-1", "n-2", "n-3", "n-4"}


def test_a_retired_host_is_gone_and_leaves_the_others_their_addresses(plan_of: PlanOf) -> None:
    before = desired(plan_of())
    gone = {"a-03": {"state": "retired", "reason": "scrapped"}}
    after = desired(plan_of(lambda document: document.update(host_overrides=gone)))
    assert after == {name: state for name, state in before.items() if name != "a-03"}


@pytest.mark.parametrize(("state", "expected"), [("out_of_service", "out_of_service"), ("joining", None)])
def test_a_host_that_is_not_in_service_is_shown(plan_of: PlanOf, state: HostState, expected: str | None) -> None:
    before = desired(plan_of())
    override = {"a-05": {"state": state, "reason": "rack work"}}
    plan = plan_of(lambda document: document.update(host_overrides=override))
    # a host that joins becomes what a host in service is, so that joining changes nothing
    assert desired(plan)["a-05"] == (expected or before["a-05"])
    shown = fleet_document(plan, "serving")["clusters"]["serving"]["baselines"][1]["differing"]
    assert [(host["host"], host["state"]) for host in shown] == [("a-05", state)]
    rollout = plan.clusters["serving"].baselines[1].rollout
    assert (rollout.in_service, rollout.out_already, rollout.room) == (11, 1, 2)


def test_where_a_variable_is_written_changes_no_intent(plan_of: PlanOf) -> None:
    variables = {"nvidia_driver__persistence": True}
    by_pool = plan_of(lambda document: pools(document)["h20"].update(variables=variables))
    overrides = {f"n-{number}": {"variables": variables} for number in range(1, 5)}
    by_host = plan_of(lambda document: document.update(host_overrides=overrides))
    assert desired(by_pool) == desired(by_host)
    assert desired(by_pool)["n-1"] != desired(plan_of())["n-1"]


def test_each_host_gets_the_addresses_of_its_number(plan_of: PlanOf) -> None:
    states = desired(plan_of())
    of_ascend = [state for name, state in states.items() if name.startswith("a-")]
    assert len(set(of_ascend)) == 12
    assert len({state for name, state in states.items() if name.startswith("n-")}) == 1


def test_a_job_that_loses_its_hosts_to_a_wave_is_told_with_what_is_missing(plan_of: PlanOf) -> None:
    plan = plan_of(lambda document: pools(document, "training")["h200"].update(rollout={"max_unavailable": 2}))
    told = [finding for finding in plan.clusters["training"].findings if finding.subject == "train@training/h200"]
    missing = [finding for finding in told if finding.verdict == "fail"]
    assert len(missing) == 1
    assert "wave 2" in missing[0].reason
    assert "8 accelerators" in missing[0].reason


def test_releases_of_a_cluster(plan_of: PlanOf) -> None:
    plan = plan_of()
    assert [(release.name, release.kind) for release in plan.clusters["serving"].releases] == [
        ("accelerator-platform", "platform"),
        ("chat-ascend", "inference"),
        ("chat-h20", "inference"),
        ("chat-gateway", "gateway"),
    ]
    values = plan.clusters["serving"].releases[1].values
    assert values["replicas"] == 5
    assert values["accelerator"]["resource"] == "huawei.com/Ascend910"
    assert values["accelerator"]["runtimeClass"] == "ascend"
    assert [release.kind for release in plan.clusters["training"].releases] == ["platform", "training"]


def test_a_lease_is_in_the_plan_of_the_cluster_that_uses_it(plan_of: PlanOf) -> None:
    plan = plan_of()
    assert plan.clusters["serving"].leases == ()
    (lease,) = plan.clusters["training"].leases
    assert (lease.lease, lease.share, lease.quantity, lease.price) == ("deal", 32, 40, "unknown")
