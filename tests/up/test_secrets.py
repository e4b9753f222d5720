"""Planted secrets are found nowhere: not in state, logs, artifacts, previews, process lists, or Helm's records."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.up.well import H20, changed
from tests.up.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.tools, pytest.mark.slow, pytest.mark.usefixtures("well_again")]


@pytest.fixture
def planted(world: World) -> dict[str, str]:
    """The secrets of a world, by what they are."""
    settings = world.pulumi("west", "config", "--show-secrets", "--json")
    found = {
        "passphrase": (world.root / ".causeway" / "passphrase").read_text().strip(),
        "identity": world.sandbox.place.identity.read_text().splitlines()[2],
        "upstream key": settings["causeway:upstream-key"]["value"],
        "HMAC key": settings["causeway:hmacKey"]["value"],
    }
    assert all(len(value) > 20 for value in found.values())
    return found


def test_planted_secrets_are_found_nowhere(world: World, planted: dict[str, str]) -> None:
    changed(world)
    said = {
        "preview": world.run("preview").text,
        "pulumi preview": json.dumps(world.pulumi("east", "preview", "--diff", "--json")),
    }
    with watched() as commands:
        said["up"] = world.up().text
    said["processes"] = "\n".join(commands)
    assert "ansible-playbook" in said["processes"], "the watcher saw nothing"
    for cluster in ("east", "west"):
        said[f"state of {cluster}"] = json.dumps(world.pulumi(cluster, "stack", "export"))
    assert [(where, name) for where, text in said.items() for name in held(text.encode(), planted)] == []
    assert list(in_files(world, planted)) == []
    assert list(in_clusters(world, planted)) == [("Secret cici/upstream-key", "upstream key")]
    for host in H20:
        logs = world.say(host, "cat /var/log/syslog /var/log/auth.log /var/lib/causeway/* 2>/dev/null; journalctl -q")
        assert "sudo" in logs
        assert held(logs.encode(), planted) == [], host


def held(content: bytes, planted: Mapping[str, str]) -> list[str]:
    """Names of the secrets that stand in a content as they are."""
    return [name for name, value in planted.items() if value.encode() in content]


@contextmanager
def watched() -> Iterator[set[str]]:
    """Every command line that is seen on this machine meanwhile."""
    over = threading.Event()
    seen: set[str] = set()

    def look() -> None:
        while not over.wait(0.05):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def in_files(world: World, planted: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Files of the fleet with a secret, but for the two that are one."""
    own = {world.root / ".causeway" / "passphrase", world.sandbox.place.identity}
    looked = 0
    for file in world.root.rglob("*"):
        parts = file.relative_to(world.root).parts
        if "hosts" in parts or "kubernetes" in parts or file in own or not file.is_file():
            continue  # what hosts and clusters keep is asked of themselves
        looked += 1
        content = file.read_bytes()
        if file.suffix == ".gz":
            content = gzip.decompress(content)
        for name in held(content, planted):
            yield str(file), name
    assert looked > 20, "no files were found"


def in_clusters(world: World, planted: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Objects of the clusters with a secret; Secrets decoded, Helm's records unpacked."""
    records = 0
    for cluster in ("east", "west"):
        kinds = "secrets,configmaps,pods,deployments,daemonsets,nodes,events"
        for each in world.kubectl(cluster, "get", kinds, "-A")["items"]:
            text = json.dumps(each) + "".join(_decoded(each))
            records += each.get("type") == "helm.sh/release.v1"
            meta = each["metadata"]
            for name in held(text.encode(), planted):
                yield f"{each['kind']} {meta.get('namespace', '')}/{meta['name']}", name
    assert records > 2, "Helm keeps records"


def _decoded(document: Mapping[str, Any]) -> Iterator[str]:
    if document["kind"] != "Secret":
        return
    for value in (document.get("data") or {}).values():
        content = base64.b64decode(value)
        if document["type"] == "helm.sh/release.v1":
            content = gzip.decompress(base64.b64decode(content))
        yield content.decode(errors="replace")
