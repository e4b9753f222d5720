"""Reads one YAML file into plain data and the tree of its marks, within bounds that no input can exceed.

It consumes the events of PyYAML's C parser itself: the composer of PyYAML recurses, forgets marks and accepts
duplicate keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from causeway.fleet.places import Branch, Mark, Marks, dotted, pack
from causeway.fleet.problems import Collector
from causeway.fleet.yaml_scalars import AmbiguousScalar, read_plain
from causeway.fleet.yaml_syntax import syntax_problem

MAX_DEPTH = 40
MAX_VALUES = 250_000
"""Keys and values of one file, those that aliases repeat included."""
_TEXT_TAGS = frozenset(("!", "tag:yaml.org,2002:str"))
_MERGE = "<<"


class Tree(NamedTuple):
    """A file's data and marks."""

    value: Any
    mark: Mark


class _Node(NamedTuple):
    value: Any
    mark: Mark
    size: int  # values, aliases counted as often as they are used
    height: int  # levels below
    plain: bool = False


class _Frame:
    """A mapping or list that is being read."""

    __slots__ = ("anchor", "branch", "height", "is_mapping", "key", "key_place", "marks", "merged", "size", "value")

    def __init__(self, place: int, anchor: str | None, *, is_mapping: bool) -> None:
        self.is_mapping = is_mapping
        self.value: Any = {} if is_mapping else []
        self.marks: Any = {} if is_mapping else []
        self.branch = Branch(place, self.marks)
        self.anchor = anchor
        self.key: str | None = None
        self.key_place = place
        self.size = 1
        self.height = 0
        self.merged: list[_Node] = []

    def set(self, key: str, value: Any, mark: Mark, key_place: int) -> None:
        self.value[key] = value
        self.marks[key] = mark
        self.branch.keys[key] = key_place


class _FatalError(Exception):
    """The rest of this file cannot be read; the problem is collected already."""


def read_tree(text: str, file: int, marks: Marks, problems: Collector) -> Tree | None:
    """The data of one file, None when it could not be read to its end.

    Args:
        text: the file's content.
        file: its index in `marks.sources`.
        marks: for the places of errors; its tree is not used.
        problems: receives what is wrong.
    """
    reader = _Reader(file, marks, problems)
    try:
        return reader.read(text)
    except _FatalError:
        return None
    except yaml.YAMLError as error:
        problems.add(syntax_problem(error, file, marks))
        return None


class _Reader:
    def __init__(self, file: int, marks: Marks, problems: Collector) -> None:
        self._file = file
        self._marks = marks
        self._problems = problems
        self._anchors: dict[str, _Node | None] = {}  # None while the anchored value is still being read
        self._stack: list[_Frame] = []
        self._values = 0
        self._documents = 0

    def read(self, text: str) -> Tree:
        self._refuse_directives(text)
        root: _Node | None = None
        node: _Node | None
        stack = self._stack
        for event in _events(text):
            kind = event.__class__
            if kind is ScalarEvent:
                node = self._scalar(event)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                node = self._close()
            elif kind is AliasEvent:
                node = self._alias(event)
            else:
                self._begin(kind, event)
                continue
            if stack:
                self._attach(stack[-1], node)
            else:
                root = node
        return Tree(root.value, root.mark) if root else Tree(None, pack(self._file, 0, 0, 0))

    def _begin(self, kind: type, event: Any) -> None:
        """What is no value by itself: the begin of one, or of a document."""
        if kind is MappingStartEvent or kind is SequenceStartEvent:
            self._open(event)
        elif kind is DocumentStartEvent:
            self._documents += 1
            if self._documents > 1:
                self._fatal(
                    event,
                    "several-documents",
                    "a second YAML document begins here; one file holds one",
                    "remove the line ---, or move what follows into a file of its own",
                )

    def _refuse_directives(self, text: str) -> None:
        """Directives are no use here, and the parser compares each with all before it."""
        for start in ("\n%", "\r%", "\x85%", "\u2028%", "\u2029%"):
            at = 0 if text.startswith("%") else text.find(start) + 1
            if at or text.startswith("%"):
                place = self._marks.sources[self._file].offset_place(self._file, at)
                self._fatal_at(
                    place,
                    "yaml-directive",
                    "a line that begins with % is a directive, and none is read",
                    "remove it, or quote the text",
                )

    def _scalar(self, event: Any) -> _Node:
        mark = event.start_mark
        place = pack(self._file, mark.index, mark.line, mark.column)
        self._count(place, 1)
        value: Any = event.value
        plain = bool(event.implicit[0])
        if plain:
            try:
                value = read_plain(value)
            except AmbiguousScalar as error:
                self._add(
                    "ambiguous-value",
                    place,
                    f"found {self._marks.word(place)}: {error}",
                    f'quote it as a text: "{self._marks.word(place)}", or write a plain decimal number',
                )
        elif event.tag is not None and event.tag not in _TEXT_TAGS and not event.implicit[1]:
            self._tagged(event, place)
        node = _Node(value, place, 1, 0, plain)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _tagged(self, event: Any, place: int) -> None:
        tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")[:60]
        self._add(
            "yaml-tag", place, f"found the tag {tag}: values are read by their field, tags are not", "remove the tag"
        )

    def _open(self, event: Any) -> None:
        place = self._place(event)
        self._count(place, 1)
        if len(self._stack) >= MAX_DEPTH:
            self._fatal_at(
                place,
                "too-deep",
                f"this is nested more than {MAX_DEPTH} levels deep",
                "a declaration needs no more than ten; look for brackets that are never closed",
            )
        if event.tag is not None and not event.implicit:
            self._tagged(event, place)
        if self._stack and self._stack[-1].is_mapping and self._stack[-1].key is None:
            self._fatal_at(
                place,
                "key-not-text",
                "a key has to be a text; here a list or mapping is one",
                "look for a missing quote around braces or brackets",
            )
        self._stack.append(_Frame(place, event.anchor, is_mapping=event.__class__ is MappingStartEvent))
        if event.anchor is not None:
            self._anchors[event.anchor] = None

    def _close(self) -> _Node:
        frame = self._stack.pop()
        for node in frame.merged:
            self._merge(frame, node)
        node = _Node(frame.value, frame.branch, frame.size, frame.height)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = node
        return node

    def _alias(self, event: Any) -> _Node:
        place = self._place(event)
        if event.anchor not in self._anchors:
            self._fatal_at(
                place,
                "unknown-anchor",
                f"the alias *{event.anchor} has no anchor before it",
                f"write &{event.anchor} before the value that is meant",
            )
        node = self._anchors[event.anchor]
        if node is None:
            self._fatal_at(
                place,
                "recursive-anchor",
                f"the alias *{event.anchor} stands inside its own anchor",
                "write the value out",
            )
            raise AssertionError("unreachable")
        self._count(place, node.size)
        if len(self._stack) + node.height > MAX_DEPTH:
            self._fatal_at(
                place, "too-deep", f"aliases nest this more than {MAX_DEPTH} levels deep", "write the value out"
            )
        return node if isinstance(node.mark, Branch) else node._replace(mark=place)

    def _attach(self, frame: _Frame, node: _Node) -> None:
        key = frame.key
        if key is None and frame.is_mapping:
            self._take_key(frame, node)
            return
        frame.size += node.size
        if node.height >= frame.height:
            frame.height = node.height + 1
        if not frame.is_mapping:
            frame.value.append(node.value)
            frame.marks.append(node.mark)
            return
        frame.key = None
        if key == _MERGE:
            frame.merged.append(node)
        elif key is not None and key not in frame.value:
            frame.set(key, node.value, node.mark, frame.key_place)

    def _take_key(self, frame: _Frame, node: _Node) -> None:
        place = node.mark.place if isinstance(node.mark, Branch) else node.mark
        frame.key_place = place
        frame.size += 1
        if not isinstance(node.value, str):
            word = self._marks.word(place)
            hint = f'quote it: "{word}"' if word else "write the key before the colon"
            self._add("key-not-text", place, f"the key {word or '(empty)'} is not a text", hint)
            frame.key = str(node.value)[:64]
            return
        frame.key = node.value
        if node.value in frame.value and not (node.value == _MERGE and node.plain):
            first = self._marks.location(frame.branch.keys[node.value])
            self._add(
                "duplicate-key",
                place,
                f"the key {dotted((node.value,))} is here a second time; the first is in {first}",
                "keep one of them",
            )

    def _merge(self, frame: _Frame, node: _Node) -> None:
        """Take over the keys of `<<: *anchor` that the mapping has not itself."""
        sources = [Tree(node.value, node.mark)]
        if isinstance(node.value, list) and isinstance(node.mark, Branch):
            sources = [Tree(value, node.mark.child(index) or node.mark) for index, value in enumerate(node.value)]
        for source in sources:
            if not isinstance(source.value, dict) or not isinstance(source.mark, Branch):
                place = source.mark.place if isinstance(source.mark, Branch) else source.mark
                self._add(
                    "bad-merge",
                    place,
                    "<< takes over the keys of a mapping, and this is none",
                    "name an anchor of a mapping: <<: *anchor",
                )
                continue
            self._count(frame.branch.place, len(source.value))
            for key, value in source.value.items():
                if key not in frame.value:
                    frame.set(key, value, source.mark.child(key) or 0, source.mark.keys[key])

    def _count(self, place: int, values: int) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            self._fatal_at(
                place,
                "too-many-values",
                f"this file holds more than {MAX_VALUES} keys and values, aliases counted as often as they are used",
                "use ranges for hosts, split the declaration, or write fewer aliases of aliases",
            )

    def _place(self, event: Any) -> int:
        mark = event.start_mark
        return pack(self._file, mark.index, mark.line, mark.column)

    def _add(self, code: str, place: int, reason: str, hint: str) -> None:
        if self._problems.full:
            self._problems.skip()
        else:
            self._problems.settle(self._marks.problem_at(code, place, reason, hint))

    def _fatal(self, event: Any, code: str, reason: str, hint: str) -> None:
        self._fatal_at(self._place(event), code, reason, hint)

    def _fatal_at(self, place: int, code: str, reason: str, hint: str) -> None:
        self._add(code, place, reason, hint)
        raise _FatalError


def _events(text: str) -> Iterator[Any]:
    parser = yaml.CSafeLoader(text)
    try:
        event = parser.get_event()
        while event is not None:
            yield event
            event = parser.get_event()
    finally:
        parser.dispose()
