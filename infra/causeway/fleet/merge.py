"""Merges the files of a declaration by key. The same key in two files is an error that names both places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from causeway.fleet.places import Branch, Mark, Marks, dotted
from causeway.fleet.problems import Collector
from causeway.fleet.yaml_tree import Tree

_ONCE = ("version", "name", "description")
"""Fields of `fleet.yaml` that say what the declaration is; no other file may hold them."""
_DEEP = ("catalog",)
"""Sections whose own sections are merged by key."""


def merge(trees: Sequence[Tree], marks: Marks, problems: Collector) -> Tree:
    """One document out of the files' documents.

    Args:
        trees: of each file in order, `fleet.yaml` first.
        marks: for the places of errors.
        problems: receives what is wrong.
    """
    data: dict[str, Any] = {}
    branch = Branch(trees[0].mark.place if isinstance(trees[0].mark, Branch) else trees[0].mark, {})
    for number, tree in enumerate(trees):
        place = tree.mark.place if isinstance(tree.mark, Branch) else tree.mark
        if not isinstance(tree.value, dict) or not isinstance(tree.mark, Branch):
            reason = (
                "the file says nothing" if tree.value is None else "a declaration is a mapping: section, colon, entries"
            )
            hint = (
                "begin with `version: 1` and `name:`"
                if number == 0
                else "write a section such as `sites:`, or remove the file"
            )
            problems.add(marks.problem_at("empty-file" if tree.value is None else "not-a-mapping", place, reason, hint))
            continue
        for key in _ONCE if number else ():
            if key in tree.value:
                problems.add(
                    marks.problem_at(
                        "misplaced-field", tree.mark.keys[key], f"{key} stands in fleet.yaml only", "remove it here"
                    )
                )
        kept = {key: value for key, value in tree.value.items() if not (number and key in _ONCE)}
        _into(data, branch, Tree(kept, tree.mark), (), marks, problems)
    return Tree(data, branch)


def _into(
    data: dict[str, Any], branch: Branch, tree: Tree, path: tuple[str, ...], marks: Marks, problems: Collector
) -> None:
    assert isinstance(tree.mark, Branch)  # noqa: S101 - for the type checker: the callers looked
    children: Any = branch.children
    for key, value in tree.value.items():
        mark: Any = tree.mark.child(key)
        if key not in data:
            own = isinstance(value, dict) and len(path) < _depth(path, key)
            data[key] = dict(value) if own else value
            children[key] = _copy(mark) if own else mark
            branch.keys[key] = tree.mark.keys[key]
        elif isinstance(value, dict) and isinstance(data[key], dict) and len(path) < _depth(path, key):
            _into(data[key], children[key], Tree(value, mark), (*path, key), marks, problems)
        else:
            first = marks.location(branch.keys[key])
            reason = f"{dotted((*path, key))} is here a second time; the first is in {first}"
            problems.add(marks.problem_at("duplicate-key", tree.mark.keys[key], reason, "keep one of them"))


def _depth(path: tuple[str, ...], key: str) -> int:
    """How many levels below the document are merged by key."""
    return 2 if (path[0] if path else key) in _DEEP else 1


def _copy(mark: Mark) -> Mark:
    """A branch that can grow without changing the file's own."""
    if not isinstance(mark, Branch) or not isinstance(mark.children, dict):
        return mark
    return Branch(mark.place, dict(mark.children), dict(mark.keys))
