"""Renders a stack's releases, offline, and keeps what was rendered as long as nothing that it follows from changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import causeway
from causeway import assets
from causeway.errors import Permanent
from causeway.plan.fingerprint import Seal
from causeway.program.document import ReleaseDocument, StackDocument
from causeway.program.kept import Kept, digest_of_folders, stamp_of_code

Rendered = Mapping[str, Mapping[str, Any]]
"""Inputs of each release that rendering gives, by the release's name: `values`, `objects`, `hooks`, `crds`."""


def rendered(document: StackDocument, folder: Path, seal: Seal, environ: Mapping[str, str]) -> Rendered:
    """What the releases of a document render.

    Args:
        folder: the declaration's folder, beside which a user's own charts lie.
        seal: key and values of secrets; their digests make pods restart.

    Raises:
        Permanent, Problems: a chart refuses its values, or a release needs secrets and there is no key.
    """
    if not document.releases:
        return {}
    values = {each.name: _values(each, seal) for each in document.releases}
    told = json.dumps([document.kubernetes, values], sort_keys=True)
    sources = digest_of_folders([assets.charts(), folder])
    build = stamp_of_code(Path(causeway.__file__).parent)
    key = f"rendered-{document.cluster}-{hashlib.sha256((told + sources + build).encode()).hexdigest()[:32]}"
    kept = Kept(assets.home_root(folder, environ) / "cache" / "stacks")
    text = kept.get(key)
    if text is not None:
        try:
            found: Rendered = json.loads(text)
        except ValueError:  # cut short, or edited: rendered again
            found = {}
        if found.keys() == values.keys():
            return found
    made = _render(document, values, folder, environ)
    kept.put(key, json.dumps(made, separators=(",", ":")))
    return made


def _values(release: ReleaseDocument, seal: Seal) -> dict[str, Any]:
    if not release.secrets:
        return dict(release.values)
    if seal.key is None:
        raise Permanent(
            "hmac-key-missing",
            f"the release {release.name} uses secrets, and the stack has no key for their digests",
            where=release.where,
            hint="pulumi config set --secret causeway:hmacKey $(openssl rand -hex 32)",
        )
    from causeway.cluster.secrets import digest  # noqa: PLC0415 - most releases use none

    values = {name: seal.values[name] for name in release.secrets if name in seal.values}
    return {**release.values, "secretDigest": digest(seal.key, values)}


def _render(
    document: StackDocument, values: Mapping[str, Mapping[str, Any]], folder: Path, environ: Mapping[str, str]
) -> Rendered:
    from causeway.cluster.model import ChartRef  # noqa: PLC0415 - what is kept needs no Helm
    from causeway.cluster.render import Renderer, Request  # noqa: PLC0415

    renderer = Renderer.here(folder, assets.home_root(folder, environ), environ)
    requests = [
        Request(
            ChartRef(each.inputs["chart"], each.inputs.get("version"), each.inputs.get("digest")),
            each.inputs["release"],
            each.inputs["namespace"],
            values[each.name],
            document.kubernetes,
        )
        for each in document.releases
    ]
    outcomes = renderer.render(requests)
    return {
        each.name: {
            "values": values[each.name],
            "objects": made.objects,
            **({"hooks": made.hooks} if made.hooks else {}),
            **({"crds": made.crds} if made.crds else {}),
        }
        for each, made in zip(document.releases, outcomes, strict=True)
    }
