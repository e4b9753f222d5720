"""Which findings keep a stack from being changed: those that stop what this run would create or extend. Pure.

What is there already, and neither grows nor becomes another thing, is never stopped: so a broken host can be mended and
an expired lease wound up while a finding stands.
"""

from __future__ import annotations

from collections.abc import Mapping

from causeway.program.document import Extent, Obstacle, StackDocument

_ABOUT_VERSIONS = frozenset({"driver-compatibility", "driver-end-of-life", "images-pinned"})


def refusing(document: StackDocument, before: Mapping[str, Extent]) -> tuple[Obstacle, ...]:
    """The findings that refuse this run.

    Args:
        document: what the stack declares.
        before: what it held after the last run, by the same keys; empty for a new stack.
    """
    return tuple(each for each in stopping(document) if _extends(each, document.extents, before))


def stopping(document: StackDocument) -> tuple[Obstacle, ...]:
    """Every finding that stops something of the stack, whether this run would extend it or not."""
    return tuple(each for each in document.obstacles if each.severity == "stop")


def judged(document: StackDocument) -> str:
    """The day that rules saw, and how much they say beside what they stop."""
    warned = sum(each.severity == "warn" for each in document.obstacles)
    return f"rules as of {document.on}; findings that warn: {warned}"


def _extends(obstacle: Obstacle, now: Mapping[str, Extent], before: Mapping[str, Extent]) -> bool:
    about = obstacle.items or tuple(now)
    versions = obstacle.rule in _ABOUT_VERSIONS
    return any(_grows(before.get(item), now[item], versions=versions) for item in about if item in now)


def _grows(old: Extent | None, new: Extent, *, versions: bool) -> bool:
    if old is None:
        return True
    return new.size > old.size or new.what != old.what or (versions and new.versions != old.versions)


def refusal(obstacles: tuple[Obstacle, ...], stack: str) -> str:
    """All of them at once, for people: file:line, what, why, what to do."""
    count = "1 finding keeps" if len(obstacles) == 1 else f"{len(obstacles)} findings keep"
    lines = [f"{count} this stack from being changed:"]
    for each in obstacles:
        lines.append(f"  {each.where}: [{each.rule}] {each.subject}: {each.reason}")
        if each.fix:
            lines.append(f"    to do: {each.fix}")
    lines.append("Nothing was touched. `causeway check` shows every finding;")
    lines.append(f"`pulumi destroy --stack {stack}` still works.")
    return "\n".join(lines)
