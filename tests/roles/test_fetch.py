"""Packages from a mirror that is wrong, gone or lying: the module `causeway_fetch` against real signatures."""

from __future__ import annotations

import functools
import hashlib
import http.server
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from causeway.sandbox import signing
from tests.playbooks.loading import plugin

pytestmark = pytest.mark.skipif(
    not (shutil.which("gpg") and shutil.which("gpgv")), reason="gpg and gpgv make and prove the signatures"
)
fetch = plugin("modules", "causeway_fetch")
DRIVER, FIRMWARE, OLD = "driver_2.run", "firmware_2.run", "driver_1.run"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server that writes no log."""

    def log_message(self, *_: Any) -> None:
        return


@dataclass
class Mirror:
    """A mirror's folder, its server, and the host's folder."""

    folder: Path
    url: str
    host: Path
    key: Path

    def put(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def sign(self) -> None:
        """List what lies there, and sign the list."""
        names = sorted(path.name for path in self.folder.glob("*.run"))
        sums = [hashlib.sha256((self.folder / name).read_bytes()).hexdigest() for name in names]
        self.put("SHA256SUMS", "".join(f"{each}  {name}\n" for each, name in zip(sums, names, strict=True)))
        with signing.signer(self.key) as sign:
            sign(self.folder / "SHA256SUMS")

    def bring(self, *files: str, check_mode: bool = False, **others: Any) -> dict[str, Any]:
        params = {
            "url": self.url,
            "key": f"{self.url}/key.asc",
            "key_sha256": "",
            "folder": str(self.host),
            "files": list(files),
            "also": [],
            "keep": [],
            "source": "the vendor's pages",
            **others,
        }
        found: dict[str, Any] = fetch.bring(params, check_mode)
        return found

    def refusal(self, *files: str, **others: Any) -> str:
        with pytest.raises(fetch.Refusal) as raised:
            self.bring(*files, **others)
        return str(raised.value)

    def has(self) -> list[str]:
        return sorted(path.name for path in self.host.glob("*.run"))


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return signing.ensure(tmp_path_factory.mktemp("key"), lambda: None)


@pytest.fixture
def mirror(tmp_path: Path, key: Path) -> Iterator[Mirror]:
    folder = tmp_path / "mirror"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made = Mirror(folder, f"http://127.0.0.1:{server.server_port}", tmp_path / "host", key)
    for name in (DRIVER, FIRMWARE, OLD):
        made.put(name, f"{name} as it should be\n")
    shutil.copy(signing.public_key_armoured(key), folder / "key.asc")
    made.sign()
    yield made
    server.shutdown()
    server.server_close()


def test_packages_come_once_and_stay_as_long_as_they_are_right(mirror: Mirror) -> None:
    assert mirror.bring(DRIVER, check_mode=True)["fetched"] == [DRIVER]
    assert not mirror.host.exists()
    first = mirror.bring(DRIVER, FIRMWARE)
    assert (first["changed"], first["fetched"], mirror.has()) == (True, [DRIVER, FIRMWARE], [DRIVER, FIRMWARE])
    assert (mirror.host / DRIVER).stat().st_mode & 0o777 == 0o700
    assert mirror.bring(DRIVER, FIRMWARE)["changed"] is False
    (mirror.host / FIRMWARE).write_text("damaged")
    assert mirror.bring(DRIVER, FIRMWARE)["fetched"] == [FIRMWARE]


def test_what_was_left_comes_where_the_mirror_has_it_and_nothing_else_stays(mirror: Mirror) -> None:
    assert mirror.bring(DRIVER, also=[OLD, "firmware_0.run"])["fetched"] == [DRIVER, OLD]
    (mirror.host / "stray.run").write_text("")
    mirror.bring(FIRMWARE, keep=[DRIVER])
    assert mirror.has() == [DRIVER, FIRMWARE]


def test_a_package_that_the_mirror_lacks_is_named_with_where_to_get_it_and_where_to_put_it(mirror: Mirror) -> None:
    said = mirror.refusal("driver_9.run", "firmware_9.run")
    assert said == (
        f"package-missing: driver_9.run, firmware_9.run are not in {mirror.url}; to do: get it from the vendor's "
        "pages, put it into that folder of the mirror, and write its checksum into the folder's signed SHA256SUMS"
    )
    assert not mirror.host.exists()


def test_a_file_that_is_not_what_the_list_says_never_gets_its_name(mirror: Mirror) -> None:
    mirror.put(DRIVER, "something else\n")
    assert mirror.refusal(DRIVER).startswith(f"checksum-wrong: {mirror.url}/{DRIVER} has SHA-256 ")
    (mirror.folder / DRIVER).unlink()
    assert mirror.refusal(DRIVER).startswith(f"fetch-failed: {mirror.url}/{DRIVER}: ")
    assert mirror.has() == []
    assert not list(mirror.host.glob("*.part"))


def test_a_list_that_was_changed_after_it_was_signed_is_refused(mirror: Mirror) -> None:
    mirror.put("SHA256SUMS", (mirror.folder / "SHA256SUMS").read_text() + f"{'0' * 64}  evil.run\n")
    assert mirror.refusal("evil.run").startswith(f"signature-wrong: {mirror.url}/SHA256SUMS is not signed by the key (")
    (mirror.folder / "SHA256SUMS.asc").unlink()
    assert mirror.refusal(DRIVER).startswith(f"mirror-refused: {mirror.url}/SHA256SUMS.asc answers 404")
    assert not mirror.host.exists()


def test_the_first_key_stays_the_key(mirror: Mirror, tmp_path: Path) -> None:
    mirror.bring(DRIVER)
    other = signing.ensure(tmp_path / "other", lambda: None)
    mirror.key = other
    shutil.copy(signing.public_key_armoured(other), mirror.folder / "key.asc")
    mirror.sign()
    assert mirror.refusal(FIRMWARE).startswith("signature-wrong: ")


def test_a_key_can_be_told_beforehand(mirror: Mirror) -> None:
    told = hashlib.sha256((mirror.folder / "key.asc").read_bytes()).hexdigest()
    assert mirror.refusal(DRIVER, key_sha256="0" * 64).startswith(f"key-wrong: {mirror.url}/key.asc has SHA-256 {told}")
    assert mirror.bring(DRIVER, key_sha256=told.upper())["changed"] is True


def test_a_key_that_is_not_armoured_serves_as_well(mirror: Mirror, key: Path) -> None:
    shutil.copy(signing.public_key(key), mirror.folder / "key.gpg")
    assert mirror.bring(DRIVER, key=f"{mirror.url}/key.gpg")["changed"] is True


def test_what_is_at_hand_serves_where_the_mirror_is_gone(mirror: Mirror) -> None:
    assert mirror.refusal(DRIVER, url="http://127.0.0.1:9").startswith("mirror-unreachable: http://127.0.0.1:9")
    mirror.bring(DRIVER)
    found = mirror.bring(DRIVER, url="http://127.0.0.1:9", also=[OLD])
    assert (found["from_mirror"], found["changed"], found["at_hand"]) == (False, False, [DRIVER])
    said = mirror.refusal(DRIVER, FIRMWARE, url="http://127.0.0.1:9")
    assert said.startswith(f"mirror-unreachable: http://127.0.0.1:9 does not answer, and {FIRMWARE} is not on the host")
