#!/usr/bin/python3
"""Files of a mirror's folder, checked against its signed list of checksums; runs on the host (Python 3.8 or newer)."""

from __future__ import annotations

DOCUMENTATION = r"""
module: causeway_fetch
short_description: Bring packages from a mirror onto the host, checked
description:
  - Reads C(SHA256SUMS) of a folder of the site's mirror, proves its signature C(SHA256SUMS.asc) by the key, and brings
    the files that are asked for onto the host. A file whose checksum is right is not fetched again.
  - A file that the list does not name, a bad signature and a wrong checksum fail before any file is put in its place.
  - List, signature and key are kept beside the files. Where the mirror does not answer, they and the files that are at
    hand serve, so that a way back does not need the mirror.
version_added: "0.1.0"
author: [Causeway]
options:
  url:
    description: The folder of the mirror.
    type: str
    required: true
  folder:
    description: Where the files lie on the host; made when it is not there, for root alone.
    type: path
    required: true
  files:
    description: Names of the files to have.
    type: list
    elements: str
    required: true
  also:
    description: Names of files to have where the mirror offers them, such as those of the stack that is being left.
    type: list
    elements: str
    default: []
  keep:
    description: Names of files that may stay. All other files of O(folder) are removed to save room.
    type: list
    elements: str
    default: []
  key:
    description: Where the public key that signs the list comes from, armoured or not. It is fetched once and kept.
    type: str
    required: true
  key_sha256:
    description: SHA-256 that the key has to have. Empty trusts the first key that is handed out.
    type: str
    default: ''
  source:
    description: Where a person gets a file that the mirror does not have, for the message.
    type: str
    required: true
attributes:
  check_mode:
    support: full
    description: Reads and proves the list, and tells which files would be fetched.
notes:
  - Wants C(gpgv), which comes with apt on Debian and with C(gnupg2) elsewhere.
"""

EXAMPLES = r"""
- name: Have the packages on the host
  causeway_fetch:
    url: http://mirror.example/vendor/ascend
    key: http://mirror.example/vendor/ascend/key.asc
    folder: /var/lib/causeway/packages/ascend
    files: [Ascend-hdk-910b-npu-firmware_7.8.0.7.220.run]
    source: Huawei's download pages (an account is needed)
"""

RETURN = r"""
fetched:
  description: Files that were fetched; in check mode those that would be.
  returned: always
  type: list
checksums:
  description: SHA-256 of each file that was asked for.
  returned: always
  type: dict
at_hand:
  description: Files that the mirror offers, or that lie on the host with the right checksum.
  returned: always
  type: list
from_mirror:
  description: Whether the list came from the mirror, and not from the host.
  returned: always
  type: bool
"""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple
from urllib.error import HTTPError

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url

LIST, SIGNATURE, KEY = "SHA256SUMS", "SHA256SUMS.asc", "key"
LINE = re.compile(r"^([0-9a-f]{64}) [ *](\S+)$", re.MULTILINE)
ARMOUR = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+\r?\n)*\r?\n(.*?)\r?\n(?:=\S{4}\r?\n)?-----END", re.DOTALL
)
SOCKET_SECONDS = 60
CHUNK = 1 << 20


class Refusal(Exception):
    """Nothing is put in place; the text is the failure."""


class Unreachable(Exception):
    """The mirror does not answer."""


def read(url: str) -> bytes:
    """A small file of the mirror.

    Raises:
        Refusal: the mirror answers that it has none.
        Unreachable: it does not answer.
    """
    try:
        return open_url(url, timeout=SOCKET_SECONDS).read()
    except HTTPError as error:
        raise Refusal(
            "mirror-refused: %s answers %s; to do: see that the mirror has this file" % (url, error.code)
        ) from error
    except (OSError, ValueError) as error:
        raise Unreachable("%s: %s" % (url, error)) from error


def dearmoured(key: bytes) -> bytes:
    """A public key as gpgv wants it."""
    found = ARMOUR.search(key)
    return base64.b64decode(found.group(1)) if found else key


def prove(listed: bytes, signature: bytes, key: bytes, whence: str) -> None:
    """See that the list is signed by the key.

    Raises:
        Refusal: no gpgv, or not so signed.
    """
    program = shutil.which("gpgv") or shutil.which("gpgv2")
    if program is None:
        raise Refusal("gpgv-missing: the host has no gpgv to prove signatures with; to do: install gpgv, or gnupg2")
    with tempfile.TemporaryDirectory() as name:
        paths = {part: Path(name) / part for part in ("key.gpg", LIST, SIGNATURE)}
        for path, data in zip(paths.values(), (dearmoured(key), listed, signature)):
            path.write_bytes(data)
        done = subprocess.run(
            [program, "--homedir", name, "--keyring", str(paths["key.gpg"]), str(paths[SIGNATURE]), str(paths[LIST])],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, check=False,
        )  # fmt: skip
    if done.returncode != 0:
        said = " ".join(done.stdout.split())
        raise Refusal(
            "signature-wrong: %s/%s is not signed by the key (%s); to do: see who changed the mirror; where its key is "
            "a new one, remove the key that is kept on the host" % (whence, LIST, said)
        )


def trusted_key(params: Dict[str, Any], folder: Path) -> bytes:
    """The key that is kept, or the mirror's own the first time.

    Raises:
        Refusal: it is not the one that was asked for.
        Unreachable: there is none yet, and the mirror does not answer.
    """
    kept = folder / KEY
    key = kept.read_bytes() if kept.is_file() else read(params["key"])
    found = hashlib.sha256(key).hexdigest()
    if params["key_sha256"] and found != params["key_sha256"].lower():
        where = str(kept) if kept.is_file() else params["key"]
        raise Refusal("key-wrong: %s has SHA-256 %s; to do: see which key is the right one" % (where, found))
    return key


def signed_list(params: Dict[str, Any], folder: Path) -> Tuple[Dict[str, str], Dict[str, bytes], bool]:
    """Checksums by file name; what is to be kept beside the files; whether it came from the mirror.

    Raises:
        Refusal: what answers is not to be trusted, or nothing answers and nothing is kept.
    """
    try:
        kept = {KEY: trusted_key(params, folder)}
        for name in (LIST, SIGNATURE):
            kept[name] = read("%s/%s" % (params["url"], name))
        from_mirror = True
    except Unreachable as problem:
        kept = {name: (folder / name).read_bytes() for name in (KEY, LIST, SIGNATURE) if (folder / name).is_file()}
        from_mirror = False
        if len(kept) < 3:
            raise Refusal("mirror-unreachable: %s; to do: see that the host reaches its mirror" % problem) from problem
    prove(kept[LIST], kept[SIGNATURE], kept[KEY], params["url"] if from_mirror else str(folder))
    sums = {name: checksum for checksum, name in LINE.findall(kept[LIST].decode("utf-8", "replace"))}
    return sums, kept, from_mirror


def checksum(path: Path) -> Optional[str]:
    """SHA-256 of a file; None where there is none."""
    if not path.is_file():
        return None
    found = hashlib.sha256()
    with path.open("rb") as stream:
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            found.update(chunk)
    return found.hexdigest()


def fetch(url: str, path: Path, wanted: str) -> None:
    """Bring one file; it is in its place whole and right, or not at all.

    Raises:
        Refusal: the mirror's file is another one than its list says, or it does not come.
    """
    aside, found = path.with_name(path.name + ".part"), hashlib.sha256()
    try:
        with aside.open("wb") as stream:
            answer = open_url(url, timeout=SOCKET_SECONDS)
            for chunk in iter(lambda: answer.read(CHUNK), b""):
                found.update(chunk)
                stream.write(chunk)
            stream.flush()
            os.fsync(stream.fileno())
    except (OSError, ValueError) as error:
        aside.unlink()
        raise Refusal("fetch-failed: %s: %s; to do: see that the mirror has it and answers" % (url, error)) from error
    if found.hexdigest() != wanted:
        aside.unlink()
        raise Refusal(
            "checksum-wrong: %s has SHA-256 %s, and its signed list says %s; to do: put the right file into the mirror"
            % (url, found.hexdigest(), wanted)
        )
    aside.chmod(0o700)
    aside.rename(path)


def write(path: Path, data: bytes) -> None:
    """Put a small file in its place."""
    if path.is_file() and path.read_bytes() == data:
        return
    aside = path.with_name(path.name + ".part")
    aside.write_bytes(data)
    aside.rename(path)


def check_offer(params: Dict[str, Any], sums: Dict[str, str]) -> None:
    """See that the list names all that is needed.

    Raises:
        Refusal: naming each file, where a person gets it, and where to put it.
    """
    lacking = [name for name in params["files"] if name not in sums]
    if lacking:
        raise Refusal(
            "package-missing: %s %s not in %s; to do: get it from %s, put it into that folder of the mirror, and write "
            "its checksum into the folder's signed %s"
            % (", ".join(lacking), "is" if len(lacking) == 1 else "are", params["url"], params["source"], LIST)
        )


def bring(params: Dict[str, Any], check_mode: bool) -> Dict[str, Any]:
    """All of it; the module's answer.

    Raises:
        Refusal: nothing was put in place but what had been proved before.
    """
    folder = Path(params["folder"])
    sums, kept, from_mirror = signed_list(params, folder)
    check_offer(params, sums)
    asked = list(dict.fromkeys([*params["files"], *(name for name in params["also"] if name in sums)]))
    right = [name for name in asked if checksum(folder / name) == sums[name]]
    lacking = [name for name in asked if name not in right]
    if not from_mirror:
        needed = [name for name in params["files"] if name in lacking]
        if needed:
            raise Refusal(
                "mirror-unreachable: %s does not answer, and %s %s not on the host; to do: see that the host reaches "
                "its mirror" % (params["url"], ", ".join(needed), "is" if len(needed) == 1 else "are")
            )
        lacking = []
    if not check_mode:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, data in kept.items():
            write(folder / name, data)
        sweep(folder, {*asked, *params["keep"], *kept})
        for name in lacking:
            fetch("%s/%s" % (params["url"], name), folder / name, sums[name])
    return {
        "changed": bool(lacking),
        "fetched": lacking,
        "checksums": {name: sums[name] for name in asked},
        "at_hand": sorted(sums) if from_mirror else right,
        "from_mirror": from_mirror,
        "diff": {"before": "", "after": "".join("%s/%s\n" % (folder, name) for name in lacking)},
    }


def sweep(folder: Path, keep: "set[str]") -> None:
    """Remove what no stack needs any more."""
    stray: List[Path] = [path for path in folder.iterdir() if path.is_file() and path.name not in keep]
    for path in stray:
        path.unlink()


def main() -> None:
    """One call."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "folder": {"type": "path", "required": True},
            "files": {"type": "list", "elements": "str", "required": True},
            "also": {"type": "list", "elements": "str", "default": []},
            "keep": {"type": "list", "elements": "str", "default": []},
            "key": {"type": "str", "required": True, "no_log": False},
            "key_sha256": {"type": "str", "default": "", "no_log": False},
            "source": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    try:
        answer = bring(module.params, module.check_mode)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal))
    else:
        module.exit_json(**answer)


if __name__ == "__main__":
    main()
