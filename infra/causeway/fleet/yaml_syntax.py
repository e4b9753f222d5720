"""Says in plain words what YAML's parser found wrong."""

from __future__ import annotations

from typing import Any

import yaml

from causeway.errors import Permanent
from causeway.fleet.places import Marks, pack

# what the parser says (a part of it) -> reason, what to do
_WORDS: tuple[tuple[str, str, str], ...] = (
    ("found a tab character", "a tab stands where YAML wants spaces", "indent with spaces"),
    ("mapping values are not allowed", "a second colon on this line makes the text a mapping",
     "quote the text, or begin a new line for the key"),
    ("could not find expected ':'", "a key is not followed by a colon", "write key: value"),
    ("did not find expected key", "a key was expected here", "look at the indentation, and for a quote or bracket that is not closed above"),
    ("did not find expected ',' or ']'", "a list in brackets is not closed", "add the comma or the ]"),
    ("did not find expected ',' or '}'", "a mapping in braces is not closed", "add the comma or the }"),
    ("did not find expected '-' indicator", "this line is neither an item of the list above nor indented less", "begin it with - or indent it as its neighbours"),
    ("found unexpected end of stream", "the file ends inside a quoted text", "close the quote"),
    ("found unexpected document indicator", "a document ends inside a quoted text", "close the quote"),
    ("found unknown escape character", "a text in double quotes holds an escape that YAML does not know", "write \\\\ for a backslash, or use single quotes"),
    ("did not find expected hexdecimal number", "an escape needs hexadecimal digits", "write \\\\ for a backslash, or use single quotes"),
    ("block sequence entries are not allowed", "an item of a list (-) cannot stand here", "put it on a line of its own, indented below its key"),
    ("did not find expected node content", "a value was expected here", "look for a comma or bracket too much"),
    ("did not find expected <document start>", "this is not part of the mapping above", "indent it as its neighbours, or quote the text"),
    ("found undefined tag handle", "a word that begins with ! is a tag, and none is read here", "quote the text"),
    ("while scanning a tag", "a word that begins with ! is a tag, and none is read here", "quote the text"),
    ("while scanning an anchor", "& begins an anchor, which needs a name", "quote the text"),
    ("while scanning an alias", "* begins an alias, which needs a name", "quote the text"),
    ("while scanning a block scalar", "the text block that begins with | or > is not well formed", "look at the indentation of its lines"),
    ("found character that cannot start any token", "a text cannot begin with this character", "quote the text; indent with spaces, not with tabs"),
    ("exceeded maximum", "brackets are nested too deep", "look for brackets that are never closed"),
)  # fmt: skip


def syntax_problem(error: yaml.YAMLError, file: int, marks: Marks) -> Permanent:
    """The parser's error as one of the declaration's, at its place."""
    mark: Any = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = " ".join(str(part) for part in (getattr(error, "context", ""), getattr(error, "problem", "")) if part)
    text = marks.sources[file].text
    offset = min(mark.index, len(text)) if mark else 0
    place = (
        marks.sources[file].offset_place(file, offset)
        if mark is None or offset != mark.index
        else pack(file, mark.index, mark.line, mark.column)
    )
    for part, reason, hint in _WORDS:
        if part in said:
            return marks.problem_at("yaml-syntax", place, f"this is not YAML: {reason}", hint)
    return marks.problem_at(
        "yaml-syntax",
        place,
        f"this is not YAML: {said or 'the parser stops here'}",
        "look at this line and the one above",
    )
