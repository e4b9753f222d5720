"""A baseline over gRPC: what its diff shows, which hosts a run touches, and what is kept when a run fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from causeway.errors import Permanent
from causeway.provider import baseline
from causeway.provider.pool_effects import PoolResult
from causeway.provider.protocol import provider
from causeway.provider.values import UNKNOWN, Secret
from tests.provider.grpc_client import Answer, Client, running
from tests.provider.hosts import FakeHosts

DRIVER = "nvidia_driver__driver_version"
POOL: dict[str, Any] = {
    "fleet": "sandbox",
    "cluster": "north",
    "pool": "h20",
    "hosts": ["gpu-[01:12]"],
    "role": "nvidia_driver",
    "code": "c0de",
    "context": {"causeway__pool": "h20", "causeway__driver_role": "nvidia_driver"},
    "connection": {"ansible_user": "ops"},
    "variables": {DRIVER: "580.95.05", "nvidia_driver__expected_accelerators": 8},
    "disruption": {DRIVER: "reboot", "nvidia_driver__persistence": "restart"},
    "codeDisruption": "reboot",
    "rollout": {"canary": 1, "max_unavailable": "25%"},
    "room": 3,
}


class Pool:
    """A baseline through its life, as the engine keeps it."""

    def __init__(self, client: Client, hosts: FakeHosts) -> None:
        self.client = client
        self.hosts = hosts
        self.urn = client.urn(baseline.TYPE, "north/h20")
        self.inputs: dict[str, Any] = {}
        self.outputs: dict[str, Any] = {}

    def diff(self, program: dict[str, Any]) -> dict[str, Any]:
        """Lines of the diff that a preview shows, by path."""
        self.new = self.client.checked(self.urn, program, self.inputs)
        answer = self.client.diff(self.urn, self.inputs, self.outputs, self.new)
        assert (answer.changes == provider.DiffResponse.DIFF_SOME) == bool(answer.detailedDiff)
        return dict(answer.detailedDiff)

    def up(self, program: dict[str, Any]) -> Answer:
        """One `up`."""
        lines = self.diff(program) if self.inputs else {"": None}
        if not lines:
            self.inputs = self.new
            return Answer(self.outputs)
        if self.inputs:
            answer = self.client.update(self.urn, self.inputs, self.outputs, self.new)
        else:
            self.new = self.client.checked(self.urn, program)
            answer = self.client.create(self.urn, self.new)
        self.outputs = answer.outputs
        if not answer.reasons or not self.inputs:
            self.inputs = self.new  # after a partial update the engine keeps the old inputs
        return answer


@pytest.fixture
def hosts() -> FakeHosts:
    return FakeHosts()


@pytest.fixture
def pool(tmp_path: Path, hosts: FakeHosts) -> Iterator[Pool]:
    with running({baseline.TYPE: baseline.Baseline(lambda: hosts)}, tmp_path) as client:
        yield Pool(client, hosts)


def changed(**variables: object) -> dict[str, Any]:
    return POOL | {"variables": POOL["variables"] | variables}


def test_after_a_run_nothing_differs_and_the_state_holds_one_string_for_each_host(pool: Pool, hosts: FakeHosts) -> None:
    pool.up(POOL)
    assert sorted(pool.outputs["state"]) == [f"gpu-{n:02d}" for n in range(1, 13)]
    assert set(pool.outputs) == {"schema", "state"}
    assert len(set(pool.outputs["state"].values())) == 1
    assert pool.outputs["state"]["gpu-01"].startswith("ok ")
    assert pool.outputs["state"]["gpu-01"].endswith(" c0de")
    assert pool.diff(POOL) == {}
    assert len(hosts.runs) == 1


def test_one_hosts_variable_is_one_line_and_one_host(pool: Pool, hosts: FakeHosts) -> None:
    pool.up(POOL)
    before = dict(pool.outputs["state"])
    program = POOL | {"overrides": {"gpu-07": {"variables": {"nvidia_driver__persistence": False}}}}
    assert set(pool.diff(program)) == {'overrides["gpu-07"]', 'state["gpu-07"]'}
    pool.up(program)
    assert hosts.runs[1:] == [["gpu-07"]]
    assert hosts.seen[-1] == "restart"
    assert {name for name in before if before[name] != pool.outputs["state"][name]} == {"gpu-07"}
    assert pool.diff(program) == {}


def test_a_change_of_the_whole_pool_is_one_summary(pool: Pool, hosts: FakeHosts) -> None:
    pool.up(POOL)
    program = changed(**{DRIVER: "580.105.08"})
    assert set(pool.diff(program)) == {f"variables.{DRIVER}", "summary"}
    assert pool.new["summary"] == (
        f"12 of 12 hosts: {DRIVER} 580.95.05 -> 580.105.08; each host is drained and reboots; "
        "5 waves, at most 3 out of service at once"
    )
    pool.up(program)
    assert len(hosts.runs[-1]) == 12
    assert hosts.seen[-1] == "reboot"
    assert pool.diff(program) == {}


def test_a_change_of_the_roles_code_alone_says_so(pool: Pool) -> None:
    pool.up(POOL)
    assert set(pool.diff(POOL | {"code": "beef"})) == {"summary"}
    assert "only the roles' code changed" in pool.new["summary"]


PERSISTENCE = "nvidia_driver__persistence"
RESTARTS = "services of the host restart; "
MAY_REBOOT = "each host may be drained and reboot; "
CODE_MORE = "where a role's new code asks for more, each host is drained and reboots; "


def test_new_code_beside_a_changed_variable_is_told_with_what_it_may_ask_for(pool: Pool, hosts: FakeHosts) -> None:
    pool.up(POOL)
    pool.diff(changed(**{PERSISTENCE: False}))
    assert RESTARTS in pool.new["summary"]
    assert CODE_MORE not in pool.new["summary"]
    program = changed(**{PERSISTENCE: False}) | {"code": "beef"}
    pool.diff(program)
    assert f"{PERSISTENCE} (not set) -> False, and the roles' code" in pool.new["summary"]
    assert RESTARTS + CODE_MORE in pool.new["summary"]
    harmless = program | {"codeDisruption": "none"}
    pool.diff(harmless)
    assert RESTARTS in pool.new["summary"]
    assert CODE_MORE not in pool.new["summary"]
    pool.up(program)
    assert hosts.seen[-1] == "restart", "a run begins with what the variables ask for"


@pytest.mark.parametrize(("name", "told", "seen"), [(PERSISTENCE, RESTARTS, "restart"), (DRIVER, "reboots", "reboot")])
@pytest.mark.parametrize("place", ["pool", "host"])
def test_a_secrets_new_value_does_what_the_variables_that_name_it_do(
    pool: Pool, hosts: FakeHosts, name: str, told: str, seen: str, place: str
) -> None:
    value = {name: {"part": [{"secret": "token"}]}}
    own = {"overrides": {f"gpu-{n:02d}": {"variables": value} for n in range(1, 10)}}
    program = (changed(**value) if place == "pool" else POOL | own) | {"secrets": {"token": Secret("planted-1")}}
    pool.client.configure(hmacKey=Secret("key"))
    pool.up(program)
    rotated = program | {"secrets": {"token": Secret("planted-2")}}
    assert "secrets.token" in pool.diff(rotated)
    assert "a new value of the secret token" in pool.new["summary"]
    assert told in pool.new["summary"]
    assert "planted" not in pool.new["summary"]
    pool.up(rotated)
    assert hosts.seen[-1] == seen


def test_a_change_of_hosts_that_nothing_explains_may_do_anything(pool: Pool) -> None:
    pool.client.configure(hmacKey=Secret("key-1"))
    program = changed(nvidia_driver__token={"secret": "token"}) | {"secrets": {"token": Secret("planted-1")}}
    pool.up(program)
    pool.client.configure(hmacKey=Secret("key-2"))
    pool.diff(program)
    assert MAY_REBOOT in pool.new["summary"]
    aside = {"overrides": {"gpu-01": {"state": "out_of_service"}}}
    pool.client.configure(hmacKey=Secret("key-1"))
    pool.diff(program | aside)
    assert "no service stops" in pool.new["summary"], "a host that is left alone is not disturbed"


def test_going_back_after_a_run_that_did_not_go_through_may_do_anything(pool: Pool, hosts: FakeHosts) -> None:
    pool.up(POOL)
    hosts.faults = {"gpu-02": "failed driver-install: no space left"}
    pool.up(changed(**{DRIVER: "580.105.08"}))
    pool.up(POOL)
    assert len(hosts.runs[-1]) == 12
    assert hosts.seen[-1] == "reboot", "the engine kept the old inputs, so that they tell of no change"


def test_hosts_whose_change_was_deferred_make_no_later_one_larger(pool: Pool, hosts: FakeHosts) -> None:
    pool.up(POOL)
    was = pool.outputs["state"]["gpu-02"]
    hosts.faults = {"gpu-02": f"deferred until the next run: no room; was {was}, needs restart"}
    pool.up(changed(nvidia_driver__persistence=True))
    pool.up(changed(nvidia_driver__persistence=True))
    assert (hosts.runs[-1], hosts.seen[-1]) == (["gpu-02"], "none"), "the host's own state says what it needs"
    hosts.faults = {"gpu-02": f"deferred until the next run: no room; was {was}"}
    pool.up(changed(nvidia_driver__persistence=False))
    pool.up(changed(nvidia_driver__persistence=False))
    assert hosts.seen[-1] == "reboot"


def test_settings_of_the_rollout_touch_no_host(pool: Pool, hosts: FakeHosts) -> None:
    pool.up(POOL)
    program = POOL | {"rollout": POOL["rollout"] | {"canary": 2}}
    assert set(pool.diff(program)) == {"rollout.canary"}
    pool.up(program)
    assert len(hosts.runs) == 1
    assert pool.diff(program) == {}


def test_a_failure_beyond_the_budget_keeps_what_was_done_and_is_planned_again(pool: Pool, hosts: FakeHosts) -> None:
    pool.up(POOL)
    hosts.faults = dict.fromkeys(("gpu-02", "gpu-03"), "failed driver-install: no space left")
    program = changed(**{DRIVER: "580.105.08"})
    answer = pool.up(program)
    assert answer.reasons == ["gpu-[02:03]: failed driver-install: no space left; to do: mend it"]
    lines = pool.diff(program)
    assert {'state["gpu-02"]', 'state["gpu-03"]'} <= set(lines)
    assert "summary" not in lines
    assert not lines['state["gpu-02"]'].inputDiff
    pool.up(program)
    assert hosts.runs[-1] == ["gpu-02", "gpu-03"]
    assert pool.diff(program) == {}


def test_a_failure_within_the_budget_is_a_warning_and_planned_again(pool: Pool, hosts: FakeHosts) -> None:
    hosts.budget = 1
    hosts.faults = {"gpu-05": "unreachable: no route to host"}
    assert pool.up(POOL).reasons == []
    assert pool.outputs["state"]["gpu-05"] == "unreachable: no route to host"
    warnings = [line.text for line in pool.client.engine.lines if line.warning]
    assert len(warnings) == 1
    assert "within the failure budget" in warnings[0]
    assert "gpu-05" in warnings[0]
    assert set(pool.diff(POOL)) == {'state["gpu-05"]'}
    pool.up(POOL)
    assert hosts.runs[-1] == ["gpu-05"]


def test_a_host_that_is_out_of_service_is_told_and_never_touched(pool: Pool, hosts: FakeHosts) -> None:
    pool.up(POOL)
    program = POOL | {"overrides": {"gpu-04": {"state": "out_of_service"}}}
    assert set(pool.diff(program)) == {'overrides["gpu-04"]', 'state["gpu-04"]'}
    pool.up(program)
    assert len(hosts.runs) == 1
    assert pool.outputs["state"]["gpu-04"] == "out_of_service"
    pool.up(POOL)
    assert hosts.runs[1:] == [["gpu-04"]]


def test_hosts_that_join_and_leave_are_told_by_name(pool: Pool, hosts: FakeHosts) -> None:
    pool.up(POOL)
    more = POOL | {"hosts": ["gpu-[01:13]"]}
    assert set(pool.diff(more)) == {"hosts", 'state["gpu-13"]'}
    pool.up(more)
    assert hosts.runs[-1] == ["gpu-13"]
    lines = pool.diff(POOL)
    assert lines['state["gpu-13"]'].kind == provider.PropertyDiff.DELETE
    pool.up(POOL)
    assert "gpu-13" not in pool.outputs["state"]
    assert len(hosts.runs) == 2


def test_an_input_that_is_no_more_goes_from_the_state_and_touches_no_host(pool: Pool, hosts: FakeHosts) -> None:
    pool.up(POOL | {"play": "site.yml"})
    assert set(pool.diff(POOL)) == {"play"}
    pool.up(POOL)
    assert len(hosts.runs) == 1
    assert pool.diff(POOL) == {}


def test_a_retired_host_keeps_the_numbers_of_those_after_it(pool: Pool, hosts: FakeHosts) -> None:
    addresses = {"per_port": "10.0.{host}.{port}/24", "ports": 2}
    program = changed(nvidia_driver__fabric_addresses=addresses)
    pool.up(program)
    states = dict(pool.outputs["state"])
    assert len(set(states.values())) == 12
    assert hosts.variables["gpu-03"]["nvidia_driver__fabric_addresses"] == ["10.0.3.1/24", "10.0.3.2/24"]
    retired = program | {"overrides": {"gpu-02": {"state": "retired"}}}
    assert set(pool.diff(retired)) == {'overrides["gpu-02"]', 'state["gpu-02"]'}
    pool.up(retired)
    assert pool.outputs["state"] == {name: state for name, state in states.items() if name != "gpu-02"}


def test_a_preview_touches_no_host_and_leaves_open_what_a_run_would_give(pool: Pool, hosts: FakeHosts) -> None:
    pool.up(POOL)
    new = pool.client.checked(pool.urn, POOL | {"overrides": {"gpu-01": {"expectedAccelerators": 7}}}, pool.inputs)
    answer = pool.client.update(pool.urn, pool.inputs, pool.outputs, new, preview=True)
    assert answer.outputs["state"]["gpu-01"] is UNKNOWN
    assert answer.outputs["state"]["gpu-02"] == pool.outputs["state"]["gpu-02"]
    assert len(hosts.runs) == 1


def test_a_preview_tells_hosts_by_why_they_are_not_right(pool: Pool) -> None:
    pool.up(POOL)
    states = {"gpu-01": "failed x: y", "gpu-02": "deferred until 22:00: no window", "gpu-03": "drifted: driver"}
    outputs = {"schema": 1, "state": pool.outputs["state"] | states}
    program = POOL | {"overrides": {"gpu-04": {"state": "out_of_service"}}}
    new = pool.client.checked(pool.urn, program, pool.inputs)
    pool.client.update(pool.urn, pool.inputs, outputs, new, preview=True)
    assert [line.text for line in pool.client.engine.lines][-1] == (
        "deferred last time: gpu-02; drifted: gpu-03; failed last time: gpu-01; out of service: gpu-04"
    )


def test_what_is_unknown_at_preview_stays_unknown_for_the_hosts_it_concerns(pool: Pool) -> None:
    one = pool.client.checked(pool.urn, POOL | {"overrides": {"gpu-02": {"variables": {DRIVER: UNKNOWN}}}})
    assert [name for name, state in one["state"].items() if state is UNKNOWN] == ["gpu-02"]
    whole = pool.client.checked(pool.urn, changed(**{DRIVER: UNKNOWN}))
    assert all(state is UNKNOWN for state in whole["state"].values())
    assert pool.client.create(pool.urn, whole, preview=True).outputs["state"]["gpu-01"] is UNKNOWN
    hosts = pool.client.checked(pool.urn, POOL | {"hosts": UNKNOWN})
    assert hosts["state"] is UNKNOWN
    assert pool.client.create(pool.urn, hosts, preview=True).outputs["state"] is UNKNOWN
    pool.up(POOL)
    assert "state" in pool.diff(POOL | {"hosts": UNKNOWN})


def test_a_secret_enters_the_fingerprint_by_a_keyed_digest_and_is_never_shown(pool: Pool, hosts: FakeHosts) -> None:
    token = changed(nvidia_driver__token={"secret": "token"})
    states = []
    for key, value in (("key-a", "planted-1"), ("key-a", "planted-2"), ("key-b", "planted-1")):
        pool.client.configure(hmacKey=Secret(key))
        states.append(pool.client.checked(pool.urn, token | {"secrets": {"token": Secret(value)}})["state"]["gpu-01"])
    assert len(set(states)) == 3
    inline = changed(nvidia_driver__token=Secret("planted-3"))
    checked = pool.client.checked(pool.urn, inline)
    assert checked["variables"]["nvidia_driver__token"] == Secret("planted-3")
    assert "planted" not in str(checked["state"]) + checked["summary"]
    pool.up(inline)
    assert hosts.variables["gpu-01"]["nvidia_driver__token"] == {"secret": "inputs/pool.nvidia_driver__token"}


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ({"hosts": ["gpu-[09:01]"]}, "ends before it begins"),
        ({"hosts": ["gpu-01", "gpu-[01:02]"]}, "gpu-01 is named twice"),
        ({"overrides": {"gpu-01": {"state": "broken"}}}, "write one of in_service"),
        ({"rollout": {"canary": "many"}}, "`rollout.canary`: "),
        ({"rollout": {"canaries": 2}}, "`rollout.canaries`: "),
        ({"rollout": {"window": {"hours": "at night"}}}, "found 'at night'"),
        ({"rollout": {"max_unavailable": "a quarter"}}, "`rollout.max_unavailable`: "),
        ({"timeZone": "Asia/Peking"}, "there is no time zone 'Asia/Peking'"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_runs(pool: Pool, program: dict[str, Any], reason: str) -> None:
    failures = pool.client.check(pool.urn, POOL | program).failures
    assert [failure.property for failure in failures] == [""]
    assert reason in failures[0].reason


def test_settings_of_the_rollout_that_are_not_known_yet_are_no_error(pool: Pool) -> None:
    assert pool.client.checked(pool.urn, POOL | {"rollout": {"canary": UNKNOWN}, "timeZone": UNKNOWN})
    assert pool.client.checked(pool.urn, POOL | {"rollout": {"canary": 2, "soak": "30m"}, "timeZone": "Asia/Shanghai"})


def test_a_refresh_looks_at_no_host_unless_it_is_asked_to(pool: Pool, hosts: FakeHosts) -> None:
    pool.up(POOL)
    hosts.faults = {"gpu-01": "drifted: driver 570 instead of 580.95.05"}
    assert pool.client.read(pool.urn, pool.inputs, pool.outputs).outputs == pool.outputs


def test_a_refresh_that_probes_reports_drift_and_unreachable_hosts(tmp_path: Path, hosts: FakeHosts) -> None:
    kinds = {baseline.TYPE: baseline.Baseline(lambda: hosts)}
    with running(kinds, tmp_path, {"CAUSEWAY_DRIFT": "facts"}) as client:
        pool = Pool(client, hosts)
        pool.up(POOL)
        hosts.faults = {"gpu-01": "drifted: driver 570", "gpu-02": "unreachable: no route"}
        found = client.read(pool.urn, pool.inputs, pool.outputs)
        assert found.reasons == ["gpu-02: unreachable: no route"]
        pool.outputs = found.outputs
        assert set(pool.diff(POOL)) == {'state["gpu-01"]', 'state["gpu-02"]'}


def test_a_pool_that_cannot_be_asked_is_told_and_the_refresh_goes_on(
    tmp_path: Path, hosts: FakeHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_run: object) -> PoolResult:
        raise Permanent("facts-missing", "the module of facts is not installed")

    kinds = {baseline.TYPE: baseline.Baseline(lambda: hosts)}
    with running(kinds, tmp_path, {"CAUSEWAY_DRIFT": "facts"}) as client:
        pool = Pool(client, hosts)
        pool.up(POOL)
        monkeypatch.setattr(hosts, "look", away)
        found = client.read(pool.urn, pool.inputs, pool.outputs)
        assert ["the module of facts is not installed" in reason for reason in found.reasons] == [True]
        untold = "drifted: nobody can tell whether it is right: [facts-missing]; was"
        known = {name: f"{untold} {state}" for name, state in pool.outputs["state"].items()}
        assert found.outputs["state"] == known, "nobody calls them right"
        pool.outputs = found.outputs
        asked = len(hosts.runs)
        pool.up(POOL)
        assert len(hosts.runs[-1]) == len(found.outputs["state"])
        assert len(hosts.runs) == asked + 1


def test_state_of_hosts_that_a_refresh_lost_is_found_again(pool: Pool, hosts: FakeHosts) -> None:
    """A corrupt or hand-edited state output costs a look at the hosts, never a host."""
    pool.up(POOL)
    pool.outputs = {"schema": 1, "state": {}}
    lines = pool.diff(POOL)
    assert "summary" in lines
    pool.up(POOL)
    assert len(hosts.runs[-1]) == 12


def test_delete_forgets_the_hosts_and_leased_capacity_needs_an_approval(pool: Pool, hosts: FakeHosts) -> None:
    protection = {"subject": "johor", "why": "leased capacity", "approvals": []}
    pool.up(POOL | {"protection": protection})
    with pytest.raises(grpc.RpcError, match="no approval to destroy it counts on 2026-11-22"):
        pool.client.delete(pool.urn, pool.inputs, pool.outputs)
    assert hosts.forgotten == []
    approval = {"operation": "destroy", "approvedBy": "operations", "expires": "2026-12-31"}
    pool.up(POOL | {"protection": protection | {"approvals": [approval]}})
    pool.client.delete(pool.urn, pool.inputs, pool.outputs)
    assert hosts.forgotten == [f"gpu-{n:02d}" for n in range(1, 13)]


@pytest.mark.parametrize("way", ["delete", "take out"])
def test_hosts_that_are_given_up_in_the_middle_are_named(pool: Pool, hosts: FakeHosts, way: str) -> None:
    pool.up(POOL)
    hosts.budget = 2
    hosts.faults = {"gpu-12": "unreachable: no route to host"}
    program = changed(**{DRIVER: "580.105.08"})
    pool.up(program)
    pool.client.engine.lines.clear()
    if way == "delete":
        pool.client.delete(pool.urn, pool.inputs, pool.outputs)
    else:
        pool.up(program | {"hosts": "gpu-[01:11]"})
    given_up = "left as they are; look whether their nodes are cordoned (kubectl get nodes)"
    warnings = [line.text for line in pool.client.engine.lines if line.warning]
    assert warnings == [f"{given_up}: gpu-12: unreachable: no route to host"]


@pytest.mark.parametrize("way", ["delete", "take out"])
@pytest.mark.parametrize("away", ["", "its API does not answer"])
def test_hosts_that_are_given_up_after_a_run_was_killed_are_named_though_the_state_calls_them_right(
    pool: Pool, hosts: FakeHosts, way: str, away: str
) -> None:
    pool.up(POOL)
    hosts.marked, hosts.away = {"gpu-03", "gpu-12"}, away
    pool.client.engine.lines.clear()
    if way == "delete":
        pool.client.delete(pool.urn, pool.inputs, pool.outputs)
    else:
        pool.up(POOL | {"hosts": "gpu-[01:11]"})
    (warning,) = [line.text for line in pool.client.engine.lines if line.warning]
    if away:
        assert warning == f"whether a rollout has left nodes cordoned could not be asked: {away}"
        return
    left = [name for name in sorted(hosts.marked) if way == "delete" or name == "gpu-12"]
    named = "; ".join(f"{name}: a rollout has left its node out of service" for name in left)
    assert warning == f"left as they are; look whether their nodes are cordoned (kubectl get nodes): {named}"


def test_another_pool_under_the_same_name_is_a_replacement(pool: Pool) -> None:
    pool.up(POOL)
    new = pool.client.checked(pool.urn, POOL | {"cluster": "south"}, pool.inputs)
    assert list(pool.client.diff(pool.urn, pool.inputs, pool.outputs, new).replaces) == ["cluster"]


def test_check_and_diff_of_a_large_pool_are_quick(pool: Pool) -> None:
    import time  # noqa: PLC0415 - only here

    program = changed(nvidia_driver__fabric_addresses={"per_port": "10.0.{host}.{port}/8", "ports": 8})
    program |= {"hosts": ["gpu-[0001:5000]"], "room": 50}
    inputs = pool.client.checked(pool.urn, program)
    outputs = {"schema": 1, "state": inputs["state"]}
    started = time.process_time()
    new = pool.client.checked(pool.urn, program, inputs)
    assert not pool.client.diff(pool.urn, inputs, outputs, new).detailedDiff
    assert time.process_time() - started < 3
