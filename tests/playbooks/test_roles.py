"""Every role keeps to the house's rules: its manual, its contract, its README and its plays agree."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from causeway.assets import Playbooks
from causeway.catalog import load_catalog
from causeway.errors import CausewayError
from causeway.fleet.load import load_fleet
from causeway.plan.disruption import ORDER
from causeway.plan.inventory import inventory
from causeway.plan.playbook_code import code_of
from tests.playbooks.loading import PLAYBOOKS
from tests.sandbox.small_fleet import REPOSITORY

ROLES = sorted(path.parents[1] for path in PLAYBOOKS.glob("roles/*/tasks/main.yml"))
IDS = [role.name for role in ROLES]
DRIVERS = [role for role in ROLES if role.name.endswith("_driver")]
PLAYS = [
    ("validate.yml", "Validate"),
    ("lock.yml", "Lock"),
    ("baseline.yml", "Baseline"),
    ("drivers.yml", "Drivers"),
    ("container_runtime.yml", "Container runtime"),
    ("reboot.yml", "Reboot"),
    ("verify.yml", "Verify"),
    ("finish.yml", "Finish"),
]
DISTURBING = {"causeway_unit", "causeway_services", "ansible.builtin.systemd_service", "ansible.builtin.reboot"}
DISRUPTIVE = re.compile(r"disruption_(restart|drain|reboot)")


def parsed(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def tasks_of(role: Path) -> Iterator[dict[str, Any]]:
    """Every task of a role, those in blocks included."""

    def walk(entries: list[dict[str, Any]] | None) -> Iterator[dict[str, Any]]:
        for entry in entries or []:
            yield entry
            for part in ("block", "rescue", "always"):
                yield from walk(entry.get(part))

    for path in sorted(role.glob("tasks/*.yml")):
        yield from walk(parsed(path))


def specs(role: Path) -> dict[str, Any]:
    found: dict[str, Any] = parsed(role / "meta" / "argument_specs.yml")["argument_specs"]
    return found


def test_there_are_the_roles_of_three_vendors_and_what_they_share() -> None:
    shared = {"accelerator_facts", "baseline_os", "container_runtime"}
    assert shared | {"nvidia_driver", "ascend_driver", "cambricon_driver"} <= set(IDS)


@pytest.mark.parametrize("role", ROLES, ids=IDS)
def test_a_readme_says_what_the_specifications_say(role: Path) -> None:
    spec = importlib.util.spec_from_file_location("role_readmes", REPOSITORY / "docs" / "role_readmes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (role / "README.md").read_text(encoding="utf-8") == module.readme(role), "python docs/role_readmes.py"


@pytest.mark.parametrize("role", ROLES, ids=IDS)
def test_every_variable_is_described_typed_and_of_the_role(role: Path) -> None:
    for entry in specs(role).values():
        assert entry["short_description"]
        for name, option in (entry.get("options") or {}).items():
            assert name.startswith(f"{role.name}__")
            assert option["description"]
            assert option["type"]


@pytest.mark.parametrize("role", ROLES, ids=IDS)
def test_defaults_are_the_specifications_own_and_each_has_its_comment(role: Path) -> None:
    path = role / "defaults" / "main.yml"
    options = specs(role)["main"].get("options") or {}
    if not options:
        assert not path.exists()
        return
    defaults = parsed(path)
    assert set(defaults) <= set(options)
    for name, value in defaults.items():
        told = options[name].get("default")
        assert told is None or str(told) == str(value) or isinstance(value, list | dict), name
        assert told is not None or value in ("", None, [], {}) or "{{" in str(value), name
    groups = re.split(r"\n\s*\n", path.read_text(encoding="utf-8").removeprefix("---\n").strip())
    for group in groups:
        assert group.lstrip().startswith("#"), f"no comment above: {group[:60]}"


@pytest.mark.parametrize("role", ROLES, ids=IDS)
def test_entries_are_task_files(role: Path) -> None:
    for entry in specs(role):
        assert (role / "tasks" / f"{entry}.yml").is_file()


@pytest.mark.parametrize("role", [r for r in ROLES if (r / "meta/causeway.yml").is_file()])
def test_what_a_change_does_is_said_of_variables_that_are_there(role: Path) -> None:
    said = parsed(role / "meta" / "causeway.yml")
    assert said["disruption"] in ORDER
    assert set(said.get("variables") or {}) <= set(specs(role)["main"]["options"])


@pytest.mark.parametrize("role", DRIVERS, ids=[role.name for role in DRIVERS])
def test_a_driver_role_has_what_plays_include(role: Path) -> None:
    for name in ("main", "verify", "quiesce", "wake", "rollback"):
        assert (role / "tasks" / f"{name}.yml").is_file()
    assert (role / "meta" / "causeway.yml").is_file()
    options = specs(role)["main"]["options"]
    for name in ("driver_version", "expected_accelerators", "mirror", "managed_by"):
        assert f"{role.name}__{name}" in options


@pytest.mark.parametrize("role", ROLES, ids=IDS)
def test_tasks_are_named_and_disruption_is_told_by_its_three_words(role: Path) -> None:
    for task in tasks_of(role):
        assert task.get("name"), task
        tags = task.get("tags") or []
        for tag in [tags] if isinstance(tags, str) else tags:
            assert not tag.startswith("disruption") or DISRUPTIVE.fullmatch(tag), tag


# Tasks that act on services or run installers and disturb nothing that runs, with the reason.
HARMLESS = {
    "Apply kernel settings": "systemd-sysctl is a oneshot unit: it sets what the files say and ends",
    "Wait for what an earlier run has begun": "starts nothing",
    "Wait for installers that an earlier run has begun": "starts nothing",
    "Install CANN": "files beside those of the version in use; only what is started later sees them",
    "Install the toolkit and the libraries": "files; what runs keeps those that it has open",
    "Start what was stopped": "nothing uses a service that does not run",
    "Install {{ ascend_driver__step.part }}": "tagged where it is included, by what it installs",
}


@pytest.mark.parametrize("role", ROLES, ids=IDS)
def test_whatever_may_disturb_is_tagged_with_what_it_may_do(role: Path) -> None:
    handlers = role / "handlers" / "main.yml"
    tasks = [*tasks_of(role), *(parsed(handlers) if handlers.is_file() else [])]
    for task in tasks:
        if not DISTURBING & task.keys() or task["name"] in HARMLESS:
            continue
        tags = task.get("tags") or []
        assert any(DISRUPTIVE.fullmatch(tag) for tag in tags), f"{role.name}: {task['name']}"


def test_what_is_called_harmless_is_there() -> None:
    names = {task["name"] for role in ROLES for task in tasks_of(role)}
    names |= {task["name"] for path in PLAYBOOKS.glob("roles/*/handlers/main.yml") for task in parsed(path)}
    assert names >= HARMLESS.keys()


@pytest.mark.parametrize("role", ROLES, ids=IDS)
def test_no_error_is_ignored_without_a_reason_beside_it(role: Path) -> None:
    for path in role.glob("tasks/*.yml"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if "ignore_errors" in line:
                assert "#" in line, f"{path.name}: {line.strip()}"


@pytest.mark.parametrize("role", ROLES, ids=IDS)
def test_no_role_reboots_by_itself(role: Path) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in role.glob("tasks/*.yml"))
    assert "builtin.reboot" not in text
    assert "systemctl reboot" not in text


def test_site_composes_the_plays_in_their_order_under_the_names_that_rollouts_know() -> None:
    site = parsed(PLAYBOOKS / "site.yml")
    assert [entry["ansible.builtin.import_playbook"] for entry in site] == [file for file, _ in PLAYS]
    for file, name in PLAYS:
        (play,) = parsed(PLAYBOOKS / file)
        assert play["name"] == name
        assert play["hosts"] == "all:!causeway_out_of_service"
        assert play["gather_facts"] is False


@pytest.mark.parametrize(("file", "name"), [("quiesce.yml", "Quiesce"), ("wake.yml", "Wake")])
def test_the_plays_beside_it_that_rollouts_run_have_the_names_that_they_know(file: str, name: str) -> None:
    (play,) = parsed(PLAYBOOKS / file)
    assert (play["name"], play["hosts"]) == (name, "all:!causeway_out_of_service")


def test_both_configurations_say_the_same() -> None:
    own = (REPOSITORY / "ansible.cfg").read_text(encoding="utf-8").splitlines()[2:]
    shipped = (PLAYBOOKS / "ansible.cfg").read_text(encoding="utf-8").splitlines()[2:]
    expected = [line.replace("playbooks/", "") for line in own if not line.startswith("inventory = ")]
    assert shipped == expected


def test_every_pool_of_the_sandbox_has_a_fingerprint_of_its_code() -> None:
    loaded = load_fleet(REPOSITORY / "inventory" / "sandbox")
    catalog = load_catalog(loaded.fleet.catalog, loaded.marks)
    try:
        pools = list(inventory(loaded, catalog, code_of(Playbooks(PLAYBOOKS))))
    except CausewayError as error:
        pytest.fail(str(error))
    codes = {str(pool.variables["causeway__driver_role"]): pool.variables["causeway__code"] for pool in pools}
    assert len(codes) == 4
    assert all(codes.values())
    assert len(set(codes.values())) == 4
