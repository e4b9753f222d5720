"""The fingerprint `code`: exactly the files that a pool's plays reach, by meaning where they are YAML."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import MappingProxyType

import pytest

from causeway.assets import Playbooks
from causeway.catalog import load_catalog
from causeway.errors import Permanent
from causeway.plan.fingerprint import CODE_LENGTH
from causeway.plan.hostvars import PoolVariables, pool_variables
from causeway.plan.playbook_code import code_of, reached
from causeway.plan.playbook_conditions import addressed, pattern, possible
from causeway.plan.playbook_files import PlaybookFiles
from tests.plan.fleets import NORTH, changed, sandbox

FIXTURE = Path(__file__).parent / "playbooks"
VENDORS = ("ascend", "cambricon", "h20", "system")


CONTENT = {path.relative_to(FIXTURE): path.read_bytes() for path in FIXTURE.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(FIXTURE, tmp_path_factory.mktemp("code") / "playbooks"))


@pytest.fixture
def playbooks(copied: Path) -> Iterator[Path]:
    """A copy of the playbooks that a test may change; what it changed is written back after it."""
    yield copied
    for name, content in CONTENT.items():
        path = copied / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


@pytest.fixture(scope="session")
def pools() -> dict[str, PoolVariables]:
    return {name: pool_variables(sandbox(), load_catalog(), NORTH, name) for name in VENDORS}


Codes = Callable[[Path], dict[str, str | None]]


@pytest.fixture(scope="session")
def codes(pools: dict[str, PoolVariables]) -> Codes:
    @cache
    def unchanged() -> dict[str, str | None]:
        return walked(FIXTURE)

    def walked(playbooks: Path) -> dict[str, str | None]:
        code = code_of(Playbooks(playbooks))
        return {name: code(pool) for name, pool in pools.items()}

    return lambda playbooks: unchanged() if playbooks == FIXTURE else walked(playbooks)


def test_a_pool_s_code_is_the_same_whichever_pools_were_asked_before(
    codes: Codes, pools: dict[str, PoolVariables]
) -> None:
    assert {name: code_of(Playbooks(FIXTURE))(pool) for name, pool in pools.items()} == codes(FIXTURE)
    code = code_of(Playbooks(FIXTURE))
    assert {name: code(pools[name]) for name in reversed(VENDORS)} == codes(FIXTURE)
    assert [code(pools[name]) for name in VENDORS] == list(codes(FIXTURE).values())


def test_a_pool_like_another_in_all_that_plays_name_has_its_code() -> None:
    code = code_of(Playbooks(FIXTURE))
    renamed = changed(lambda document: document["clusters"].update(other=document["clusters"].pop(NORTH)))
    one = pool_variables(sandbox(), load_catalog(), NORTH, "h20")
    other = pool_variables(renamed, load_catalog(), "other", "h20")
    assert one.context != other.context
    assert code(one) == code(other) == code_of(Playbooks(FIXTURE))(other)


def files_of(playbooks: Path, pool: PoolVariables) -> set[str]:
    return {part.partition("#")[0] for part in reached(PlaybookFiles(Playbooks(playbooks)), pool).parts}


EVERYWHERE = {
    "site.yml",
    "vars/site.yml",
    "tasks/report.yml",
    "plugins/filter/versions.py",
    "roles/baseline_os/tasks/main.yml",
    "roles/baseline_os/tasks/debian.yml",
    "roles/baseline_os/tasks/redhat.yml",
    "roles/baseline_os/defaults/main.yml",
    "roles/baseline_os/templates/limits.conf.j2",
    "roles/baseline_os/templates/header.j2",
    "roles/baseline_os/meta/main.yml",
    "roles/baseline_os/meta/argument_specs.yml",
}
FACTS = {
    "verify.yml",
    "roles/accelerator_facts/tasks/main.yml",
    "roles/accelerator_facts/meta/main.yml",
    "plugins/modules/accelerator_facts.py",
    "plugins/module_utils/pci.py",
}


def test_a_pool_without_accelerators_reaches_only_what_every_host_gets(pools: dict[str, PoolVariables]) -> None:
    assert files_of(FIXTURE, pools["system"]) - {"verify.yml"} == EVERYWHERE


def test_the_role_that_a_variable_names_is_reached_with_its_dependencies_and_no_other_vendors(
    pools: dict[str, PoolVariables],
) -> None:
    assert files_of(FIXTURE, pools["ascend"]) - EVERYWHERE - FACTS == {
        "group_vars/vendor_huawei.yml",
        "plugins/modules/fabric_address.py",
        "roles/ascend_driver/tasks/main.yml",
        "roles/ascend_driver/tasks/fabric.yml",
        "roles/ascend_driver/handlers/main.yml",
        "roles/ascend_driver/defaults/main.yml",
        "roles/ascend_driver/vars/ascend-910b3.yml",
        "roles/ascend_driver/templates/install.conf.j2",
        "roles/ascend_driver/templates/upgrade.conf.j2",
        "roles/ascend_driver/files/collect.sh",
        "roles/ascend_driver/meta/main.yml",
    }
    assert files_of(FIXTURE, pools["h20"]) - EVERYWHERE - FACTS == {
        "roles/nvidia_driver/tasks/main.yml",
        "roles/nvidia_driver/tasks/restart.yml",
        "roles/nvidia_driver/defaults/main.yml",
        "roles/nvidia_driver/files/pin/nvidia",
        "roles/nvidia_driver/files/licence.txt",
    }


def test_the_same_files_give_the_same_code_in_another_folder(codes: Codes, playbooks: Path) -> None:
    assert codes(playbooks) == codes(FIXTURE)
    assert all(code is not None and len(code) == CODE_LENGTH for code in codes(FIXTURE).values())
    assert len(set(codes(FIXTURE).values())) == len(VENDORS)


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "roles/ascend_driver/README.md",
        "roles/ascend_driver/molecule/default/converge.yml",
        "roles/ascend_driver/meta/causeway.yml",
        "roles/ascend_driver/vars/ascend-910c.yml",
        "roles/baseline_os/templates/unused.j2",
        "roles/baseline_os/files/unused.conf",
        "plugins/inventory/causeway.py",
        "plugins/module_utils/other.py",
    ],
)
def test_what_no_play_reaches_changes_nothing(codes: Codes, playbooks: Path, name: str) -> None:
    with (playbooks / name).open("a") as file:
        file.write("\n# something else\nmore: content\n")
    assert codes(playbooks) == codes(FIXTURE)


@pytest.mark.parametrize(
    "name", ["site.yml", "roles/ascend_driver/tasks/main.yml", "roles/baseline_os/defaults/main.yml"]
)
def test_a_comment_and_another_formatting_in_yaml_change_nothing(codes: Codes, playbooks: Path, name: str) -> None:
    path = playbooks / name
    path.write_text(
        "# A new comment.\n\n" + path.read_text().replace(": true", ":   true") + "\n# And one at the end.\n"
    )
    assert codes(playbooks) == codes(FIXTURE)


def test_texts_of_argument_specifications_and_galaxy_change_nothing(codes: Codes, playbooks: Path) -> None:
    for name, before in (("argument_specs.yml", "Packages on every host."), ("main.yml", "Operating system")):
        path = playbooks / "roles/baseline_os/meta" / name
        assert before in path.read_text()
        path.write_text(path.read_text().replace(before, "Other words"))
    assert codes(playbooks) == codes(FIXTURE)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("roles/ascend_driver/tasks/main.yml", {"ascend"}),
        ("roles/ascend_driver/tasks/fabric.yml", {"ascend"}),
        ("roles/ascend_driver/handlers/main.yml", {"ascend"}),
        ("roles/ascend_driver/templates/upgrade.conf.j2", {"ascend"}),
        ("roles/ascend_driver/vars/ascend-910b3.yml", {"ascend"}),
        ("roles/ascend_driver/files/collect.sh", {"ascend"}),
        ("group_vars/vendor_huawei.yml", {"ascend"}),
        ("plugins/modules/fabric_address.py", {"ascend"}),
        ("roles/nvidia_driver/tasks/restart.yml", {"h20"}),
        ("roles/nvidia_driver/files/licence.txt", {"h20"}),
        ("roles/nvidia_driver/files/pin/nvidia", {"h20"}),
        ("roles/cambricon_driver/defaults/main.yml", {"cambricon"}),
        ("plugins/module_utils/pci.py", {"ascend", "cambricon", "h20"}),
        ("roles/baseline_os/templates/header.j2", set(VENDORS)),
        ("roles/baseline_os/tasks/redhat.yml", set(VENDORS)),
        ("vars/site.yml", set(VENDORS)),
        ("plugins/filter/versions.py", set(VENDORS)),
    ],
)
def test_a_changed_file_changes_exactly_the_pools_that_reach_it(
    codes: Codes, playbooks: Path, name: str, changed: set[str]
) -> None:
    path = playbooks / name
    added = "- name: One more\n  ansible.builtin.meta: noop\n" if path.read_text().startswith("- ") else "more: true\n"
    path.write_text(path.read_text() + added)
    before, after = codes(FIXTURE), codes(playbooks)
    assert {pool for pool in VENDORS if before[pool] != after[pool]} == changed


def test_a_new_play_for_one_vendor_changes_only_its_pools(codes: Codes, playbooks: Path) -> None:
    site = playbooks / "site.yml"
    play = "- name: First\n  hosts: vendor_cambricon\n  tasks: []\n\n"
    site.write_text(site.read_text().replace("- name: Prepare", f"{play}- name: Prepare", 1))
    before, after = codes(FIXTURE), codes(playbooks)
    assert {pool for pool in VENDORS if before[pool] != after[pool]} == {"cambricon"}


@pytest.mark.parametrize(
    ("name", "old", "new", "where"),
    [
        (
            "roles/nvidia_driver/tasks/main.yml",
            "restart.yml",
            "gone.yml",
            "playbooks/roles/nvidia_driver/tasks/main.yml:20",
        ),
        (
            "roles/nvidia_driver/tasks/main.yml",
            "src: pin",
            "src: gone",
            "playbooks/roles/nvidia_driver/tasks/main.yml:1",
        ),
        ("site.yml", "    - baseline_os", "    - gone", "playbooks/site.yml:2"),
        ("site.yml", "tasks_from: fabric", "tasks_from: gone", "playbooks/site.yml:24"),
        ("site.yml", "vars/site.yml", "vars/gone.yml", "playbooks/site.yml:2"),
        ("site.yml", "verify.yml", "gone.yml", "playbooks/site.yml:29"),
        ("verify.yml", "role: accelerator_facts", "role: gone", "playbooks/verify.yml:4"),
        ("roles/baseline_os/tasks/main.yml", "limits.conf.j2", "gone", "playbooks/roles/baseline_os/tasks/main.yml:4"),
    ],
)
def test_a_file_that_is_named_and_missing_is_an_error_with_its_place(
    codes: Codes, playbooks: Path, name: str, old: str, new: str, where: str
) -> None:
    path = playbooks / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(Permanent, match=r"there is no .*gone") as caught:
        codes(playbooks)
    assert str(caught.value.where) == where


@pytest.mark.parametrize(
    ("text", "where", "reason"),
    [("- name: [", "site.yml:", "cannot be read as YAML"), ("name: x", "site.yml", "list of mappings is expected")],
)
def test_a_playbook_of_another_shape_is_an_error(
    codes: Codes, playbooks: Path, text: str, where: str, reason: str
) -> None:
    (playbooks / "site.yml").write_text(text)
    with pytest.raises(Permanent, match=reason) as caught:
        codes(playbooks)
    assert str(caught.value.where).startswith(f"playbooks/{where}")


def test_a_playbook_that_imports_itself_is_an_error(codes: Codes, playbooks: Path) -> None:
    (playbooks / "verify.yml").write_text("- ansible.builtin.import_playbook: verify.yml\n")
    with pytest.raises(Permanent, match="imports itself"):
        codes(playbooks)


def test_files_outside_of_the_playbooks_are_refused(codes: Codes, playbooks: Path) -> None:
    (playbooks.parent / "outside.yml").write_text("a: 1\n")
    site = playbooks / "site.yml"
    site.write_text(site.read_text().replace("vars/site.yml", "../outside.yml"))
    with pytest.raises(Permanent, match="within the playbooks"):
        codes(playbooks)


def test_without_a_playbook_nothing_is_known(tmp_path: Path, pools: dict[str, PoolVariables]) -> None:
    assert code_of(Playbooks(tmp_path))(pools["ascend"]) is None


def test_a_driver_role_that_the_playbooks_do_not_have_is_not_known(codes: Codes, playbooks: Path) -> None:
    shutil.rmtree(playbooks / "roles" / "cambricon_driver")
    found = codes(playbooks)
    assert found["cambricon"] is None
    assert found["h20"] == codes(FIXTURE)["h20"]


GROUPS = frozenset({"site_a", "tenure_owned", "vendor_huawei", "pool_a__b"})


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("all", True),
        ("vendor_huawei", True),
        ("vendor_nvidia", False),
        ("vendor_*", True),
        ("vendor_nvidia:vendor_huawei", True),
        (["vendor_nvidia", "site_a"], True),
        ("site_a:&vendor_nvidia", False),
        ("site_a,&vendor_huawei", True),
        ("all:!tenure_owned", False),
        ("all:!tenure_cloud", True),
        ("~vendor_(huawei|nvidia)", True),
        ("localhost", False),
        ("{{ target }}", True),
        ("os_debian", True),
    ],
)
def test_which_plays_include_a_pool(hosts: object, expected: object) -> None:
    assert addressed(hosts, GROUPS) is expected


KNOWN = MappingProxyType({"causeway__vendor": "huawei", "causeway__driver_role": None})


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (None, True),
        (True, True),
        (False, False),
        ("causeway__vendor == 'huawei'", True),
        ("causeway__vendor == 'nvidia'", False),
        ("causeway__driver_role is not none", False),
        ("ansible_facts.os_family == 'Debian'", True),
        ("something is defined", True),
        ("something | default(false)", True),
        ("causeway__vendor == 'nvidia' and something", False),
        ("causeway__vendor == 'huawei' and something", True),
        (["something", "causeway__vendor == 'nvidia'"], False),
        ("installed is version('1', '<')", True),
        ("not valid {{", True),
    ],
)
def test_only_what_is_known_decides_a_condition(when: object, expected: object) -> None:
    assert possible(when, KNOWN) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.yml", "a.yml"),
        ("{{ causeway__vendor }}.yml", "huawei.yml"),
        ("{{ ansible_distribution }}-{{ causeway__vendor }}.yml", "*-huawei.yml"),
        ("{{ causeway__driver_role }}", ""),
        ("{{ other | default('x') }}", "*"),
    ],
)
def test_what_only_a_run_knows_of_a_name_can_be_anything(name: str, expected: str) -> None:
    assert pattern(name, KNOWN) == expected
