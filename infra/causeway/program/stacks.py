"""From a stack's name to its document: `FLEET.CLUSTER`, the fleet's folder, and the document that was kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import causeway
from causeway import assets
from causeway.errors import Permanent
from causeway.program.document import StackDocument
from causeway.program.kept import Kept, digest_of_folders, stamp_of_code

FLEET_VARIABLE = "CAUSEWAY_FLEET"


def stack_parts(stack: str) -> tuple[str, str]:
    """Fleet and cluster of a stack.

    Raises:
        Permanent: the name has no dot.
    """
    fleet, dot, cluster = stack.partition(".")
    if not (fleet and dot and cluster):
        hint = "pulumi stack select sandbox.cn-north-inference; `causeway plan` lists the clusters"
        raise Permanent("stack-name", f"a stack is named FLEET.CLUSTER, and this one is {stack}", hint=hint)
    return fleet, cluster


def fleet_folder(fleet: str, setting: str | None, root: Path, environ: Mapping[str, str]) -> Path:
    """The folder of a fleet's declaration.

    Args:
        fleet: the fleet's name.
        setting: `causeway:fleet`, a path below the project's folder; None when it is not set.
        root: the project's folder.

    Raises:
        Permanent: there is no such folder.
    """
    candidates = assets.declarations(fleet, setting, root, environ)
    found = next((each for each in candidates if each.is_dir()), None)
    if found is None:
        places = ", ".join(str(each) for each in candidates)
        raise Permanent(
            "no-declaration",
            f"the fleet {fleet} is not declared in {places}",
            hint=f"pulumi config set causeway:fleet PATH, or export {FLEET_VARIABLE}=PATH",
        )
    return found.resolve()


def read_document(folder: Path, cluster: str, on: date, environ: Mapping[str, str]) -> StackDocument:
    """What a stack declares, kept between runs in which nothing changed.

    Raises:
        Permanent, Problems: what is wrong with the declaration.
    """
    playbooks = assets.playbooks_of(folder)
    sources = digest_of_folders([folder, playbooks.root, *playbooks.roles[1:]])
    build = stamp_of_code(Path(causeway.__file__).parent)
    key = f"stack-{cluster}-{on.isoformat()}-{sources[:16]}{build[:16]}"
    kept = Kept(assets.home_root(folder, environ) / "cache" / "stacks")
    text = kept.get(key)
    if text is not None:
        try:
            return StackDocument.from_json(text)
        except (ValueError, TypeError, KeyError):  # cut short, or edited: made again
            pass
    from causeway.program.fleet_plan import planned  # noqa: PLC0415 - a kept document needs no layer below
    from causeway.program.stack_plan import document  # noqa: PLC0415

    made = document(planned(folder, on, playbooks=playbooks), cluster)
    kept.put(key, made.to_json())
    return made
