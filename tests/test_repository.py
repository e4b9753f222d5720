"""What the repository promises about itself: pinned, free of addresses, and one version of each tool in one place."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from causeway.toolchain import definitions
from causeway.toolchain.manifest import Tool, tools

TOP = Path(__file__).parent.parent
REQUIREMENTS = sorted(TOP.glob("requirements*.txt"))
GO_MODULES = sorted(TOP.glob("tools/*/go.mod"))


@pytest.mark.parametrize("file", REQUIREMENTS, ids=lambda file: file.name)
def test_requirements_are_pinned_with_hashes_and_name_no_index(file: Path) -> None:
    text = file.read_text("utf-8")
    pins = re.findall(r"^([a-z0-9][a-z0-9._-]*)==\S+.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    blocks = re.split(r"(?m)^(?=[a-z0-9])", text)[1:]
    assert pins
    assert len(blocks) == len(pins), "a requirement is not pinned by =="
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"https?://|--index|--extra-index|--find-links|--trusted-host", text)


def test_the_development_requirements_contain_the_runtime_ones() -> None:
    runtime, development = (
        set(re.findall(r"^\S+==\S+", (TOP / name).read_text("utf-8"), re.MULTILINE))
        for name in ("requirements.txt", "requirements-dev.txt")
    )
    assert runtime
    assert runtime <= development


@pytest.mark.parametrize("file", GO_MODULES, ids=lambda file: file.parent.name)
def test_each_go_module_is_complete_and_names_no_proxy(file: Path) -> None:
    assert (file.parent / "go.sum").stat().st_size > 0
    assert "://" not in file.read_text("utf-8") + (file.parent / "go.sum").read_text("utf-8")


@pytest.mark.parametrize("tool", tools(), ids=lambda tool: tool.name)
def test_the_list_of_tools_and_the_go_modules_name_one_version(tool: Tool) -> None:
    text = (TOP / "tools" / tool.family / "go.mod").read_text("utf-8")
    pin = rf"^(?:require |\t){re.escape(tool.module)} v{re.escape(str(tool.version))}(?: // indirect)?$"
    assert re.search(pin, text, re.MULTILINE)
    assert re.search(rf"^(?:tool |\t){re.escape(tool.package)}$", text, re.MULTILINE)


def test_every_family_of_tools_is_used() -> None:
    used = {tool.family for tool in tools()} | {part.family for tool in tools() for part in tool.companions}
    assert used | {definitions.FAMILY} == {file.parent.name for file in GO_MODULES}


@pytest.mark.parametrize("each", definitions.definitions(), ids=lambda each: each.name)
def test_the_list_of_definitions_and_their_go_module_name_one_version(each: definitions.Definitions) -> None:
    folder = TOP / "tools" / definitions.FAMILY
    assert f"\t{each.module} v{each.version}\n" in (folder / "go.mod").read_text("utf-8")
    assert f"{each.module} v{each.version} h1:" in (folder / "go.sum").read_text("utf-8")


@pytest.mark.parametrize("script", [".ci/run"])
def test_shell_scripts_are_executable_and_parse(script: str) -> None:
    assert (TOP / script).stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(TOP / script)], check=True)


def test_the_page_of_error_codes_is_what_the_sources_say() -> None:
    argv = [sys.executable, str(TOP / "docs" / "error_reference.py"), "--check"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", ["real-hardware.md", "own-repository.md"])
def test_pages_for_a_repository_of_ones_own_run_no_playbook_by_a_path_of_the_checkout(page: str) -> None:
    text = (TOP / "docs" / page).read_text("utf-8")
    assert "ansible-playbook" in text
    assert not re.search(r"ansible-playbook playbooks/", text)


def test_the_wheel_is_brought_to_the_folder_from_which_it_is_installed() -> None:
    text = (TOP / "docs/own-repository.md").read_text("utf-8")
    made, copied, installed = (text.index(each) for each in (" wheel  ", "-any.whl .\n", "pip install './causeway-"))
    assert made < copied < installed
