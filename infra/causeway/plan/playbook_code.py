"""The fingerprint `code`: one digest over exactly what the plays of a pool reach, from `site.yml` on.

When only `code` changed, no rollout begins: check mode tells which hosts would change. So nothing enters it that
does not run on these hosts: no document, no test, no comment in YAML, no role of another vendor.
"""

from __future__ import annotations

from collections.abc import Callable

from causeway.assets import Playbooks
from causeway.plan.fingerprint import CODE_LENGTH, digest
from causeway.plan.hostvars import PoolVariables
from causeway.plan.playbook_conditions import addressed
from causeway.plan.playbook_files import PlaybookFiles
from causeway.plan.playbook_reach import Reach

ENTRY = "site.yml"
"""The playbook that composes the plays of a pool."""

CodeOf = Callable[[PoolVariables], str | None]
"""The fingerprint of the code that a pool's play reaches; None when it is not known."""


def code_of(playbooks: Playbooks) -> CodeOf:
    """The fingerprints of playbooks and roles. Files are read once for all pools.

    Args:
        playbooks: where `site.yml` and the roles are; without a `site.yml` no pool has a fingerprint, and a pool whose
            driver role is not among the roles has none either.

    Returns:
        A function that raises `Permanent` for a file that is named and missing, or that cannot be read.
    """
    files = PlaybookFiles(playbooks)
    entry = files.root / ENTRY
    walks: list[tuple[Reach, str | None]] = []

    def of(pool: PoolVariables) -> str | None:
        if not entry.is_file():
            return None
        for walk, code in walks:
            if _same(walk, pool):
                return code
        walk = reached(files, pool)
        walks.append((walk, None if walk.lacking else digest(walk.parts)[:CODE_LENGTH]))
        return walks[-1][1]

    return of


def reached(files: PlaybookFiles, pool: PoolVariables) -> Reach:
    """What the plays of a pool reach."""
    reach = Reach(files, pool.context, pool.groups)
    reach.playbook(files.root / ENTRY)
    return reach


def _same(walk: Reach, pool: PoolVariables) -> bool:
    """Whether a walk for this pool would find the same, since all that decided the walk is the same."""
    groups = frozenset(pool.groups)
    return (
        all(walk.known.get(name) == pool.context.get(name) for name in walk.used)
        and all(addressed(hosts, groups) == included for hosts, included in walk.asked)
        and all(
            walk.files.of_groups(each, walk.groups) == walk.files.of_groups(each, pool.groups)
            for each in walk.group_values
        )
    )
