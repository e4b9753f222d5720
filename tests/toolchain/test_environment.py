from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from causeway.toolchain.environment import Places, exports, variables


@pytest.fixture
def places(tmp_path: Path) -> Places:
    home = tmp_path / ".causeway"
    return Places(
        own=tmp_path / "bin",
        fleet=tmp_path / "inventory" / "f",
        home=home,
        kubeconfig=home / "sandbox" / "f" / "kubeconfig",
        ansible_config=tmp_path / "ansible.cfg",
    )


def test_the_environments_programs_come_first_on_path_and_once(places: Places) -> None:
    path = variables(places, {"PATH": f"/usr/bin:{places.own}:/bin"})["PATH"]
    assert path.split(":") == [str(places.own), "/usr/bin", "/bin"]


def test_files_are_named_only_when_they_are_there(places: Places) -> None:
    assert not variables(places, {}).keys() & {"KUBECONFIG", "ANSIBLE_CONFIG", "PULUMI_CONFIG_PASSPHRASE_FILE"}
    for file in (places.kubeconfig, places.ansible_config, places.passphrase):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    chosen = variables(places, {})
    assert chosen["KUBECONFIG"] == str(places.kubeconfig)
    assert chosen["ANSIBLE_CONFIG"] == str(places.ansible_config)
    assert chosen["PULUMI_CONFIG_PASSPHRASE_FILE"] == str(places.passphrase)


def test_a_backend_and_a_passphrase_that_the_user_chose_are_kept(places: Places) -> None:
    places.home.mkdir()
    places.passphrase.touch()
    chosen = variables(places, {"PULUMI_BACKEND_URL": "s3://states", "PULUMI_CONFIG_PASSPHRASE": "mine"})
    assert chosen["PULUMI_BACKEND_URL"] == "s3://states"
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in chosen


def test_a_backend_that_another_checkout_set_is_replaced(places: Places, tmp_path: Path) -> None:
    other = Places(places.own, places.fleet, tmp_path / "other", places.kubeconfig, places.ansible_config)
    chosen = variables(places, variables(other, {}))
    assert chosen["PULUMI_BACKEND_URL"] == places.state.as_uri()


def test_a_shell_reads_back_exactly_what_was_meant() -> None:
    chosen = {"A": "plain", "B": "two words; $(touch x) `y` 'z' \"w\"", "C": "", "D": "ein Ü\nzwei"}
    script = f"{exports(chosen)}\nexec {sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    assert {name: seen[name] for name in chosen} == chosen


def test_causeway_env_names_the_fleets_files_and_makes_pulumis_folders(tmp_path: Path) -> None:
    fleet = tmp_path / "with space" / "inventory" / "mine"
    fleet.mkdir(parents=True)
    (fleet / "fleet.yaml").write_text("version: 1\nname: north-1\nbroken: [\n", "utf-8")
    home = tmp_path / "with space" / ".causeway"
    kubeconfig = home / "sandbox" / "north-1" / "kubeconfig"
    kubeconfig.parent.mkdir(parents=True)
    kubeconfig.touch()
    unset = {"CAUSEWAY_HOME", "CAUSEWAY_FLEET", "PULUMI_BACKEND_URL"}
    environ = {name: value for name, value in os.environ.items() if name not in unset}
    command = [sys.executable, "-m", "causeway.cli.app", "env", "--fleet", str(fleet)]

    document = json.loads(subprocess.run([*command, "--json"], env=environ, capture_output=True, check=True).stdout)
    assert document["schema"] == "causeway/env/v1"
    assert document["variables"]["CAUSEWAY_FLEET"] == str(fleet)
    assert document["variables"]["KUBECONFIG"] == str(kubeconfig)
    assert (home / "state").is_dir()
    assert (home / "pulumi").is_dir()

    printed = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    script = f'{printed}\nprintf %s "$KUBECONFIG"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout == str(kubeconfig)


def test_causeway_env_lets_plain_ansible_read_the_declaration_and_reach_the_sandbox_while_it_is_up(
    tmp_path: Path,
) -> None:
    home = tmp_path / ".causeway" / "sandbox" / "north-1"
    home.mkdir(parents=True)
    declaration = tmp_path / "inventory" / "mine" / "fleet.yaml"
    declaration.parent.mkdir(parents=True)
    declaration.write_text("name: north-1\n", "utf-8")
    environ = {name: value for name, value in os.environ.items() if name not in {"CAUSEWAY_HOME", "CAUSEWAY_FLEET"}}
    command = [sys.executable, "-m", "causeway.cli.app", "env", "--fleet", str(declaration.parent)]

    def chosen() -> dict[str, str]:
        done = subprocess.run([*command, "--json"], env=environ, capture_output=True, check=True)
        return dict(json.loads(done.stdout)["variables"])

    found = chosen()
    assert (Path(found["ANSIBLE_CONFIG"]).name, found["ANSIBLE_INVENTORY"]) == ("ansible.cfg", str(declaration))
    assert "ANSIBLE_SSH_COMMON_ARGS" not in found
    (home / "ssh_config").touch()
    assert str(home / "ssh_config") in chosen()["ANSIBLE_SSH_COMMON_ARGS"]
