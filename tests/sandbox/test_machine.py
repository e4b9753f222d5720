"""What is said when the machine, or the user, cannot carry a sandbox."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from causeway.errors import Permanent, Problems
from causeway.sandbox.checks import GIB, Machine, MissingProgram, Need, verify, verify_disk
from tests.sandbox.small_fleet import Sandbox, make

FIT = Machine(
    root=True,
    kernel="6.1.0-28-amd64",
    cgroup2=True,
    missing=(),
    keyring=True,
    inotify_instances=128,
    inotify_used=20,
    home=Path("/srv/causeway"),
    cache=Path("/srv/causeway/cache"),
    home_type="ext4",
    free_bytes=100 * GIB,
)
NINE = Need(new_hosts=9, image_cached=False)


def problems(machine: Machine, need: Need = NINE) -> dict[str, str]:
    """Code and whole text of what is wrong."""
    with pytest.raises(Problems) as caught:
        verify(machine, need)
    assert all(error.hint for error in caught.value.errors)
    return {error.code: str(error) for error in caught.value.errors}


def test_a_fit_machine_passes() -> None:
    verify(FIT, NINE)


def test_too_few_inotify_instances_names_the_setting_and_what_nine_hosts_need() -> None:
    found = problems(replace(FIT, inotify_used=60))
    assert "fs.inotify.max_user_instances" in found["too-few-inotify-instances"]
    assert "sysctl -w fs.inotify.max_user_instances=512" in found["too-few-inotify-instances"]
    verify(replace(FIT, inotify_used=60), Need(new_hosts=0, image_cached=True))  # nothing new to boot, nothing needed


def test_too_little_disk_counts_the_image_only_when_it_is_not_cached() -> None:
    small = replace(FIT, free_bytes=3 * GIB)
    assert "5.2 GiB are needed" in problems(small)["too-little-disk"]
    verify(small, Need(new_hosts=9, image_cached=True))


def test_hosts_that_inotify_is_enough_for_are_counted_as_up_counts_them() -> None:
    room = FIT.hosts_by_inotify
    verify(FIT, Need(new_hosts=room, image_cached=True))
    assert list(problems(FIT, Need(new_hosts=room + 1, image_cached=True))) == ["too-few-inotify-instances"]
    assert replace(FIT, inotify_instances=10).hosts_by_inotify == 0


def test_clusters_alone_are_refused_where_the_disk_is_too_small(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    verify_disk(tmp_path / "not" / "there", GIB // 4, "a cluster")
    with pytest.raises(Permanent, match="GiB are needed \\(a cluster\\)"):
        verify_disk(tmp_path / "not" / "there", free + 1000 * GIB, "a cluster")


@pytest.mark.sandbox
def test_an_up_that_is_refused_has_made_nothing(root: None, tmp_path: Path) -> None:
    sandbox: Sandbox = make(tmp_path)
    done = subprocess.run(
        sandbox.argv("up"),
        env={**sandbox.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "missing-program" in done.stderr
    assert sandbox.traces() == []


@pytest.mark.parametrize(
    ("machine", "code", "words"),
    [
        (replace(FIT, root=False), "not-root", "root"),
        (replace(FIT, kernel="5.10.0-30-amd64"), "old-kernel", "5.14"),
        (replace(FIT, cgroup2=False), "no-cgroup2", "mount -t cgroup2"),
        (replace(FIT, keyring=False), "no-debian-keyring", "debian-archive-keyring"),
        (replace(FIT, home_type="overlay"), "home-on-overlay", "CAUSEWAY_HOME"),
        (replace(FIT, cache=Path("/srv/a:b")), "path-unfit-for-overlay", "/srv/a:b"),
        (
            replace(FIT, missing=(MissingProgram("systemd-nspawn", "systemd-container"),)),
            "missing-program",
            "apt-get install -y --no-install-recommends systemd-container",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_each_thing_that_is_wrong_is_told_with_its_remedy(machine: Machine, code: str, words: str) -> None:
    found = problems(machine)
    assert list(found) == [code]
    assert words in found[code]


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert len(problems(replace(FIT, cgroup2=False, keyring=False, free_bytes=0))) == 3


@pytest.mark.sandbox
def test_without_root_up_names_the_command_that_brings_hosts_up(root: None, tmp_path: Path) -> None:
    sandbox: Sandbox = make(tmp_path)
    # A user namespace without a map: the same files can be read, nothing is privileged, the user is not root.
    done = subprocess.run(
        ["unshare", "--user", "--", *sandbox.argv("up", "--hosts-only")],
        env=sandbox.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "need root" in done.stderr
    assert "sudo -E" in done.stderr
    assert "up --fleet" in done.stderr
    assert sandbox.traces() == []
