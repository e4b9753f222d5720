"""The fingerprint `intent`: what a host should be, and nothing else; secrets enter as keyed digests."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from causeway.fleet.load import load_fleet
from causeway.plan.fingerprint import INTENT_LENGTH, Seal, canonical, desired_state, intent, secret_names
from causeway.plan.model import FleetPlan
from tests.plan.fleets import NORTH, SANDBOX, Document, changed, planned, pool

POOLS = ("system", "ascend", "cambricon", "h20")
VALUE = "correct-horse-battery"


def desired(plan: FleetPlan) -> dict[str, str]:
    clusters = plan.clusters.values()
    return {name: state for cluster in clusters for baseline in cluster.baselines for name, state in baseline.hosts()}


def differing(change: Callable[[Document], object]) -> set[str]:
    before, after = desired(planned(changed())), desired(planned(changed(change)))
    return {name for name in before if before[name] != after[name]}


def test_an_intent_is_short_and_the_same_each_time() -> None:
    variables = {"a__version": "1", "a__days": [date(2026, 1, 1)]}
    assert intent(variables) == intent(dict(variables))
    assert len(intent(variables)) == INTENT_LENGTH


def test_the_order_of_keys_changes_no_intent_and_the_order_of_a_list_does(seed: int) -> None:
    draw = random.Random(seed)
    items: list[tuple[str, Any]] = [(f"role__v{n}", {"x": n, "y": [n, {"p": 1, "q": 2}]}) for n in range(9)]
    mixed = draw.sample(items, len(items))
    turned = [(name, dict(reversed(value.items()))) for name, value in mixed]
    assert intent(dict(items)) == intent(dict(turned))
    assert intent({"a": [1, 2]}) != intent({"a": [2, 1]})


@pytest.mark.parametrize(("one", "other"), [(1, "1"), (True, 1), (None, ""), ([], {}), ("a", ["a"]), (1, 1.5)])
def test_different_values_have_different_intents(one: object, other: object) -> None:
    assert intent({"a": one}) != intent({"a": other})


def test_what_yaml_cannot_say_is_refused() -> None:
    with pytest.raises(TypeError, match="no canonical form"):
        canonical({"a": object()})


def test_a_comment_and_another_formatting_of_the_declaration_change_nothing(tmp_path: Path) -> None:
    text = (SANDBOX / "fleet.yaml").read_text(encoding="utf-8")
    old = 'drivers: {driver: "6.2.29", toolkit: "4.6.2-1"}'
    assert old in text
    new = 'drivers:   # as the vendor says\n          toolkit: "4.6.2-1"\n          driver: "6.2.29"'
    (tmp_path / "fleet.yaml").write_text("# A new comment.\n" + text.replace(old, new), encoding="utf-8")
    assert desired(planned(load_fleet(tmp_path))) == desired(planned(changed()))


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("ascend", "driver"),
        ("ascend", "firmware"),
        ("ascend", "toolkit"),
        ("cambricon", "driver"),
        ("cambricon", "toolkit"),
        ("h20", "driver"),
        ("h20", "container_toolkit"),
    ],
)
def test_a_changed_version_changes_exactly_its_pool(name: str, part: str) -> None:
    hosts = {
        "ascend": {"cn-asc-01", "cn-asc-02"},
        "cambricon": {"cn-mlu-01", "cn-mlu-02"},
        "h20": {"cn-h20-01", "cn-h20-02"},
    }
    assert differing(lambda document: pool(document, name)["drivers"].update({part: "9.9.9"})) == hosts[name]


@pytest.mark.parametrize(
    "override", [{"variables": {"ascend_driver__log": "debug"}}, {"expected_accelerators": 7}, {"address": "10.0.0.9"}]
)
def test_an_override_changes_at_most_its_host_and_an_address_changes_no_intent(override: Document) -> None:
    found = differing(lambda document: document["host_overrides"].update({"cn-asc-02": override}))
    assert found == (set() if "address" in override else {"cn-asc-02"})


@pytest.mark.parametrize(
    "change",
    [
        lambda document: pool(document, "ascend")["rollout"].update(canary=2, max_unavailable="100%"),
        lambda document: pool(document, "ascend")["cost"].update(per_host=1),
        lambda document: pool(document, "ascend").update(labels={"a": "b"}),
        lambda document: document["sites"]["cn-north"]["ssh"].update(user="other"),
        lambda document: document["workloads"].pop("doubao"),
        lambda document: document.update(name="other"),
        lambda document: document["host_overrides"].update({"cn-asc-02": {"state": "joining"}}),
    ],
)
def test_what_does_not_describe_a_host_changes_no_intent(change: Callable[[Document], object]) -> None:
    assert differing(change) == set()


def with_secret(document: Document) -> None:
    pool(document, "h20")["variables"] = {"nvidia_driver__registry": {"login": {"secret": "registry-key"}}}


def of_h20(seal: Seal) -> str:
    return desired(planned(changed(with_secret), seal=seal))["cn-h20-01"]


def test_a_secret_enters_as_a_digest_that_key_and_value_change_and_other_hosts_do_not_have() -> None:
    seals = [
        Seal(),
        Seal(b"key", {"registry-key": VALUE}),
        Seal(b"other key", {"registry-key": VALUE}),
        Seal(b"key", {"registry-key": "changed"}),
    ]
    assert len({of_h20(seal) for seal in seals}) == len(seals)
    assert of_h20(seals[1]) == of_h20(Seal(b"key", {"registry-key": VALUE, "unused": "x"}))
    plans = [desired(planned(changed(with_secret), seal=seal)) for seal in seals]
    assert len({tuple(state for name, state in plan.items() if "h20" not in name) for plan in plans}) == 1


def test_a_secret_value_stands_nowhere_in_a_plan_and_a_seal_does_not_print_it() -> None:
    seal = Seal(b"key-of-the-stack", {"registry-key": VALUE})
    shown = repr(planned(changed(with_secret), seal=seal)) + repr(seal) + str(seal)
    assert VALUE not in shown
    assert "key-of-the-stack" not in shown


def test_names_and_values_of_secrets_cannot_be_shifted_into_one_another() -> None:
    assert Seal(b"k", {"ab": "c"}).of("ab") != Seal(b"k", {"a": "bc"}).of("a")


def test_names_of_secrets_are_found_at_any_depth() -> None:
    value = {"a": [{"secret": "one"}, {"b": {"secret": "two"}}], "c": {"secret": "three", "not": "alone"}}
    assert list(secret_names(value)) == ["one", "two"]


@pytest.mark.parametrize(
    ("state", "code", "expected"),
    [
        ("in_service", "c0de", "ok abc c0de"),
        ("joining", None, "ok abc"),
        ("out_of_service", "c0de", "out_of_service"),
    ],
)
def test_a_desired_state_is_one_short_string(state: str, code: str | None, expected: str) -> None:
    assert desired_state(state, "abc", code) == expected


def test_money_of_the_clusters_and_of_what_is_in_none_adds_up_to_the_fleets() -> None:
    plan = planned(changed())
    outside = [line.monthly.known for line in plan.cost.lines if line.cluster is None]
    assert sum(cluster.monthly.known for cluster in plan.clusters.values()) + sum(outside) == plan.cost.monthly.known
    assert plan.cost.monthly.known > 0


def test_every_cluster_has_its_pools_of_hosts_and_none_of_a_cloud() -> None:
    plan = planned(changed())
    assert tuple(baseline.pool for baseline in plan.clusters[NORTH].baselines) == POOLS
    assert plan.clusters["sg-cloud-serving"].baselines == ()
