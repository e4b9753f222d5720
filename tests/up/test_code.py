"""What an edited role does to hosts in service: the commands run from a copy of the checkout, which is edited."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.small_fleet import REPOSITORY
from tests.up.packets import ssh_packets
from tests.up.well import ALL, H20
from tests.up.world import PROJECT, World

pytestmark = [pytest.mark.sandbox, pytest.mark.tools, pytest.mark.slow, pytest.mark.usefixtures("well_again")]
NOTE = "/etc/causeway-test-note"
TASK = f"""
- name: Leave a note
  ansible.builtin.copy:
    content: seen
    dest: {NOTE}
    mode: "0644"
"""


@pytest.fixture
def role(world: World) -> Iterator[Path]:
    """The tasks of the Nvidia hosts' role in a copy of the checkout from which the world's commands run meanwhile."""
    copy, project, extra = world.root / "checkout", world.root / "Pulumi.yaml", world.extra
    for part in ("infra", "playbooks", "charts"):
        shutil.copytree(REPOSITORY / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "tools").mkdir()
    shutil.copy(REPOSITORY / "pyproject.toml", copy)
    project.write_text(PROJECT.format(repository=copy))
    world.extra = extra | {"PYTHONPATH": str(copy / "infra")}
    try:
        yield copy / "playbooks" / "roles" / "nvidia_driver" / "tasks" / "main.yml"
    finally:
        world.extra = extra
        project.write_text(PROJECT.format(repository=REPOSITORY))
        shutil.rmtree(copy)


def stamps(world: World) -> dict[str, dict[str, Any]]:
    """The stamps of all hosts."""
    return {host: world.stamp(host) for host in ALL}


def test_a_comment_in_a_role_touches_no_host(world: World, role: Path) -> None:
    role.write_text(f"# A new comment.\n{role.read_text()}\n# And one at the end.\n")
    before = stamps(world)
    with world.out_of_service("east") as out, ssh_packets(world.sandbox.place.netns) as packets:
        ended = world.up()
    assert ended.results() == {"east": "unchanged", "west": "unchanged"}
    assert packets() == 0
    assert set(out) == {frozenset()}, "a host was cordoned"
    assert stamps(world) == before


def test_a_harmless_task_in_a_vendor_s_role_runs_on_its_hosts_alone_without_a_cordon(world: World, role: Path) -> None:
    role.write_text(role.read_text() + TASK)
    before = stamps(world)
    with world.out_of_service("east") as out:
        ended = world.up()
    assert ended.results() == {"east": "done", "west": "unchanged"}
    assert ended.hosts() == dict.fromkeys(H20, "done")
    assert set(out) == {frozenset()}, "a host was cordoned"
    after = stamps(world)
    assert after["mlu-01"] == before["mlu-01"]
    for host in H20:
        assert world.say(host, f"cat {NOTE}") == "seen"
        assert after[host]["intent"] == before[host]["intent"]
        assert after[host]["code"] != before[host]["code"], "it is stamped with the new code"
