"""What commands print: what a file says, word for word, and nothing that commands a terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from causeway.cli.output import console, print_error, print_json
from causeway.errors import Location, Permanent, Problems
from causeway.fleet.load import load_fleet

TOP = Path(__file__).parents[2]
EVIL = "\x1b[31mred\x1b]0;title\x07 \x9b2J \u202eback\r"


@pytest.mark.parametrize("line", [100, 1234])
def test_a_place_between_colons_is_no_picture(line: int, capsys: pytest.CaptureFixture[str]) -> None:
    print_error(Permanent("a-code", "it is wrong", where=Location("x/fleet.yaml", line, 22)))
    assert f"x/fleet.yaml:{line}:22: it is wrong" in capsys.readouterr().err


def test_no_text_of_a_file_commands_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(Permanent("a-code", EVIL, subject=EVIL, where=EVIL, hint=EVIL, excerpt=EVIL))
    console().print(EVIL)
    printed = capsys.readouterr()
    for text in (printed.err, printed.out):
        assert "[31mred" in text
        assert not any(char in text for char in "\x1b\x07\x9b\r\u202e")


def test_whoever_stops_reading_standard_error_ends_neither_the_run_nor_its_document() -> None:
    code = (
        "import os\n"
        "from causeway.cli.output import console, print_json\n"
        "read, write = os.pipe(); os.close(read); os.dup2(write, 2)\n"
        "for _ in range(3): console(stderr=True).print('a line that nobody reads')\n"
        "print_json('causeway/sample/v1', {'done': True})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False)
    assert json.loads(done.stdout)["done"] is True


def test_json_says_the_same_text_and_shows_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    print_json("causeway/sample/v1", {"text": EVIL})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"schema": "causeway/sample/v1", "text": EVIL}
    assert not any(char in printed for char in "\x1b\x07\x9b\r\u202e")


def test_several_errors_are_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(Problems((Permanent("one", "a"), Permanent("two", "b"))), as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "causeway/errors/v1"
    assert [each["code"] for each in document["errors"]] == ["one", "two"]


@pytest.mark.parametrize(
    ("find", "put"),
    [
        ("key: cici-upstream-key", "key: {}"),
        ("purpose: training", "purpose: training\n    api_key: {}"),
        (
            "replicas: 2, accelerators_per_replica: 4, weight: 50",
            "replicas: {}, accelerators_per_replica: 4, weight: 50",
        ),
        ("values: {}", 'values: "-----BEGIN RSA PRIVATE KEY-----\\n{}"'),
    ],
)
def test_no_error_shows_a_secret_that_was_typed_into_the_file(
    find: str, put: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "sk-" + "live-0123456789abcdef0123456789abcdef"
    text = (TOP / "inventory" / "sandbox" / "fleet.yaml").read_text("utf-8")
    assert find in text
    (tmp_path / "fleet.yaml").write_text(text.replace(find, put.replace("{}", secret), 1), "utf-8")
    with pytest.raises(Problems) as raised:
        load_fleet(tmp_path)
    print_error(raised.value)
    print_error(raised.value, as_json=True)
    printed = capsys.readouterr()
    assert "fleet.yaml:" in printed.out
    assert "fleet.yaml:" in printed.err
    assert "0123456789abcdef" not in printed.out + printed.err


@pytest.mark.parametrize("arguments", [("plan", "--json"), ("diff", "--format", "json", "here", "here")])
def test_a_malformed_fleet_is_told_in_json_where_json_is_asked_for(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "fleet.yaml").write_text("version: 1\n", "utf-8")
    fleet = () if arguments[0] == "diff" else ("--fleet", "here")
    command = [sys.executable, "-m", "causeway.cli.app", *arguments, *fleet]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout)["errors"][0]["where"] == "here/fleet.yaml:1:1"
