"""Selection among fake programs that print what the real ones print."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from causeway.errors import Permanent
from causeway.toolchain.locate import Verdict, locate, locate_all, require, search_path, shortcoming
from causeway.toolchain.manifest import Tool, tools
from tests.toolchain.fakes import printing, write_program

# As the built tools print it on a Linux machine; official releases differ in what follows the version.
PRINTED = {
    "etcd": "etcd Version: 3.6.8\nGit SHA: Not provided (use ./build instead of go build)\nGo Version: go1.26.8",
    "kwok": "kwok version v0.8.0 go1.26.8 (linux/amd64)",
    "kwokctl": "kwokctl version v0.8.0 go1.26.8 (linux/amd64)",
    "kubectl": "Client Version: v1.34.4\nKustomize Version: v5.7.1",
    "kube-apiserver": "Kubernetes v1.34.4",
    "kube-controller-manager": "Kubernetes v1.34.4",
    "kube-scheduler": "Kubernetes v1.34.4",
    "helm": "v4.3.1+g0a1b2c3",
    "causeway-render": "v4.3.1",
    "pulumi": "v3.259.0",
}
BY_NAME = {tool.name: tool for tool in tools()}
HELM = BY_NAME["helm"]
HOST = BY_NAME["pulumi-language-python"]


@pytest.mark.parametrize("tool", [BY_NAME[name] for name in PRINTED], ids=lambda tool: tool.name)
def test_each_tools_own_words_are_understood(tool: Tool, tmp_path: Path) -> None:
    file = printing(tmp_path / tool.name, PRINTED[tool.name])
    chosen = locate(tool, [tmp_path]).chosen
    assert chosen is not None
    assert (chosen.path, chosen.version) == (file, tool.version)


def test_every_tool_that_prints_a_version_has_its_words_here() -> None:
    assert PRINTED.keys() == {tool.name for tool in tools() if not tool.version_module}


def test_a_good_tool_behind_an_outdated_one_is_found(tmp_path: Path) -> None:
    printing(tmp_path / "old" / "helm", "v3.22.0")
    good = printing(tmp_path / "new" / "helm", "v4.3.2")
    located = locate(HELM, [tmp_path / "old", tmp_path / "new"])
    assert located.chosen is not None
    assert located.chosen.path == good
    assert [each.verdict for each in located.candidates] == [Verdict.UNFIT, Verdict.GOOD]


def test_the_first_of_two_good_ones_is_used(tmp_path: Path) -> None:
    first = printing(tmp_path / "a" / "helm", "v4.3.1")
    printing(tmp_path / "b" / "helm", "v4.4.0")
    chosen = locate(HELM, [tmp_path / "a", tmp_path / "b"]).chosen
    assert chosen is not None
    assert chosen.path == first


@pytest.mark.parametrize(
    ("script", "verdict"),
    [
        ("echo v3.22.0", Verdict.UNFIT),
        ("echo v5.0.0", Verdict.UNFIT),
        ("echo hello", Verdict.UNREADABLE),
        ("echo v4.3.1; exit 1", Verdict.UNREADABLE),
        ("#!/no/such/interpreter", Verdict.UNREADABLE),
    ],
)
def test_what_is_not_good_is_told_and_not_chosen(script: str, verdict: Verdict, tmp_path: Path) -> None:
    write_program(tmp_path / "helm", script)
    located = locate(HELM, [tmp_path])
    assert located.chosen is None
    assert [each.verdict for each in located.candidates] == [verdict]
    assert str(tmp_path / "helm") in shortcoming(located)


def test_a_file_without_its_run_bit_and_a_folder_are_no_tools(tmp_path: Path) -> None:
    printing(tmp_path / "a" / "helm", "v4.3.1").chmod(0o644)
    (tmp_path / "b" / "helm").mkdir(parents=True)
    located = locate(HELM, [tmp_path / "a", tmp_path / "b", tmp_path / "missing"])
    assert located.candidates == ()
    assert "not found" in shortcoming(located)


def test_one_tool_reached_by_two_ways_is_judged_once(tmp_path: Path) -> None:
    printing(tmp_path / "a" / "helm", "v3.0.0")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "helm").symlink_to(tmp_path / "a" / "helm")
    assert len(locate(HELM, [tmp_path / "a", tmp_path / "b"]).candidates) == 1


def test_an_official_pulumi_brings_its_own_language_host(tmp_path: Path) -> None:
    printing(tmp_path / "pulumi", "v3.300.0")
    host = printing(tmp_path / HOST.name, "no version of its own")
    printing(tmp_path / "pulumi-language-python-exec", "")
    chosen = locate(HOST, [tmp_path]).chosen
    assert chosen is not None
    assert (chosen.path, str(chosen.version)) == (host, "3.300.0")


def test_a_language_host_without_its_executor_is_incomplete(tmp_path: Path) -> None:
    printing(tmp_path / "pulumi", "v3.300.0")
    printing(tmp_path / HOST.name, "no version of its own")
    located = locate(HOST, [tmp_path])
    assert located.chosen is None
    assert located.candidates[0].verdict is Verdict.INCOMPLETE
    assert "pulumi-language-python-exec is not beside it" in shortcoming(located)


def test_a_language_host_of_unknown_origin_is_not_trusted(tmp_path: Path) -> None:
    printing(tmp_path / HOST.name, "no version of its own")
    printing(tmp_path / "pulumi-language-python-exec", "")
    assert locate(HOST, [tmp_path]).chosen is None


def test_the_environments_own_folder_is_searched_first_and_relative_folders_never(tmp_path: Path) -> None:
    path = search_path(tmp_path / "own", {"PATH": f"/usr/bin:relative::.:{tmp_path / 'own'}:/usr/bin:/bin"})
    assert path == (tmp_path / "own", Path("/usr/bin"), Path("/bin"))


def test_many_tools_keep_their_order(tmp_path: Path) -> None:
    assert [found.tool for found in locate_all(tools(), (tmp_path,))] == list(tools())


def test_a_tool_that_must_be_there_and_is_not_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="not found") as caught:
        require("helm", [tmp_path])
    assert caught.value.code == "tool-missing"
    assert "make tools" in caught.value.hint


def test_a_tool_that_hangs_does_not_hang_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("causeway.toolchain.locate._PATIENCE_S", 0.2)
    write_program(tmp_path / "helm", "exec sleep 30")
    started = time.monotonic()
    assert locate(HELM, [tmp_path]).chosen is None
    assert time.monotonic() - started < 10
