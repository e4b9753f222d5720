"""The package mirror's tree: Debian packages, stand-in kernels and the vendors' stand-ins, indexed and signed.

The tree is made once and cached by a digest of all that goes into it; `serve` is the small server that hands it out.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from causeway.errors import CausewayError, Retryable
from causeway.sandbox import cache as store
from causeway.sandbox import image, kernels, signing, standins
from causeway.sandbox.command import run
from causeway.sandbox.standins import Artifact

DEBIAN, VENDORS = "debian", "vendor"
POOL_LIST = Path(__file__).parent / "data" / "pool.txt"
HASHES = {"MD5Sum": "md5", "SHA256": "sha256"}
DATE = "Thu, 01 Jan 2026 00:00:00 UTC"  # fixed, so that the same input makes the same index


def pool_packages() -> tuple[str, ...]:
    """The Debian packages that the mirror carries."""
    lines = (line.partition("#")[0].strip() for line in POOL_LIST.read_text().splitlines())
    return tuple(line for line in lines if line)


def ensure(cache: Path, base: Path, key: Path, note: Callable[[str], None]) -> Path:
    """The mirror's tree, made when the cache does not hold it.

    Raises:
        Retryable: Debian's packages cannot be had now.
    """
    release = os.uname().release

    def waiting() -> None:
        note("another process makes it; waiting")

    def fetch(folder: Path) -> None:
        note(f"fetching {len(pool_packages())} Debian packages and what they depend on")
        _fetch_pool(folder, base)

    pool = store.ensure(cache, f"pool-{store.digest(base.name, *pool_packages())}", fetch, waiting)

    def build(folder: Path) -> None:
        note("building and signing the stand-in packages")
        _build(folder, pool, key, release)

    own = store.tree_digest(Path(standins.__file__).parent)
    code = [Path(module).read_bytes() for module in (kernels.__file__, __file__)]
    recipe = store.digest(pool.name, own, release, signing.public_key(key).read_bytes(), *code)
    return store.ensure(cache, f"mirror-{recipe}", build, waiting)


def _fetch_pool(folder: Path, base: Path) -> None:
    """Download with this machine's apt, as a host with the image's packages would: only what the image lacks."""
    with tempfile.TemporaryDirectory(prefix="cw-pool-") as scratch:
        work = Path(scratch)
        for part in ("lists/partial", "cache/archives/partial"):
            (work / part).mkdir(parents=True)
        keyring = base / "usr/share/keyrings/debian-archive-keyring.gpg"
        (work / "sources.list").write_text(f"deb [signed-by={keyring}] {image.built_from(base)} {image.SUITE} main\n")
        options = {
            "Dir::Etc::SourceList": work / "sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::Etc::Preferences": "/dev/null",
            "Dir::Etc::PreferencesParts": "/dev/null",
            "Dir::State::Lists": work / "lists",
            "Dir::State::Status": base / "var/lib/dpkg/status",
            "Dir::State::Extended_States": work / "extended_states",
            "Dir::Cache": work / "cache",
            "APT::Sandbox::User": "root",
            "APT::Architecture": kernels.ARCHITECTURE,
            "APT::Architectures::": kernels.ARCHITECTURE,
        }
        apt = ["apt-get", "-qq", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
        try:
            run([*apt, "update"], where="apt-get", timeout=600)
            wanted = ["--download-only", "--yes", "--no-install-recommends", "install", *pool_packages()]
            run([*apt, *wanted], where="apt-get", timeout=1800)
        except CausewayError as error:
            raise Retryable(
                "pool-fetch-failed",
                f"the Debian packages for the mirror could not be fetched: {error.reason}",
                where=image.built_from(base),
                hint="check that the mirror is reachable, then run `causeway sandbox up` again",
            ) from error
        for deb in (work / "cache/archives").glob("*.deb"):
            shutil.copyfile(deb, folder / deb.name)


def _build(root: Path, pool: Path, key: Path, release: str) -> None:
    debian = folder_of(root, DEBIAN)
    debian.mkdir(parents=True)
    for deb in pool.iterdir():
        os.link(deb, debian / deb.name)
    with tempfile.TemporaryDirectory(prefix="cw-mirror-") as scratch:
        for package in kernels.packages(release):
            kernels.build(package, Path(scratch), debian)
        blobs = {"vendor_key": signing.public_key(key).read_bytes()}
        artifacts = standins.build(Path(scratch) / "standins", release, blobs=blobs)
        for artifact in artifacts:
            target = folder_of(root, artifact.repo) / artifact.path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(artifact.path, target)
    vendors = sorted({artifact.repo for artifact in artifacts} - {DEBIAN})
    with signing.signer(key) as sign:
        index_suite(root / DEBIAN, sign)
        for vendor in vendors:
            index_vendor(folder_of(root, vendor), [each for each in artifacts if each.repo == vendor], sign)
    for folder in (root / DEBIAN, *(folder_of(root, vendor) for vendor in vendors)):
        shutil.copyfile(signing.public_key(key), folder / "key.gpg")
        shutil.copyfile(signing.public_key_armoured(key), folder / "key.asc")
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def folder_of(root: Path, repo: str) -> Path:
    """Where a repository's packages lie: /debian/pool, or /vendor/NAME."""
    return root / DEBIAN / "pool" if repo == DEBIAN else root / VENDORS / repo


def index_suite(root: Path, sign: Callable[[Path], None]) -> None:
    """Index a repository with a suite: `deb URL SUITE main`."""
    suite = root / "dists" / image.SUITE
    binary = suite / "main" / f"binary-{kernels.ARCHITECTURE}"
    binary.mkdir(parents=True)
    _write_packages(binary, run(["dpkg-scanpackages", "--multiversion", "pool"], cwd=root, where="dpkg-scanpackages"))
    fields = {"Suite": image.SUITE, "Codename": image.SUITE, "Components": "main"}
    _write_release(suite, fields, sign)


def index_vendor(folder: Path, artifacts: Sequence[Artifact], sign: Callable[[Path], None]) -> None:
    """Index a vendor's folder: checksums, a manifest, and a flat apt repository (`deb URL /`) where it has packages."""
    if any(artifact.kind == "deb" for artifact in artifacts):
        scan = ["dpkg-scanpackages", "--multiversion", "."]
        _write_packages(folder, run(scan, cwd=folder, where="dpkg-scanpackages"))
        _write_release(folder, {"Suite": "stable"}, sign)
    sums: dict[str, list[str]] = {"SHA256SUMS": [], "MD5SUMS": []}
    manifest = []
    for artifact in sorted(artifacts, key=lambda each: each.path.name):
        path = folder / artifact.path.name
        sums["SHA256SUMS"].append(f"{_hash(path, 'sha256')}  {path.name}\n")
        sums["MD5SUMS"].append(f"{_hash(path, 'md5')}  {path.name}\n")
        manifest.append(
            {
                "name": artifact.name,
                "version": artifact.version,
                "arch": artifact.arch,
                "os": image.OS,
                "file": path.name,
                "size": path.stat().st_size,
                "sha256": artifact.sha256,
            }
        )
    for name, lines in sums.items():
        (folder / name).write_text("".join(lines))
        sign(folder / name)
    (folder / "manifest.json").write_text(json.dumps({"packages": manifest}, indent=2) + "\n")
    sign(folder / "manifest.json")


def _write_packages(folder: Path, text: str) -> None:
    (folder / "Packages").write_text(text)
    (folder / "Packages.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def _write_release(folder: Path, fields: dict[str, str], sign: Callable[[Path], None]) -> None:
    head = {"Origin": "Causeway sandbox", "Label": "Causeway sandbox", **fields, "Date": DATE}
    lines = [f"{name}: {value}\n" for name, value in head.items()]
    lines.append(f"Architectures: {kernels.ARCHITECTURE}\n")
    indexes = sorted(path for path in folder.rglob("Packages*") if path.is_file())
    for title, algorithm in HASHES.items():
        lines.append(f"{title}:\n")
        lines += [f" {_hash(path, algorithm)} {path.stat().st_size} {path.relative_to(folder)}\n" for path in indexes]
    (folder / "Release").write_text("".join(lines))
    sign(folder / "Release")


def _hash(path: Path, algorithm: str) -> str:
    return hashlib.new(algorithm, path.read_bytes(), usedforsecurity=False).hexdigest()
