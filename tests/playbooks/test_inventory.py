"""The declaration as Ansible's inventory: groups, variables, who is left out, and how a broken one ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from causeway.catalog import load_catalog
from causeway.fleet.load import load_fleet
from causeway.plan.hostvars import host_variables, pool_variables
from tests.playbooks.loading import PLAYBOOKS
from tests.sandbox.small_fleet import REPOSITORY

TEMPLATE = Path(__file__).with_name("fleet.yaml.template")


def ansible(program: str, *words: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name(program)), *words],
        env={**os.environ, "ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"), "NO_COLOR": "1", **(environ or {})},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def plain(value: Any) -> Any:
    """A value without the marks with which Ansible says that a text is no template."""
    if isinstance(value, dict):
        return (
            value["__ansible_unsafe"]
            if value.keys() == {"__ansible_unsafe"}
            else {k: plain(v) for k, v in value.items()}
        )
    return [plain(each) for each in value] if isinstance(value, list) else value


def listed(fleet: Path) -> dict[str, Any]:
    done = ansible("ansible-inventory", "-i", str(fleet), "--list")
    assert done.returncode == 0, done.stderr
    return dict(plain(json.loads(done.stdout)))


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.yaml"
    path.write_text(TEMPLATE.read_text(encoding="utf-8").format(name="mine"))
    return path


def test_groups_and_variables_are_the_plans(fleet: Path) -> None:
    found = listed(fleet)
    loaded = load_fleet(fleet)
    catalog = load_catalog(loaded.fleet.catalog, loaded.marks)
    for (cluster, pool), hosts in loaded.hosts.pools.items():
        common = pool_variables(loaded, catalog, cluster, pool)
        for number, name in hosts.numbered():
            expected = json.loads(json.dumps(host_variables(common, name, number, hosts.records.get(name))))
            shown = found["_meta"]["hostvars"][name]
            assert {key: shown[key] for key in expected} == expected
            assert found[common.groups[-1]]["hosts"].count(name) == 1
        for group in common.groups[:-1]:
            assert common.groups[-1] in found[group]["children"]


def test_each_host_carries_the_fingerprints_of_what_it_should_be(fleet: Path) -> None:
    variables = listed(fleet)["_meta"]["hostvars"]
    for name, shown in variables.items():
        state = "out_of_service" if name == "sys-02" else f"ok {shown['causeway__intent']} {shown['causeway__code']}"
        assert shown["causeway__desired"] == state
    assert variables["asc-01"]["ascend_driver__fabric_addresses"][:2] == ["10.21.1.1/16", "10.21.1.2/16"]


def test_a_host_that_is_out_of_service_is_in_the_group_that_no_play_touches(fleet: Path) -> None:
    assert listed(fleet)["causeway_out_of_service"]["hosts"] == ["sys-02"]
    done = ansible("ansible-playbook", "-i", str(fleet), str(PLAYBOOKS / "site.yml"), "--list-hosts")
    assert "asc-01" in done.stdout
    assert "sys-02" not in done.stdout


def test_connections_of_two_fleets_are_apart(fleet: Path) -> None:
    shown = listed(fleet)["_meta"]["hostvars"]["asc-01"]
    assert shown["ansible_control_path_dir"] == "~/.ansible/cp/mine"


def test_a_declaration_with_errors_ends_ansible_with_all_of_them(fleet: Path) -> None:
    fleet.write_text(
        fleet.read_text()
        .replace("time_zone: Asia/Shanghai", "time_zone: Nowhere")
        .replace("purpose: inference", "purpose: x")
    )
    done = ansible("ansible-playbook", "-i", str(fleet), str(PLAYBOOKS / "facts.yml"))
    assert done.returncode == 1
    assert done.stderr.count("fleet.yaml:") >= 2
    assert "allowed: inference, training" in done.stderr
    assert "Traceback" not in done.stderr
    assert "PLAY" not in done.stdout


def test_a_fleet_without_hosts_ends_ansible(tmp_path: Path, fleet: Path) -> None:
    text = fleet.read_text()
    (tmp_path / "fleet.yaml").write_text(text[: text.index("clusters:")])
    done = ansible("ansible-playbook", "-i", str(fleet), str(PLAYBOOKS / "facts.yml"))
    assert done.returncode == 1
    assert "no hosts that Ansible could reach" in done.stderr


def test_without_causeway_it_says_what_to_install(fleet: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden" / "causeway"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError('hidden for this test')\n")
    done = ansible("ansible-inventory", "-i", str(fleet), "--list", environ={"PYTHONPATH": str(hidden.parent)})
    assert done.returncode == 1
    assert "install Causeway's wheel" in done.stderr


def test_another_yaml_file_is_no_declaration(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("all:\n  hosts:\n    one: {}\n")
    done = ansible("ansible-inventory", "-i", str(tmp_path / "other.yaml"), "--list")
    assert done.returncode != 0
    assert "one" not in done.stdout


def test_an_ini_inventory_is_read_as_ever(tmp_path: Path) -> None:
    (tmp_path / "hosts.ini").write_text("[lab]\none\n")
    done = ansible("ansible-inventory", "-i", str(tmp_path / "hosts.ini"), "--list")
    assert "one" in done.stdout


def with_secrets(fleet: Path) -> None:
    text = fleet.read_text(encoding="utf-8")
    text = text.replace(
        "container_runtime__install: true, baseline_os__sysctl: {vm.max_map_count: 262144}",
        "baseline_os__kernel: {secret: kernel}, baseline_os__time_servers: [{secret: clock}, {secret: other}]",
    )
    declared = "secrets:\n  kernel: {from: env, name: KERNEL}\n  clock: {from: file}\n  other: {from: pulumi_config}\n"
    fleet.write_text(text.replace("clusters:\n", f"{declared}clusters:\n", 1), encoding="utf-8")


def test_a_secret_comes_from_the_environment_or_a_file_and_is_no_template(fleet: Path) -> None:
    with_secrets(fleet)
    (fleet.parent / "clock").write_text("clock.example.test\n", encoding="utf-8")
    done = ansible("ansible-inventory", "-i", str(fleet), "--host", "sys-01", environ={"KERNEL": "{{ 1 + 1 }}"})
    shown = plain(json.loads(done.stdout))
    assert shown["baseline_os__kernel"] == "{{ 1 + 1 }}"
    assert shown["baseline_os__time_servers"] == ["clock.example.test", {"secret": "other"}]
    assert shown["causeway__secrets_lacking"].keys() == {"other"}


def test_a_secret_without_a_value_fails_the_host_that_needs_it_before_it_is_touched(fleet: Path) -> None:
    with_secrets(fleet)
    done = ansible("ansible-playbook", "-i", str(fleet), str(PLAYBOOKS / "site.yml"), "--limit", "sys-01")
    assert done.returncode == 2
    said = " ".join(done.stdout.split())
    assert (
        "secret-missing: baseline_os__kernel needs the secret kernel: it has no value: the environment has no " in said
    )
    assert "to do: export KERNEL=..." in said
    assert "baseline_os__time_servers needs the secret other: it comes from pulumi_config, " in said
    assert "unreachable=0" in said


@pytest.mark.parametrize("limit", ["sys-02", "sys-02:&site_north"])
def test_a_run_that_is_left_without_hosts_is_an_error(fleet: Path, limit: str) -> None:
    done = ansible("ansible-playbook", "-i", str(fleet), str(PLAYBOOKS / "site.yml"), "--limit", limit)
    assert done.returncode == 1
    assert "no-hosts: this play has no host to work on" in done.stderr
