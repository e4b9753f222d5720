"""The folder of a tree: nothing of others is touched, a killed run does no harm, staleness is told."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from causeway.errors import Permanent, Problems, Retryable
from causeway.preview.gitops_tree import LIST, compare, write

OLD = {"clusters/a/_namespaces/n.yaml": "n\n", "clusters/a/n/r/x.yaml": "old\n", "clusters/b/n/r/y.yaml": "y\n"}
NEW = {"clusters/a/_namespaces/n.yaml": "n\n", "clusters/a/n/s/z.yaml": "new\n", "clusters/b/n/r/y.yaml": "Y\n"}


def held(folder: Path) -> dict[str, str]:
    """Every file but the list."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files if path.name != LIST}


def test_a_tree_is_written_once_and_then_left_alone(tmp_path: Path) -> None:
    first = write(tmp_path / "new" / "tree", OLD, None)
    assert (first.added, first.changed, first.removed) == (tuple(sorted(OLD)), (), ())
    assert held(tmp_path / "new" / "tree") == OLD
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "new").rglob("*")}
    assert not write(tmp_path / "new" / "tree", OLD, None).stale
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "new").rglob("*")} == before


def test_what_changes_is_written_and_what_goes_leaves_no_empty_folder(tmp_path: Path) -> None:
    write(tmp_path, OLD, None)
    made = write(tmp_path, NEW, None)
    assert made.added == ("clusters/a/n/s/z.yaml",)
    assert made.changed == ("clusters/b/n/r/y.yaml",)
    assert made.removed == ("clusters/a/n/r/x.yaml",)
    assert held(tmp_path) == NEW
    assert not (tmp_path / "clusters/a/n/r").exists()


def test_files_of_others_stay_beside_and_below(tmp_path: Path) -> None:
    write(tmp_path, OLD, None)
    for name in ("README.md", "clusters/a/n/r/own.yaml", "clusters/a/kustomization.yaml"):
        (tmp_path / name).write_text("mine")
    write(tmp_path, NEW, None)
    assert (tmp_path / "clusters/a/n/r/own.yaml").read_text() == "mine"
    assert held(tmp_path).keys() == NEW.keys() | {
        "README.md",
        "clusters/a/n/r/own.yaml",
        "clusters/a/kustomization.yaml",
    }
    write(tmp_path, {}, None)
    assert set(held(tmp_path).values()) == {"mine"}


def test_a_file_of_somebody_else_is_never_overwritten(tmp_path: Path) -> None:
    theirs = tmp_path / "clusters/a/n/r/x.yaml"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("theirs")
    with pytest.raises(Problems) as caught:
        write(tmp_path, OLD, None)
    assert [(each.code, each.where) for each in caught.value.errors] == [("not-ours", str(theirs))]
    assert held(tmp_path) == {"clusters/a/n/r/x.yaml": "theirs"}


def test_a_file_that_somebody_wrote_just_so_becomes_ours(tmp_path: Path) -> None:
    same = tmp_path / "clusters/a/n/r/x.yaml"
    same.parent.mkdir(parents=True)
    same.write_text(OLD["clusters/a/n/r/x.yaml"])
    write(tmp_path, OLD, None)
    write(tmp_path, {}, None)
    assert held(tmp_path) == {}


def test_nothing_is_written_or_removed_through_a_link(tmp_path: Path) -> None:
    outside, tree = tmp_path / "outside", tmp_path / "tree"
    outside.mkdir()
    (tree / "clusters").mkdir(parents=True)
    (tree / "clusters" / "a").symlink_to(outside)
    with pytest.raises(Problems) as caught:
        write(tree, OLD, None)
    assert {each.code for each in caught.value.errors} == {"link-in-tree"}
    assert list(outside.iterdir()) == []


def test_a_link_in_the_place_of_a_file_of_ours_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    tree, outside = tmp_path / "tree", tmp_path / "outside.yaml"
    write(tree, OLD, None)
    outside.write_text("outside")
    file = tree / "clusters/a/n/r/x.yaml"
    file.unlink()
    file.symlink_to(outside)
    write(tree, OLD, None)
    assert (file.is_symlink(), file.read_text(), outside.read_text()) == (False, "old\n", "outside")


def test_a_changed_list_leads_nowhere_outside(tmp_path: Path) -> None:
    tree, outside = tmp_path / "tree", tmp_path / "outside.yaml"
    write(tree, OLD, None)
    outside.write_text("outside")
    for path in ("../outside.yaml", str(outside), "clusters/../../outside.yaml"):
        document = json.loads((tree / LIST).read_text())
        document["files"][path] = "0"
        (tree / LIST).write_text(json.dumps(document))
        with pytest.raises(Permanent, match="no place of a tree"):
            write(tree, OLD, None)
        del document["files"][path]
        (tree / LIST).write_text(json.dumps(document))
    assert outside.read_text() == "outside"


def test_some_clusters_can_be_written_and_the_others_stay(tmp_path: Path) -> None:
    write(tmp_path, {**OLD, "argocd/b.yaml": "b\n", "flux/b/source.yaml": "b\n"}, None)
    only = {path: text for path, text in NEW.items() if path.startswith("clusters/a/")}
    made = write(tmp_path, only, {"a"})
    assert made.removed == ("clusters/a/n/r/x.yaml",)
    assert held(tmp_path)["clusters/b/n/r/y.yaml"] == "y\n"
    assert write(tmp_path, {}, {"b"}).removed == ("argocd/b.yaml", "clusters/b/n/r/y.yaml", "flux/b/source.yaml")


def test_staleness_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    write(tmp_path, OLD, None)
    assert not compare(tmp_path, OLD, None).stale
    assert compare(tmp_path, NEW, None).stale
    (tmp_path / "clusters/b/n/r/y.yaml").write_text("by hand")
    assert compare(tmp_path, OLD, None).changed == ("clusters/b/n/r/y.yaml",)
    (tmp_path / "clusters/b/n/r/y.yaml").unlink()
    assert compare(tmp_path, OLD, None).added == ("clusters/b/n/r/y.yaml",)
    assert not (tmp_path / "clusters/b/n/r/y.yaml").exists()
    assert compare(tmp_path / "nowhere", OLD, None).added == tuple(sorted(OLD))
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": "causeway/render-files/v9", "files": {}}'])
def test_a_list_that_cannot_be_read_stops_everything(tmp_path: Path, text: str) -> None:
    write(tmp_path, OLD, None)
    (tmp_path / LIST).write_text(text)
    for act in (compare, write):
        with pytest.raises(Permanent) as caught:
            act(tmp_path, NEW, None)
        assert caught.value.code == "bad-list"
    assert held(tmp_path) == OLD


def test_a_folder_where_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Permanent) as caught:
        write(tmp_path / "file" / "tree", OLD, None)
    assert caught.value.code == "cannot-write"


def test_two_runs_do_not_write_at_once(tmp_path: Path) -> None:
    holder = f"import fcntl, os, time; fcntl.flock(os.open({str(tmp_path)!r}, os.O_RDONLY), 2); print(1, flush=True)"
    process = subprocess.Popen([sys.executable, "-c", f"{holder}; time.sleep(60)"], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(Retryable, match="another causeway render"):
            write(tmp_path, OLD, None)
    finally:
        process.kill()
        process.communicate()
    assert write(tmp_path, OLD, None).stale


WRITER = """
import sys
from pathlib import Path
from causeway.preview.gitops_tree import write
folder = Path(sys.argv[1])
print("ready", flush=True)
for turn in range(10_000):
    even = turn % 2 == 0
    names = range(40) if even else range(20, 60)
    write(folder, {f"clusters/a/n{n}/r/x.yaml": f"{n} {turn}" for n in names}, None)
"""


def test_a_run_that_is_killed_at_any_moment_leaves_a_folder_that_the_next_one_mends(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    (tmp_path / "clusters/a/n1/r").mkdir(parents=True)
    (tmp_path / "clusters/a/n1/r/own.yaml").write_text("mine")
    wanted = {f"clusters/a/n{n}/r/x.yaml": f"{n} last" for n in range(10, 30)}
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, env={**os.environ}
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.08))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        whole = {text for path, text in held(tmp_path).items() if path.endswith("x.yaml")}
        assert all(len(text.split()) == 2 for text in whole), "a file is half written"
    write(tmp_path, wanted, None)
    assert held(tmp_path) == {**wanted, "clusters/a/n1/r/own.yaml": "mine"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [LIST, "clusters"]
