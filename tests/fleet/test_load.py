"""Loading: the two fleets, files and their traps, merging, marks, digest, migrations, bounds."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from causeway.errors import CausewayError, Location, Permanent, Problems
from causeway.fleet import migrations
from causeway.fleet.files import MAX_BYTES
from causeway.fleet.load import LoadedFleet, load_fleet
from causeway.fleet.migrations import Migration

Load = Callable[[Mapping[str, str | bytes]], LoadedFleet]
Told = Callable[[Mapping[str, str | bytes]], str]
INVENTORY = Path(__file__).parents[2] / "inventory"
SMALL = "version: 1\nname: small\n"


@pytest.mark.parametrize("name", ["sandbox", "reference"])
def test_the_fleets_of_the_repository_load(name: str) -> None:
    loaded = load_fleet(INVENTORY / name)
    assert loaded.fleet.name == name
    assert loaded.fleet.clusters
    assert loaded.hosts.count


def test_the_reference_fleet_loads_in_a_moment() -> None:
    best = min(_seconds(lambda: load_fleet(INVENTORY / "reference")) for _ in range(3))
    assert best < 0.3 * _slowness()


def test_two_lines_are_a_fleet(load: Load) -> None:
    assert load({"fleet.yaml": SMALL}).hosts.count == 0


def test_the_order_of_sections_does_not_matter(load: Load, sandbox_text: str) -> None:
    parts = sandbox_text.split("\nsites:\n")
    sites, rest = parts[1].split("\nleases:", 1)
    turned = f"{parts[0]}\nleases:{rest}\nsites:\n{sites}\n"
    assert load({"fleet.yaml": turned}).fleet == load({"fleet.yaml": sandbox_text}).fleet


def test_split_files_are_one_declaration(load: Load, sandbox_text: str, tmp_path: Path) -> None:
    whole = load({"fleet.yaml": sandbox_text}).fleet
    head, rest = sandbox_text.split("\nsites:\n")
    sites, rest = rest.split("\nleases:", 1)
    leases, rest = rest.split("\nclusters:\n")
    clusters, tail = rest.split("\nhost_overrides:")
    north, others = clusters.split("\n  my-johor-training:\n")
    loaded = load(
        {
            "fleet.yaml": f"{head}\nhost_overrides:{tail}",
            "sites/all.yaml": f"sites:\n{sites}\nleases:{leases}\n",
            "clusters/a.yaml": f"clusters:\n{north}\n",
            "clusters/b.yaml": f"clusters:\n  my-johor-training:\n{others}\n",
        }
    )
    assert loaded.fleet == whole
    assert loaded.marks.at(("leases", "johor-h200", "site")).file == "inventory/case/sites/all.yaml"
    assert loaded.marks.at(("clusters", "my-johor-training")) == Location("inventory/case/clusters/b.yaml", 2, 3)


def test_nothing_else_in_the_folder_is_read(load: Load) -> None:
    others = {
        "notes.yaml": "[",
        "other/a.yaml": "[",
        "sites/deep/a.yaml": "[",
        "sites/.a.yaml.swp": "[",
        "sites/README.md": "[",
    }
    assert load({"fleet.yaml": SMALL, **others}).fleet.name == "small"


def test_catalog_sections_merge_by_key_across_files(load: Load) -> None:
    vendor = "catalog:\n  vendors:\n    {0}: {{name: {0}, country: CN}}\n"
    loaded = load({"fleet.yaml": SMALL, "catalog/a.yaml": vendor.format("a"), "catalog/b.yaml": vendor.format("b")})
    assert list(loaded.fleet.catalog.vendors) == ["a", "b"]


def test_amounts_keep_their_digits(load: Load, sandbox_text: str) -> None:
    fleet = load({"fleet.yaml": sandbox_text}).fleet
    assert fleet.money.rates["CNY"].usd == Decimal("0.1375")
    assert fleet.budgets["onshore-chips-2025"].amount == 40_000_000_000


def test_anchors_and_merge_keys_are_read(load: Load) -> None:
    text = "parties:\n  a: &a {legal_name: A, country: CN}\n  b: {<<: *a, legal_name: B}\n"
    parties = load({"fleet.yaml": SMALL + text}).fleet.parties
    assert (parties["b"].legal_name, parties["b"].country) == ("B", "CN")


def test_free_values_arrive_as_they_stand(load: Load, sandbox_text: str) -> None:
    values = "values: {since: 2026-01-02, at: 22:30, on_call: yes, share: 0.5, deep: {list: [1, null]}}"
    fleet = load({"fleet.yaml": sandbox_text.replace("values: {}", values)}).fleet
    expected = {"since": "2026-01-02", "at": "22:30", "on_call": True, "share": 0.5, "deep": {"list": [1, None]}}
    assert fleet.workloads["doubao"].values == expected


def test_marks_lead_to_values_keys_and_the_closest_ancestor(load: Load, sandbox_text: str) -> None:
    marks = load({"fleet.yaml": sandbox_text}).marks
    lines = sandbox_text.splitlines()
    value = marks.at(("clusters", "cn-north-inference", "pools", "ascend", "drivers", "firmware"))
    assert lines[value.line - 1][value.column - 1 :].startswith('"7.8.0.5.216"')
    entry = marks.at(("leases", "johor-h200"))
    assert lines[entry.line - 1][entry.column - 1 :].startswith("johor-h200:")
    assert marks.at(("leases", "johor-h200", "not", "there")) == entry
    assert marks.at(()) == Location("inventory/case/fleet.yaml", 5, 1)
    item = marks.at(("workloads", "doubao", "serve", 1, "pool"))
    assert lines[item.line - 1][item.column - 1 :].startswith("cambricon")


def test_the_digest_follows_content_and_not_the_folder(tmp_path: Path, sandbox_text: str) -> None:
    digests = []
    for name, text in (("a", sandbox_text), ("b", sandbox_text), ("c", sandbox_text + "# changed\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "fleet.yaml").write_text(text)
        digests.append(load_fleet(tmp_path / name).digest)
    assert digests[0] == digests[1] != digests[2]


def test_errors_name_files_from_the_repository_when_the_path_is_absolute(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "inventory" / "mine"
    folder.mkdir(parents=True)
    (folder / "fleet.yaml").write_text(SMALL)
    assert load_fleet(folder).marks.at(("name",)) == Location("inventory/mine/fleet.yaml", 2, 7)


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"\xef\xbb\xbfversion: 1\nname: x\n", "byte-order-mark", 1),
        ("version: 1\nname: x\n".encode("utf-16"), "not-text", 1),
        (b"version: 1\nname: \xff\n", "not-text", 2),
        (b"version: 1\nname: \x00\n", "not-text", 2),
        (b"\x7fELF\x02\x01\x01\x00", "not-text", 1),
    ],
)
def test_what_is_not_text_is_told_with_its_line(content: bytes, code: str, line: int, load: Load) -> None:
    with pytest.raises(Problems) as caught:
        load({"fleet.yaml": content})
    error = caught.value.errors[0]
    assert error.code == code
    assert isinstance(error.where, Location)
    assert error.where.line == line


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path, load: Load) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside.yaml"
    outside.write_text("parties: {}\n")
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "a.yaml").symlink_to(outside)
    assert _codes(lambda: load({"fleet.yaml": SMALL})) == ["outside-folder"]


def test_a_link_to_nothing_and_a_pipe_are_told(tmp_path: Path, load: Load) -> None:
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "a.yaml").symlink_to(tmp_path / "gone.yaml")
    os.mkfifo(tmp_path / "sites" / "b.yaml")
    (tmp_path / "sites" / "c.yaml").mkdir()
    assert _codes(lambda: load({"fleet.yaml": SMALL})) == ["unreadable-file", "not-a-file", "unreadable-file"]


def test_links_in_a_circle_are_told(tmp_path: Path, load: Load) -> None:
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "a.yaml").symlink_to(tmp_path / "sites" / "b.yaml")
    (tmp_path / "sites" / "b.yaml").symlink_to(tmp_path / "sites" / "a.yaml")
    assert _codes(lambda: load({"fleet.yaml": SMALL})) == ["unreadable-file", "unreadable-file"]
    (tmp_path / "fleet.yaml").unlink()
    (tmp_path / "fleet.yaml").symlink_to("fleet.yaml")
    assert "unreadable-file" in _codes(lambda: load_fleet(tmp_path))


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "a/../b", "\udcff"])
def test_an_impossible_folder_is_told(name: str) -> None:
    assert _codes(lambda: load_fleet(Path(name))) == ["no-declaration"]


@pytest.mark.parametrize("file", ["\udcff.csv", "a\0.csv", "x" * 5000, "/etc/passwd", "..", ".", "", "hosts", " "])
def test_an_impossible_csv_file_is_told(file: str, load: Load, sandbox_text: str, tmp_path: Path) -> None:
    (tmp_path / "hosts").mkdir()
    text = sandbox_text.replace('hosts: "cn-asc-[01:02]"', f"hosts_from: {json.dumps(file)}")
    assert len(_codes(lambda: load({"fleet.yaml": text}))) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_an_unreadable_file_is_told(tmp_path: Path, load: Load) -> None:
    (tmp_path / "fleet.yaml").write_text(SMALL)
    (tmp_path / "fleet.yaml").chmod(0)
    assert _codes(lambda: load_fleet(tmp_path)) == ["unreadable-file"]


def test_a_folder_without_declaration_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "fleet.yaml").write_text(SMALL)
    with pytest.raises(Permanent) as caught:
        load_fleet(tmp_path / "referense")
    assert caught.value.code == "no-declaration"
    assert f"did you mean {tmp_path / 'reference'}?" in caught.value.hint


def test_a_file_in_place_of_the_folder_and_another_ending_are_told(tmp_path: Path) -> None:
    (tmp_path / "fleet.yml").write_text(SMALL)
    assert _codes(lambda: load_fleet(tmp_path)) == ["no-declaration"]
    assert _codes(lambda: load_fleet(tmp_path / "fleet.yml")) == ["no-declaration"]


def test_more_than_sixteen_megabytes_are_refused(load: Load) -> None:
    half = SMALL.encode() + b"# " + b"x" * (MAX_BYTES // 2)
    assert _codes(lambda: load({"fleet.yaml": half, "sites/a.yaml": half})) == ["too-large"]


def _huge(name: str) -> str:
    size = MAX_BYTES - 100
    return {
        "brackets": "[" * size,
        "braces": "{" * size,
        "items": "- " * (size // 2),
        "keys": "? " * (size // 2),
        "one key": "x: y\n" * (size // 5),
        "directives": "".join(f"%TAG !{n}! x\n" for n in range(200_000)),
        "digits": "version: " + "1" * (size - 20),
        "quote": '"' + "x" * (size - 20),
        "unknown fields": SMALL + "".join(f"k{n}: 1\n" for n in range(100_000)),
        "unknown hosts": SMALL + "host_overrides:\n" + "".join(f" k{n}: {{}}\n" for n in range(80_000)),
        "wrong entries": SMALL + "parties:\n" + "".join(f" k{n}: {{}}\n" for n in range(80_000)),
    }[name]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["brackets", "braces", "items", "keys", "one key", "directives", "digits", "quote", "unknown fields",
     "unknown hosts", "wrong entries"],
)  # fmt: skip
def test_no_input_takes_longer_than_two_seconds(name: str, load: Load) -> None:
    text = _huge(name)

    def told() -> None:
        with pytest.raises(Problems) as caught:
            load({"fleet.yaml": text})
        assert len(caught.value.errors) <= 101
        assert len(str(caught.value)) < 200_000

    assert _seconds(told) < 2 * _slowness()


def test_more_errors_than_anybody_reads_are_counted(load: Load) -> None:
    with pytest.raises(Problems) as caught:
        load({"fleet.yaml": SMALL + "".join(f"k{n}: 1\n" for n in range(250))})
    assert len(caught.value.errors) == 101
    assert caught.value.errors[-1].reason.startswith("and 150 more problem(s)")


def test_an_older_version_goes_through_its_migrations(
    load: Load, problems_of: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def renamed(document: Mapping[str, Any]) -> dict[str, Any]:
        return {"name" if key == "fleet_name" else key: value for key, value in document.items()}

    step = Migration(0, renamed, "fleet_name became name")
    monkeypatch.setattr(migrations, "MIGRATIONS", (step,))
    loaded = load({"fleet.yaml": "version: 0\nfleet_name: old\n"})
    assert (loaded.fleet.name, loaded.fleet.version) == ("old", 1)
    assert "versions that can be read: 0, 1" in problems_of({"fleet.yaml": "version: -1\nname: x\n"})


def _codes(call: Callable[[], object]) -> list[str]:
    with pytest.raises(CausewayError) as caught:
        call()
    errors = caught.value.errors if isinstance(caught.value, Problems) else (caught.value,)
    return [error.code for error in errors]


def _seconds(call: Callable[[], object]) -> float:
    """Processor time, which other work on the machine does not lengthen much."""
    start = time.process_time()
    call()
    return time.process_time() - start


def _slowness() -> float:
    """How much slower this machine is now than one that counts to a million in 25 ms; at least 1."""
    return max(1.0, _seconds(lambda: sum(range(1_000_000)) and [None for _ in range(1_000_000)]) / 0.05)


def test_a_byte_that_is_no_text_is_shown_in_its_line(sandbox_text: str, load: Load) -> None:
    with pytest.raises(Problems) as caught:
        load({"fleet.yaml": sandbox_text.replace("Onshore", "\u00fcber Onsh\u00f6re", 1).encode("cp1252")})
    (error,) = caught.value.errors
    assert error.code == "not-text"
    line, caret = error.excerpt.splitlines()
    assert line.startswith("  7 | description: \ufffdber Onsh\ufffdre")
    assert line[caret.index("^")] == "\ufffd"
