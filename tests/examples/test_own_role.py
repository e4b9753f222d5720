"""The example's role in a repository of its own: what `causeway diff` and plain Ansible make of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from causeway.assets import playbooks, playbooks_of
from causeway.fleet.load import load_fleet
from causeway.plan.catalog_of import catalog_of
from causeway.plan.hostvars import pool_variables
from causeway.plan.playbook_code import code_of
from tests.examples.in_house import ROLE, repository

QUIET = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.test",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.test",
}


def run(folder: Path, *words: str, **environ: str) -> str:
    """A program's output, in an environment that names no fleet."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE_", "CAUSEWAY_", "GIT_"))}
    done = subprocess.run(
        words, cwd=folder, env={**kept, **QUIET, **environ}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def causeway(folder: Path, *words: str) -> str:
    return run(folder, sys.executable, "-m", "causeway.cli.app", *words)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """The repository's top, with everything committed."""
    repository(tmp_path / "top")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "first")):
        run(tmp_path / "top", "git", *words)
    return tmp_path / "top"


def test_a_diff_of_two_revisions_sees_the_roles_of_each(top: Path) -> None:
    tasks = top / "roles" / ROLE / "tasks" / "main.yml"
    tasks.write_text(tasks.read_text() + "- name: One more\n  ansible.builtin.meta: noop\n")
    run(top, "git", "commit", "-q", "-a", "-m", "second")
    words = ("diff", "--fleet", "inventory/in-house", "--as-of", "2026-11-22", "--json")
    (changed,) = json.loads(causeway(top, *words, "HEAD~1", "HEAD"))["clusters"]
    assert [pool["pool"] for pool in changed["pools"]] == ["seedchip"]
    assert json.loads(causeway(top, *words, "HEAD", "inventory/in-house"))["clusters"] == []


def test_plain_ansible_finds_role_and_code_in_the_environment_that_causeway_env_makes(top: Path) -> None:
    fleet = top / "inventory" / "in-house"
    chosen = json.loads(causeway(top, "env", "--fleet", str(fleet), "--json"))["variables"]
    assert chosen["ANSIBLE_ROLES_PATH"].split(os.pathsep) == [str(playbooks() / "roles"), str(top / "roles")]
    environ = {**chosen, "NO_COLOR": "1"}
    programs = Path(sys.executable).parent
    listed = json.loads(run(top, str(programs / "ansible-inventory"), "--host", "cn-seed-01", **environ))
    loaded = load_fleet(fleet)
    pool = pool_variables(loaded, catalog_of(loaded, playbooks_of(fleet)), "cn-lab", "seedchip")
    assert listed["causeway__code"] == code_of(playbooks_of(fleet))(pool) != ""
    (top / "play.yml").write_text(
        "- hosts: cn-seed-01\n  gather_facts: false\n  tasks:\n"
        "    - {name: Look, causeway_inventory: {roles: ['{{ causeway__driver_role }}']}}\n"
    )
    assert "failed=0" in run(top, str(programs / "ansible-playbook"), "play.yml", **environ)
