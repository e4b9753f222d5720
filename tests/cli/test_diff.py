"""`causeway diff` as a user runs it: folders, and revisions of a real git repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from causeway.cli.app import main

SANDBOX = Path(__file__).parents[2] / "inventory" / "sandbox" / "fleet.yaml"
FLEET = Path("inventory/sandbox")
UPGRADE = ('{driver: "6.2.29"', '{driver: "6.2.30"')


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str


Diff = Callable[..., Done]
SETTINGS = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.test",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.test",
}
"""Nothing of the machine's own git configuration."""


@pytest.fixture(autouse=True)
def _of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration of the machine's git, no repository above, and a place to count temporary files in."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name, value in {**SETTINGS, "GIT_CEILING_DIRECTORIES": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.delenv("CAUSEWAY_FLEET", raising=False)


def git(where: Path, *arguments: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["git", "-C", str(where), *arguments], check=True, capture_output=True, env={**kept, **SETTINGS})


def write(repository: Path, *changes: tuple[str, str]) -> None:
    text = SANDBOX.read_text(encoding="utf-8")
    for find, put in changes:
        assert find in text
        text = text.replace(find, put, 1)
    (repository / FLEET).mkdir(parents=True, exist_ok=True)
    (repository / FLEET / "fleet.yaml").write_text(text, encoding="utf-8")


def commit(repository: Path, branch: str) -> None:
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "--allow-empty", "-m", branch)
    git(repository, "branch", "-f", branch)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Revisions `empty`, `before`, `upgrade` and `broken`; the work tree is at `broken`."""
    made = tmp_path_factory.mktemp("template")
    git(made, "init", "-q", "-b", "work")
    commit(made, "empty")
    for branch, change in (("before", ("", "")), ("upgrade", UPGRADE), ("broken", ("weight: 50", "weight: 40"))):
        write(made, change)
        commit(made, branch)
    hook = made / ".git" / "hooks" / "post-checkout"
    hook.write_text("#!/bin/sh\ntouch hook-ran\n")
    hook.chmod(0o755)
    return made


@pytest.fixture
def repository(template: Path, tmp_path: Path) -> Path:
    """A copy of the template that a test may change."""
    return Path(shutil.copytree(template, tmp_path / "repository"))


@pytest.fixture
def causeway_diff(repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Diff:
    """Calls the program in this process, at the top of the repository or in a folder below it."""

    def run(*arguments: str, at: str | Path = ".") -> Done:
        monkeypatch.chdir(repository / at)
        monkeypatch.setattr(sys, "argv", ["causeway", "diff", "--as-of", "2026-11-22", *arguments])
        capsys.readouterr()
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        return Done(status, *capsys.readouterr())

    return run


def test_two_revisions_are_compared_and_nothing_is_left_behind(
    causeway_diff: Diff, repository: Path, tmp_path: Path
) -> None:
    done = causeway_diff("before", "upgrade")
    assert done.status == 0, done.err
    assert "sandbox: before → upgrade, on 2026-11-22" in done.out
    assert "6.2.29 → 6.2.30" in done.out
    assert "looked at no host" in done.out
    assert not list((tmp_path / "temporary").iterdir())
    assert not (repository / "hook-ran").exists()


def test_the_three_formats_say_the_same_change(causeway_diff: Diff) -> None:
    assert "### What leaves service" in causeway_diff("before", "upgrade", "--format", "markdown").out
    documents = [causeway_diff("before", "upgrade", *how).out for how in (("--json",), ("--format", "json"))]
    assert documents[0] == documents[1]
    document = json.loads(documents[0])
    assert document["schema"] == "causeway/diff/v1"
    (changed,) = document["clusters"][0]["pools"][0]["variables"]
    assert (changed["after"], changed["disruption"]) == ("6.2.30", "drain"), "as the role says, like in a preview"
    assert str(tempfile.gettempdir()) not in documents[0]


def test_exit_code_tells_whether_something_changes(causeway_diff: Diff) -> None:
    assert causeway_diff("before", "upgrade", "--exit-code").status == 2
    assert causeway_diff("before", "before", "--exit-code").status == 0
    assert causeway_diff("before", "upgrade").status == 0


def test_a_folder_and_a_revision_are_compared(causeway_diff: Diff, repository: Path) -> None:
    write(repository)
    done = causeway_diff("before", str(FLEET))
    assert "Nothing changes." in done.out
    assert "6.2.30 → 6.2.29" in causeway_diff("upgrade", str(FLEET)).out


def test_a_folder_goes_before_a_revision_of_the_same_name(causeway_diff: Diff, repository: Path) -> None:
    write(repository / "before", UPGRADE)
    done = causeway_diff(f"before/{FLEET}", "upgrade")
    assert "Nothing changes." in done.out
    folder = causeway_diff("before", "upgrade")
    assert folder.status == 1
    assert "holds no fleet.yaml" in folder.err
    assert "Nothing changes." not in causeway_diff("refs/heads/before", "upgrade").out


def test_the_fleet_s_folder_is_meant_from_where_one_stands(causeway_diff: Diff) -> None:
    assert "6.2.29 → 6.2.30" in causeway_diff("before", "upgrade", "--fleet", "sandbox", at="inventory").out
    assert "6.2.29 → 6.2.30" in causeway_diff("before", "upgrade", "--fleet", ".", at=FLEET).out


def test_a_bare_repository_will_do(causeway_diff: Diff, repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(repository), str(tmp_path / "bare.git"))
    assert "6.2.29 → 6.2.30" in causeway_diff("before", "upgrade", at=tmp_path / "bare.git").out


def test_a_fleet_that_was_not_there_is_new_and_one_that_is_gone_is_removed(causeway_diff: Diff) -> None:
    came, went = causeway_diff("empty", "before"), causeway_diff("before", "empty")
    assert "There is no fleet at empty: everything is new." in came.out
    assert "cluster cn-north-inference: new, with 7 hosts" in came.out
    assert "There is no fleet at empty: everything goes." in went.out
    assert causeway_diff("empty", "empty").status == 1


def test_a_malformed_side_is_told_with_the_place_in_its_revision(causeway_diff: Diff, tmp_path: Path) -> None:
    done = causeway_diff("before", "broken")
    assert done.status == 1
    assert "broken:inventory/sandbox/fleet.yaml:161:5" in done.err
    assert done.out == ""
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize(
    ("revision", "hint"),
    [
        ("upgrad", "did you mean upgrade?"),
        ("nothing-like-it", "branches and tags: before, broken, empty, upgrade, work"),
        ("before..upgrade", "did you mean"),
        ("", "branches and tags"),
        ("-h", "branches and tags"),
        ("--output=stolen", "branches and tags"),
        ("before\nupgrade", "branches and tags"),
    ],
)
def test_an_unknown_revision_is_told_with_the_nearest_name(
    causeway_diff: Diff, repository: Path, revision: str, hint: str
) -> None:
    done = causeway_diff("--", "before", revision)
    assert done.status == 1
    assert "error [unknown-revision]" in done.err
    assert hint in done.err
    assert "Traceback" not in done.err
    assert not (repository / "stolen").exists()


def test_outside_a_repository_only_folders_can_be_compared(causeway_diff: Diff, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    done = causeway_diff("before", "upgrade", at=tmp_path / "elsewhere")
    assert done.status == 1
    assert "error [no-repository]" in done.err
    folder = str(SANDBOX.parent)
    assert "Nothing changes." in causeway_diff(folder, folder, at=tmp_path / "elsewhere").out


def test_without_git_that_is_said(causeway_diff: Diff, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "temporary"))
    done = causeway_diff("before", "upgrade")
    assert done.status == 1
    assert "error [git-missing]" in done.err


def test_a_link_that_leads_out_of_the_declaration_is_refused(causeway_diff: Diff, repository: Path) -> None:
    (repository / FLEET / "sites").mkdir()
    (repository / FLEET / "sites" / "passwords.yaml").symlink_to("/etc/passwd")
    write(repository)
    commit(repository, "linked")
    done = causeway_diff("before", "linked")
    assert done.status == 1
    assert "linked:inventory/sandbox/sites/passwords.yaml" in done.err
    assert "outside" in done.err
    assert "root:" not in done.err
