"""Whatever is done to a declaration, loading it ends in a moment with a fleet or with errors that have a place.

Each seed mutates bytes, lines, words and structure of both fleets a few times; `--seeds` asks for more.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from causeway.errors import CausewayError, Location, Problems
from causeway.fleet.load import load_fleet

INVENTORY = Path(__file__).parents[2] / "inventory"
SANDBOX = [INVENTORY / "sandbox" / "fleet.yaml"]
REFERENCE = sorted((INVENTORY / "reference").rglob("*.yaml"))
MUTATIONS = 8  # of each seed; half of them small changes, half changes of structure
SECONDS = 2.0
NASTY: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**30, "", "no", "x" * 5000, "\u202e", "a-[0:99999999]", "2026-02-30", "1e999", "~",
    [], {}, [[]], {"": ""}, {"a": {"b": {"c": []}}}, [None], "{{ x }}", "*a", "&a", "!!binary x", "50%",
    "s3://x", "\x07",
)  # fmt: skip
SNIPPETS = (
    b"\t", b"\x00", b"\xff", b"\r", b"\xe2\x80\xa8", b": ", b"- ", b"&a ", b"*a", b"<<: *a\n", b"[", b"]", b"{", b"}",
    b"'", b'"', b"#", b"|\n", b">\n", b"%", b"---\n", b"...\n", b"!x ", b"? ", b"@", b"`", b"\n",
    b"\xef\xbb\xbf", b"0x1F", b".nan",
)  # fmt: skip


def bytes_changed(text: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(text) + 1)
    kind = draw.randrange(4)
    if kind == 0:
        return text[:at] + draw.choice(SNIPPETS) + text[at:]
    if kind == 1:
        return text[:at] + text[at + draw.randrange(1, 40) :]
    if kind == 2:
        return text[:at] + bytes([draw.randrange(256)]) + text[at + 1 :]
    return text[:at]


def lines_changed(text: bytes, draw: random.Random) -> bytes:
    lines = text.split(b"\n")
    one, two = draw.randrange(len(lines)), draw.randrange(len(lines))
    kind = draw.randrange(5)
    if kind == 0:
        lines[one], lines[two] = lines[two], lines[one]
    elif kind == 1:
        lines.insert(one, lines[two])
    elif kind == 2:
        del lines[one]
    elif kind == 3:
        lines[one] = b" " * draw.randrange(1, 4) + lines[one]
    else:
        lines[one] = lines[one].lstrip()
    return b"\n".join(lines)


def words_changed(text: bytes, draw: random.Random) -> bytes:
    words = list(re.finditer(rb"[\w.%-]+", text))
    one, two = draw.choice(words), draw.choice(words)
    return text[: one.start()] + two[0] + text[one.end() :]


def structure_changed(text: bytes, draw: random.Random) -> bytes:
    document = yaml.load(text, Loader=yaml.CSafeLoader)
    holder: Any = document
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = draw.choice(keys)
        if not isinstance(holder[key], dict | list) or not holder[key] or draw.random() < 0.2:
            break
        holder = holder[key]
    kind = draw.randrange(4)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        holder[key] = draw.choice(NASTY)
    elif kind == 2 and isinstance(holder, dict):
        holder[f"{key}x"] = holder.pop(key)
    else:
        holder[key] = [holder[key], holder[key]]
    return bytes(yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True).encode())


SMALL: tuple[Callable[[bytes, random.Random], bytes], ...] = (bytes_changed, lines_changed, words_changed)


def files_of(changed: Path, content: bytes, folder: Path) -> Path:
    """The fleet of a file with this file changed; files beside it only where they are small."""
    root = next(each for each in changed.parents if (each / "fleet.yaml").exists())
    for path in SANDBOX + REFERENCE:
        if path.is_relative_to(root):
            target = folder / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if path == changed else path.read_bytes())
    return folder


def judged(folder: Path) -> bool:
    """Load; whether it was refused. Everything but a fleet or errors with places fails the test."""
    start = time.process_time()
    try:
        load_fleet(folder, "inventory/fuzzed")
    except CausewayError as error:
        each = error.errors if isinstance(error, Problems) else (error,)
        for one in each:
            assert isinstance(one.where, Location), one
            assert one.where.file.startswith("inventory/fuzzed")
            assert one.where.line or one.code in {"too-large", "wrong-ending"}, one
            assert one.reason, one
            assert "Input should" not in one.reason
            assert "Traceback" not in str(one)
        return True
    finally:
        assert time.process_time() - start < SECONDS
    return False


def test_no_mutation_of_a_fleet_gets_more_than_errors_with_places(seed: int, tmp_path: Path) -> None:
    draw = random.Random(f"declaration {seed}")
    refused = 0
    for number in range(MUTATIONS):
        path = draw.choice(REFERENCE if draw.random() < 0.1 else SANDBOX)  # the small one loads ten times as fast
        text = path.read_bytes()
        if number % 2:
            content = structure_changed(text, draw)
        else:
            content = text
            for _ in range(draw.choice((1, 1, 2, 5))):
                content = draw.choice(SMALL)(content, draw)
        refused += judged(files_of(path, content, tmp_path))
    assert refused, "the mutations no longer break anything"


@pytest.mark.parametrize("name", ["sandbox", "reference"])
def test_the_fleets_pass_the_judge_unchanged(name: str, tmp_path: Path) -> None:
    path = INVENTORY / name / "fleet.yaml"
    assert judged(files_of(path, path.read_bytes(), tmp_path)) is False
