"""Releases: names that Helm takes and that nothing else changes, gateways, values, a user's own charts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from causeway.capacity.offer import WorkloadPart
from causeway.errors import Permanent
from causeway.plan.model import ReleasePlan
from causeway.plan.releases import LONGEST, part_names, shortened
from tests.plan.fleets import NORTH, Change, Document, changed, planned, pool


def released(change: Callable[[Document], object] | None = None, cluster: str = NORTH) -> dict[str, ReleasePlan]:
    return {release.name: release for release in planned(changed(change)).clusters[cluster].releases}


def parts(*pools: str | None) -> list[WorkloadPart]:
    return [WorkloadPart("w", index, "c", pool, 1, 1, None) for index, pool in enumerate(pools)]


def test_a_part_is_named_after_its_workload_and_pool_and_numbered_when_a_pool_has_several() -> None:
    assert part_names("w", "inference", parts("a", "b", "a")) == {0: "w-a", 1: "w-b", 2: "w-a-2"}
    assert part_names("w", "gateway", parts(None, "edge", None)) == {
        0: "w-gateway",
        1: "w-gateway-edge",
        2: "w-gateway-2",
    }


@pytest.mark.parametrize("pools", [("a", "a", "a-2"), ("a-2", "a", "a"), ("gateway", "a"), ("gateway", "gateway")])
def test_pools_with_names_that_look_alike_give_different_releases(pools: tuple[str, ...]) -> None:
    names = part_names("w", "inference", parts(*pools))
    assert len({*names.values(), "w-gateway"}) == len(pools) + 1


def test_a_name_that_is_too_long_is_cut_and_told_apart_by_a_hash() -> None:
    stem = "w" * 50
    names = part_names(stem, "inference", parts("pool-number-one", "pool-number-two"))
    assert len(set(names.values())) == 2
    assert all(len(name) <= LONGEST and name.startswith(stem[:40]) for name in names.values())
    assert shortened("x" * LONGEST) == "x" * LONGEST
    assert shortened("x" * (LONGEST + 1)) == shortened("x" * (LONGEST + 1)) != "x" * (LONGEST + 1)


def test_workloads_whose_names_run_into_each_other_have_their_own_namespaces() -> None:
    def change(document: Document) -> None:
        workloads = document["workloads"]
        workloads["doubao-gateway"] = {**workloads["jimeng"]}

    made = [(r.namespace, r.name) for r in planned(changed(change)).clusters[NORTH].releases]
    assert len(made) == len(set(made))
    assert ("doubao", "doubao-gateway") in made
    assert ("doubao-gateway", "doubao-gateway-h20") in made


def test_another_workload_renames_nothing() -> None:
    before = {(r.namespace, r.name) for r in planned(changed()).clusters[NORTH].releases}

    def change(document: Document) -> None:
        document["workloads"] = {"a": {**document["workloads"]["jimeng"]}, **document["workloads"]}

    after = {(r.namespace, r.name) for r in planned(changed(change)).clusters[NORTH].releases}
    assert after - before == {("a", "a-h20")}
    assert before < after


def test_a_gateway_apart_from_its_parts_names_their_clusters() -> None:
    def change(document: Document) -> None:
        document["workloads"]["doubao"]["gateway"] = {"cluster": "my-johor-training", "host": "doubao.test"}

    assert "doubao-gateway" not in released(change)
    backends = released(change, "my-johor-training")["doubao-gateway"].values["backends"]
    assert [(b["cluster"], b["release"], b["weight"]) for b in backends] == [
        (NORTH, "doubao-ascend", 50),
        (NORTH, "doubao-cambricon", 20),
        (NORTH, "doubao-h20", 30),
    ]


def test_each_part_of_a_gateway_workload_is_a_release_on_its_own_pool() -> None:
    def change(document: Document) -> None:
        document["workloads"]["cici"]["serve"] = [
            {"cluster": NORTH, "pool": "system", "replicas": 2},
            {"cluster": NORTH, "pool": "ascend", "replicas": 1},
        ]

    found = released(change)
    one, other = found["cici-gateway-system"], found["cici-gateway-ascend"]
    assert (one.pool, one.values["replicas"], one.values["nodeSelector"]) == ("system", 2, {"causeway/pool": "system"})
    assert (other.pool, other.values["replicas"]) == ("ascend", 1)
    assert one.secrets == ("cici-upstream-key",)
    assert one.values["upstream"]["existingSecret"] == {"name": "cici-upstream-key", "key": "value"}


@pytest.mark.parametrize("delivery", ["argocd", "flux"])
def test_a_cluster_that_another_controller_delivers_says_so_on_each_release(delivery: str) -> None:
    found = released(lambda document: document["clusters"][NORTH].update(delivery=delivery))
    assert {release.applied_by for release in found.values()} == {delivery}


def test_own_values_lie_over_those_that_are_made() -> None:
    def change(document: Document) -> None:
        document["workloads"]["jimeng"]["values"] = {"engine": {"port": 1}, "extra": True}

    values = released(change)["jimeng-h20"].values
    assert (values["engine"]["port"], values["engine"]["name"], values["extra"]) == (1, "vllm-omni", True)


def own(name: str, namespace: str) -> Callable[[Document], object]:
    release = {name: {"chart": "charts/mine", "namespace": namespace}}
    return lambda document: document["clusters"][NORTH].update(releases=release)


def test_an_addresss_own_values_go_to_its_gateway_and_to_nothing_else() -> None:
    def change(document: Document) -> None:
        document["workloads"]["doubao"]["gateway"]["values"] = {"gateway": {"className": "envoy"}}

    made = released(change)
    assert made["doubao-gateway"].values["gateway"] == {"className": "envoy"}
    assert "gateway" not in made["doubao-h20"].values


def test_a_gateway_knows_what_its_backends_serve_and_where_their_engines_listen() -> None:
    values = released()["doubao-gateway"].values
    assert values["api"] == "chat"
    assert {(each["port"], each["health"]) for each in values["backends"]} == {(8000, "/health")}

    def change(document: Document) -> None:
        document["workloads"]["doubao"]["serve"][2]["engine"] = {"name": "vllm-omni", "api": "video"}

    assert released(change)["doubao-gateway"].values["api"] == "video"


def test_a_release_of_ones_own_may_have_any_name_in_another_namespace() -> None:
    plan = planned(changed(own("doubao-ascend", "mine")))
    assert [(r.namespace, r.kind) for r in plan.clusters[NORTH].releases if r.name == "doubao-ascend"] == [
        ("doubao", "inference"),
        ("mine", "own"),
    ]


@pytest.mark.parametrize(
    ("name", "namespace", "reason"),
    [
        ("doubao-ascend", "doubao", "the workload doubao has a release of this name"),
        ("accelerator-platform", "accelerator-platform", "the accelerator platform has a release of this name"),
        ("x" * 54, "mine", "54 characters, and Helm takes 53"),
    ],
)
def test_a_release_of_ones_own_that_cannot_be_is_an_error_with_its_place(
    name: str, namespace: str, reason: str
) -> None:
    with pytest.raises(Permanent, match=reason) as caught:
        planned(changed(own(name, namespace)))
    assert "fleet.yaml" in str(caught.value.where)


def test_the_order_of_pools_changes_no_values_of_the_platform() -> None:
    def turned(document: Document) -> None:
        pools = document["clusters"][NORTH]["pools"]
        document["clusters"][NORTH]["pools"] = dict(reversed(pools.items()))

    assert released(turned)["accelerator-platform"].values == released()["accelerator-platform"].values


def test_a_cluster_without_accelerators_has_no_platform() -> None:
    def change(document: Document) -> None:
        document["workloads"] = {}
        document["clusters"][NORTH]["pools"] = {"system": pool(document, "system")}

    assert released(change) == {}


def test_shares_of_a_lease_are_told_for_each_cluster() -> None:
    def change(document: Document) -> None:
        clusters = document["clusters"]
        document["leases"]["johor-h200"]["quantity"] = 40
        h200 = clusters["my-johor-training"]["pools"]["h200"]
        clusters["my-johor-training"]["pools"]["more"] = {**h200, "hosts": "my-more-[1:1]"}
        clusters["second"] = {**clusters["my-johor-training"], "pools": {"h200": {**h200, "hosts": "my-b-[1:2]"}}}

    plan = planned(changed(change))
    assert [(lease.share, lease.quantity) for lease in plan.clusters["my-johor-training"].leases] == [(24, 40)]
    assert [(lease.share, lease.quantity) for lease in plan.clusters["second"].leases] == [(16, 40)]
    assert plan.clusters[NORTH].leases == ()


def test_a_gateway_without_a_pool_bears_the_vendors_taints_only_where_every_host_has_one() -> None:
    key = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    assert released(cluster="sg-cloud-serving")["cici-gateway"].values["tolerations"] == [key]

    def with_plain_nodes(document: Document) -> None:
        document["clusters"]["sg-cloud-serving"]["pools"]["system"] = {"nodes": 1, "lease": "sg-cloud-h200"}

    assert "tolerations" not in released(with_plain_nodes, "sg-cloud-serving")["cici-gateway"].values


def test_workloads_name_the_platforms_priority_classes_where_the_platform_makes_them() -> None:
    def named(change: Change | None) -> dict[str, object]:
        plans = planned(changed(change)).clusters.values()
        return {each.name: each.values.get("priorityClassName") for plan in plans for each in plan.releases}

    found = named(None)
    assert {found["doubao-h20"], found["doubao-gateway"], found["cici-gateway"]} == {"causeway-serving"}
    assert found["foundation-international"] == "causeway-training"
    assert found["accelerator-platform"] is None

    def without(document: Document) -> None:
        document["clusters"]["cn-north-inference"]["platform"] = {"priorityClasses": {"causeway-serving": None}}

    found = named(without)
    assert (found["doubao-h20"], found["doubao-gateway"]) == (None, None)
    assert found["foundation-international"] == "causeway-training"
