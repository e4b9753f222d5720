"""The table of hosts: plain names, records only where a host differs, numbers that never move."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping
from datetime import date

import pytest

from causeway.fleet.hosts import Host
from causeway.fleet.load import LoadedFleet

Load = Callable[[Mapping[str, str | bytes]], LoadedFleet]
ASCEND = 'hosts: "cn-asc-[01:02]"'


def test_hosts_are_found_by_pool_and_by_name(load: Load, sandbox_text: str) -> None:
    hosts = load({"fleet.yaml": sandbox_text}).hosts
    assert hosts.pool("cn-north-inference", "ascend").names == ("cn-asc-01", "cn-asc-02")
    assert hosts.find("my-h200-02") == ("my-johor-training", "h200")
    assert hosts.host("cn-h20-01") == Host("cn-h20-01", "cn-h20-01")
    assert "cn-h20-03" not in hosts
    assert not any(pool.records for pool in hosts.pools.values())


def test_a_cloud_pool_counts_its_nodes_without_names(load: Load, sandbox_text: str) -> None:
    hosts = load({"fleet.yaml": sandbox_text}).hosts
    cloud = hosts.pool("sg-cloud-serving", "h200")
    assert (cloud.count, cloud.in_service, cloud.names) == (1, 1, ())
    assert hosts.count == len(list(hosts.all_names())) + 1


def test_an_override_makes_a_record_and_leaves_its_neighbours_alone(load: Load, sandbox_text: str) -> None:
    override = (
        "host_overrides: {cn-asc-02: {state: out_of_service, reason: fan, until: 2026-12-01, expected_accelerators: 7}}"
    )
    pool = load({"fleet.yaml": sandbox_text.replace("host_overrides: {}", override)}).hosts.pool(
        "cn-north-inference", "ascend"
    )
    assert list(pool.records) == ["cn-asc-02"]
    record = pool.records["cn-asc-02"]
    assert (record.state, record.reason, record.until) == ("out_of_service", "fan", date(2026, 12, 1))
    assert record.expected_accelerators == 7
    assert (pool.count, pool.in_service) == (2, 1)


def test_a_retired_host_leaves_and_the_others_keep_their_numbers(load: Load, sandbox_text: str) -> None:
    text = sandbox_text.replace(ASCEND, 'hosts: "cn-asc-[01:05]"')
    override = "host_overrides: {cn-asc-02: {state: retired, reason: sold}}"
    table = load({"fleet.yaml": text.replace("host_overrides: {}", override)}).hosts
    pool = table.pool("cn-north-inference", "ascend")
    assert pool.names == ("cn-asc-01", "cn-asc-03", "cn-asc-04", "cn-asc-05")
    assert list(pool.numbered())[1] == (3, "cn-asc-03")
    assert "cn-asc-02" not in pool.records
    assert table.host("cn-asc-02").state == "retired"
    assert "cn-asc-02" not in list(table.all_names())


def test_csv_rows_give_addresses_racks_and_serials(load: Load, sandbox_text: str) -> None:
    csv = "\ufeffname,address,rack,serial\r\ncn-asc-01,10.0.0.1,r1,S1\r\ncn-asc-02,,,\r\n"
    text = sandbox_text.replace(ASCEND, "hosts_from: hosts/ascend.csv")
    pool = load({"fleet.yaml": text, "hosts/ascend.csv": csv}).hosts.pool("cn-north-inference", "ascend")
    assert pool.names == ("cn-asc-01", "cn-asc-02")
    assert pool.records == {"cn-asc-01": Host("cn-asc-01", "10.0.0.1", "r1", "S1")}


def test_the_address_template_is_applied(load: Load, sandbox_text: str) -> None:
    text = sandbox_text.replace('address: "{name}"', 'address: "{name}.cn-north.test"')
    assert load({"fleet.yaml": text}).hosts.host("cn-asc-01").address == "cn-asc-01.cn-north.test"


def test_thirty_thousand_hosts_cost_little_more_than_their_names(load: Load, sandbox_text: str) -> None:
    text = sandbox_text.replace(ASCEND, 'hosts: "h-[000001:030000]"').replace(
        'addresses: "10.21.{host}.{port}/16", ', ""
    )
    tracemalloc.start()
    try:
        hosts = load({"fleet.yaml": text}).hosts
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert hosts.count > 30_000
    assert peak < 25_000_000


def test_an_unknown_host_is_a_key_error(load: Load, sandbox_text: str) -> None:
    with pytest.raises(KeyError):
        load({"fleet.yaml": sandbox_text}).hosts.host("nobody")


def test_too_many_hosts_are_told_where_they_begin_and_not_again_at_each_pool(
    monkeypatch: pytest.MonkeyPatch, sandbox_text: str, problems_of: Callable[[Mapping[str, str | bytes]], str]
) -> None:
    monkeypatch.setattr("causeway.fleet.host_table.MAX_HOSTS", 4)
    told = problems_of({"fleet.yaml": sandbox_text})
    assert told.count("too-many-hosts") == 1
    assert "pools.cambricon.hosts: this names 2 hosts beside the 3 before them; a fleet has at most 4" in told
