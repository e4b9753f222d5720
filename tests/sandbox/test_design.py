"""The pure parts: what a fleet's sandbox holds, what `up` decides, names and addresses."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from causeway.assets import home_root
from causeway.catalog import load_catalog
from causeway.errors import Permanent, Problems
from causeway.fleet.load import load_fleet
from causeway.sandbox import faults, kernels, ssh
from causeway.sandbox.declared import sandbox_of
from causeway.sandbox.hosts import State
from causeway.sandbox.layout import declared_name, layout
from causeway.sandbox.moves import Found, moves
from causeway.sandbox.spec import HostSpec, SandboxSpec, addresses
from tests.sandbox.small_fleet import FLEET, REPOSITORY


def declared(folder: Path, text: str) -> SandboxSpec:
    (folder / "fleet.yaml").write_text(text)
    loaded = load_fleet(folder)
    return sandbox_of(loaded, load_catalog(loaded.fleet.catalog))


def test_the_sandbox_fleet_has_nine_hosts_and_three_clusters() -> None:
    loaded = load_fleet(REPOSITORY / "inventory" / "sandbox")
    spec = sandbox_of(loaded, load_catalog(loaded.fleet.catalog))
    assert len(spec.hosts) == 9
    assert [cluster.name for cluster in spec.clusters] == [
        "cn-north-inference",
        "my-johor-training",
        "sg-cloud-serving",
    ]
    assert [len(cluster.nodes) for cluster in spec.clusters] == [7, 2, 1]
    assert spec.clusters[2].nodes[0].host is None
    assert {host.vendor for host in spec.hosts} == {None, "huawei", "cambricon", "nvidia"}
    assert len({host.address for host in spec.hosts}) == 9
    h200 = spec.host("my-h200-01")
    assert h200 is not None
    assert len(h200.accelerators) == len(h200.network_cards) == 8
    assert [device.numa_node for device in h200.accelerators] == [0] * 4 + [1] * 4


def test_a_host_survives_the_way_to_its_record_and_back(tmp_path: Path) -> None:
    spec = declared(tmp_path, FLEET.format(name="x", ascend=2))
    for host in spec.hosts:
        assert HostSpec.from_dict(asdict(host)) == host


def test_a_host_that_lost_an_accelerator_for_good_has_one_device_less(tmp_path: Path) -> None:
    text = FLEET.format(name="x", ascend=2) + "host_overrides: {asc-02: {expected_accelerators: 7}}\n"
    spec = declared(tmp_path, text)
    assert {host.name: len(host.accelerators) for host in spec.hosts} == {"asc-01": 8, "asc-02": 7, "nvl-01": 4}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("device_lost", True),
        ("device_lost=true", True),
        ("device_lost=7", 7),
        ("device_lost=0,7", "0,7"),
        ("ecc_errors=2:5", "2:5"),
        ("slow_flash", True),
        ("slow_flash=0.5", 0.5),
        ("bad_checksum", True),
    ],
)
def test_a_fault_is_read_as_the_stand_ins_read_it(tmp_path: Path, word: str, value: object) -> None:
    host = declared(tmp_path, FLEET.format(name="x", ascend=1)).host("asc-01")
    assert host is not None
    assert faults.parse([word], host) == {word.partition("=")[0]: value}


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("device_list=1", "unknown-fault"),
        ("xid=1", "fault-of-another-vendor"),
        ("device_lost=8", "bad-fault-value"),
        ("device_lost=0,8", "bad-fault-value"),
        ("device_lost=1,x", "bad-fault-value"),
        ("device_lost=", "bad-fault-value"),
        ("ecc_errors=1:many", "bad-fault-value"),
        ("slow_flash=soon", "bad-fault-value"),
        ("bad_checksum=2", "bad-fault-value"),
    ],
)
def test_a_fault_that_would_hit_nothing_is_refused(tmp_path: Path, word: str, code: str) -> None:
    host = declared(tmp_path, FLEET.format(name="x", ascend=1)).host("asc-01")
    assert host is not None
    with pytest.raises(Permanent) as refused:
        faults.parse([word], host)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('version: "12"', 'version: "11"', "sandbox-os"),
        ("architecture: x86_64", "architecture: aarch64", "sandbox-architecture"),
        ("http://mirror.north.test", "https://mirror.north.test/pub", "sandbox-mirror"),
        ("10.21.{host}", "198.18.{host}", "address-range-in-use"),
    ],
)
def test_what_the_sandbox_cannot_imitate_is_told_with_its_place(tmp_path: Path, old: str, new: str, code: str) -> None:
    text = FLEET.format(name="x", ascend=1)
    assert old in text
    with pytest.raises(Problems) as caught:
        declared(tmp_path, text.replace(old, new, 1))
    assert [error.code for error in caught.value.errors] == [code]
    assert "fleet.yaml:" in str(caught.value.errors[0].where)


def test_an_address_depends_on_the_hosts_name_alone() -> None:
    many = tuple(f"host-{index:03d}" for index in range(200))
    some = addresses(many[:50])
    assert some.items() <= addresses(many).items()
    assert len(set(addresses(many).values())) == 200


def test_hosts_that_fall_on_one_address_are_told_apart() -> None:
    names = tuple(f"h{index}" for index in range(20000))
    assert len(set(addresses(names).values())) == 20000


@pytest.mark.parametrize(
    ("found", "lost", "action"),
    [
        (None, False, "create"),
        (Found(State.RUNNING, "a"), False, "keep"),
        (Found(State.RUNNING, "b"), False, "recreate"),
        (Found(State.OFF, "a"), False, "stay off"),
        (Found(State.OFF, "b"), False, "recreate"),
        (Found(State.CRASHED, "a"), False, "start"),
        (Found(State.ORPHANED, "a"), False, "start"),
        (Found(State.RUNNING, "a"), True, "start"),
        (Found(State.OFF, "a"), True, "stay off"),
        (Found(State.ABSENT, None), False, "create"),
    ],
)
def test_up_does_to_a_host_what_its_state_asks_for(found: Found | None, lost: bool, action: str) -> None:  # noqa: FBT001 - a parameter of the table
    present = {"h": found} if found else {}
    (move,) = moves({"h": "a"}, present, network_lost=lost)
    assert move.action == action


def test_hosts_that_are_no_longer_declared_go_first() -> None:
    planned = moves({"b": "x"}, {"a": Found(State.RUNNING, "x")}, network_lost=False)
    assert [(move.name, move.action) for move in planned] == [("a", "remove"), ("b", "create")]


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a.b", "a" * 41, "a/b"])
def test_a_name_that_cannot_name_a_namespace_is_refused(name: str) -> None:
    with pytest.raises(Permanent, match="cannot name a sandbox"):
        layout(name, Path("/x"), {})


def test_the_home_lies_beside_the_inventory_folder() -> None:
    assert home_root(Path("/r/inventory/sandbox"), {}) == Path("/r/.causeway")
    assert home_root(Path("/r/fleet"), {}) == Path("/r/fleet/.causeway")
    assert home_root(Path("/r/fleet"), {"CAUSEWAY_HOME": "/h"}) == Path("/h")


def test_the_name_is_read_from_a_declaration_that_is_broken_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text('version: [\nname: "north-1"  # the name\nsites: }')
    assert declared_name(tmp_path) == "north-1"
    with pytest.raises(Permanent, match="cannot be read"):
        declared_name(tmp_path / "nowhere")


def test_ssh_config_bears_paths_with_spaces_and_percent_signs() -> None:
    place = layout("x", Path("/a b/100%"), {})
    host = HostSpec("h", "198.18.1.1", "c", "p", "s", "ops", "debian 12", "http://m", aliases=("10.0.0.1",))
    text = ssh.ssh_config(place, (host,))
    assert '  IdentityFile "/a b/100%%/sandbox/x/id_ed25519"\n' in text
    assert "Host h 10.0.0.1\n" in text


@pytest.mark.parametrize(
    ("release", "newer", "version"),
    [
        ("6.1.0-28-amd64", "6.1.1-28-amd64", "6.1.0-1"),
        ("6.18.44-x", "6.18.45-x", "6.18.44-1"),
        ("6.8", "6.8.1", "6.8-1"),
    ],
)
def test_the_newer_kernel_counts_on_from_the_running_one(release: str, newer: str, version: str) -> None:
    assert kernels.newer(release) == newer
    assert kernels.version(release) == version
