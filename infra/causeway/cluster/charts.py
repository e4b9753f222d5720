"""Finds charts: Causeway's own by name, one beside the declaration by its path, one that is fetched and kept.

A fetched chart is pinned, in a registry by version or digest and on a web server by digest; it is compared with both,
fetched once, and lies in the cache as it came.
"""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import yaml

from causeway import assets
from causeway.cluster.helm import Helm
from causeway.cluster.model import ChartRef
from causeway.errors import Permanent, Retryable

_FETCHED = ("oci://", "https://", "http://")
_DIGEST = re.compile(r"^Digest: (sha256:[0-9a-f]{64})$", re.MULTILINE)
_AWAY = re.compile(
    r"dial tcp|i/o timeout|connection re(?:set|fused)|no such host|TLS handshake timeout|deadline exceeded|50[0234] "
)
_FETCH_S = 120.0
_LEFT_OUT = ("__pycache__", ".git")


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart on this machine.

    Args:
        path: its folder or archive.
        digest: of the names and bytes of all that it is made of.
    """

    ref: ChartRef
    path: Path
    digest: str


@dataclass(frozen=True)
class Charts:
    """The charts of one fleet.

    Args:
        root: the declaration's folder; None where no chart beside a declaration can be named.
        cache: folder that keeps fetched charts.
        helm: fetches them.
    """

    root: Path | None
    cache: Path
    helm: Helm
    _found: dict[ChartRef, Chart] = field(default_factory=dict, repr=False)

    def find(self, ref: ChartRef) -> Chart:
        """A chart; looked for once.

        Raises:
            Permanent: there is none, it is not pinned, or it is not what its digest says.
            Retryable: it could not be fetched.
        """
        if ref not in self._found:
            path = self._fetched(ref) if ref.reference.startswith(_FETCHED) else self._local(ref)
            self._found[ref] = Chart(ref, path, digest_of(path))
        return self._found[ref]

    def _local(self, ref: ChartRef) -> Path:
        name = PurePosixPath(ref.reference)
        if name.is_absolute() or ".." in name.parts:
            reason = "a chart lies beside the declaration, is one of Causeway's, or is fetched"
            hint = "write its path from the declaration's folder, a name, or oci://..."
            raise Permanent("bad-chart", reason, subject=ref.reference, hint=hint)
        folders = [self.root / name] if self.root else []
        if len(name.parts) == 1:
            folders.insert(0, assets.charts() / name)
        for folder in folders:
            if (folder / "Chart.yaml").is_file() or (folder.is_file() and folder.suffix == ".tgz"):
                return folder
        looked = " and ".join(str(folder) for folder in folders)
        own = ", ".join(sorted(each.parent.name for each in assets.charts().glob("*/Chart.yaml")))
        reason = f"there is no chart at {looked}" if looked else "there is no such chart"
        raise Permanent("chart-missing", reason, subject=ref.reference, hint=f"Causeway's own charts: {own}")

    def _fetched(self, ref: ChartRef) -> Path:
        in_registry = ref.reference.startswith("oci://")
        if ref.digest is None and not (in_registry and ref.version):
            reason = "a chart that is fetched has to be pinned: without that it may be another one tomorrow"
            hint = "declare its version and digest" if in_registry else "declare its digest: sha256sum of the file"
            raise Permanent("chart-not-pinned", reason, subject=ref.reference, hint=hint)
        told = "\n".join((ref.reference, ref.version or "", ref.digest or ""))
        kept = self.cache / f"{hashlib.sha256(told.encode()).hexdigest()[:32]}.tgz"
        if not kept.is_file():
            self.cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.cache, prefix=".fetching-") as aside:
                self._fetch(ref, Path(aside)).replace(kept)
        return kept

    def _fetch(self, ref: ChartRef, aside: Path) -> Path:
        in_registry = ref.reference.startswith("oci://")
        pinned = f"{ref.reference}@{ref.digest}" if in_registry and ref.digest else ref.reference
        words = ["pull", pinned, "--destination", str(aside)]
        if ref.version and not (in_registry and ref.digest):
            words += ["--version", ref.version]
        ended = self.helm.run(words, extra=private_places(aside), timeout=_FETCH_S)
        found = sorted(aside.glob("*.tgz"))
        if ended.status != 0 or not found:
            away = ended.stopped or _AWAY.search(ended.error)
            family = Retryable if away else Permanent
            reason = "it was not there within two minutes" if ended.stopped else last_words(ended.error)
            hint = "look at the address and at what lies between; `helm registry login` where it wants a password"
            if in_registry and ref.digest and "not found" in ended.error:
                hint = f"{ref.reference} has no chart of this digest: helm pull --version VERSION tells those it has"
            raise family("chart-not-fetched", reason, subject=ref.reference, hint=hint)
        self._compare(ref, found[0], f"{ended.out.decode(errors='replace')}\n{ended.error}", in_registry=in_registry)
        _compare_version(ref, found[0])
        return found[0]

    def _compare(self, ref: ChartRef, file: Path, printed: str, *, in_registry: bool) -> None:
        """A chart that is not the declared one is never kept."""
        if ref.digest is None:
            return
        told = _DIGEST.search(printed)
        actual = (told[1] if told else "") if in_registry else f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
        if actual != ref.digest:
            reason = f"the digest is {actual or 'not told'}, and {ref.digest} is declared"
            hint = "find out who changed the chart; then declare the new digest"
            raise Permanent("chart-digest", reason, subject=ref.reference, hint=hint)


def _compare_version(ref: ChartRef, file: Path) -> None:
    """The digest says which chart it is; a version that says otherwise would mislead whoever reads the declaration."""
    if ref.version is None:
        return
    try:
        with tarfile.open(file) as archive:
            names = [name for name in archive.getnames() if PurePosixPath(name).name == "Chart.yaml"]
            found = archive.extractfile(min(names, key=lambda name: len(PurePosixPath(name).parts)))
            told = str(yaml.safe_load(found)["version"]) if found else ""
    except (tarfile.TarError, yaml.YAMLError, ValueError, KeyError, TypeError) as error:
        reason = "what was fetched is no chart's archive"
        raise Permanent("bad-chart", reason, subject=ref.reference, hint="look at the address") from error
    if told.removeprefix("v") != ref.version.removeprefix("v"):
        reason = f"the chart's version is {told}, and {ref.version} is declared"
        hint = "declare the version that belongs to the digest"
        raise Permanent("chart-version", reason, subject=ref.reference, hint=hint)


def digest_of(path: Path) -> str:
    """SHA-256 over the names and bytes of a chart's files, or over its archive."""
    whole = hashlib.sha256()
    if path.is_file():
        whole.update(path.read_bytes())
        return whole.hexdigest()
    for folder, below, files in sorted(os.walk(path)):
        below[:] = [name for name in below if name not in _LEFT_OUT]
        if any(part in _LEFT_OUT for part in Path(folder).parts):
            continue
        for name in sorted(files):
            file = Path(folder) / name
            for part in (file.relative_to(path).as_posix().encode(), file.read_bytes()):
                whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()


def private_places(aside: Path) -> Mapping[str, str]:
    """Where Helm may write when nothing of the user's is to be touched; his registry logins are still read."""
    return {"HELM_CACHE_HOME": str(aside / "helm-cache"), "HELM_DATA_HOME": str(aside / "helm-data")}


def last_words(error: str) -> str:
    """What Helm said last, without its prefix."""
    lines = [line for line in error.splitlines() if line.strip()]
    words = lines[-1] if lines else "it said nothing"
    return words.removeprefix("Error: ").strip()
