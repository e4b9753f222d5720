"""Says in plain words what YAML's parser found wrong."""

from __future__ import annotations

from typing import Any, NamedTuple

import yaml

from causeway.errors import Permanent
from causeway.fleet.places import Marks, pack


class _Words(NamedTuple):
    said: str  # a part of what the parser says
    reason: str
    hint: str


_QUOTE = "quote the text"
_BACKSLASH = "write \\\\ for a backslash, or use single quotes"
_NO_TAG = "a word that begins with ! is a tag, and none is read here"
_WORDS = (
    _Words("found a tab character", "a tab stands where YAML wants spaces", "indent with spaces"),
    _Words(
        "mapping values are not allowed",
        "a second colon on this line makes the text a mapping",
        "quote the text, or begin a new line for the key",
    ),
    _Words("could not find expected ':'", "a key is not followed by a colon", "write key: value"),
    _Words(
        "did not find expected key",
        "a key was expected here",
        "look at the indentation, and for a quote or bracket that is not closed above",
    ),
    _Words("did not find expected ',' or ']'", "a list in brackets is not closed", "add the comma or the ]"),
    _Words("did not find expected ',' or '}'", "a mapping in braces is not closed", "add the comma or the }"),
    _Words(
        "did not find expected '-' indicator",
        "this line is neither an item of the list above nor indented less",
        "begin it with - or indent it as its neighbours",
    ),
    _Words("found unexpected end of stream", "the file ends inside a quoted text", "close the quote"),
    _Words("found unexpected document indicator", "a document ends inside a quoted text", "close the quote"),
    _Words("found unknown escape character", "YAML does not know this escape in double quotes", _BACKSLASH),
    _Words("did not find expected hexdecimal number", "an escape needs hexadecimal digits", _BACKSLASH),
    _Words(
        "block sequence entries are not allowed",
        "an item of a list (-) cannot stand here",
        "put it on a line of its own, indented below its key",
    ),
    _Words("did not find expected node content", "a value was expected here", "look for a comma or bracket too much"),
    _Words(
        "did not find expected <document start>",
        "this is not part of the mapping above",
        "indent it as its neighbours, or quote the text",
    ),
    _Words("found undefined tag handle", _NO_TAG, _QUOTE),
    _Words("while scanning a tag", _NO_TAG, _QUOTE),
    _Words("while scanning an anchor", "& begins an anchor, which needs a name", _QUOTE),
    _Words("while scanning an alias", "* begins an alias, which needs a name", _QUOTE),
    _Words(
        "while scanning a block scalar",
        "the text block that begins with | or > is not well formed",
        "look at the indentation of its lines",
    ),
    _Words(
        "found character that cannot start any token",
        "a text cannot begin with this character",
        "quote the text; indent with spaces, not with tabs",
    ),
)


def syntax_problem(error: yaml.YAMLError, file: int, marks: Marks) -> Permanent:
    """The parser's error as one of the declaration's, at its place."""
    mark: Any = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = " ".join(str(part) for part in (getattr(error, "context", ""), getattr(error, "problem", "")) if part)
    source = marks.sources[file]
    if mark is not None and mark.index < len(source.text):
        place = pack(file, mark.index, mark.line, mark.column)
    else:  # at the end: the last character is what a reader looks for
        place = source.offset_place(file, max(0, len(source.text.rstrip()) - 1) if mark else 0)
    for words in _WORDS:
        if words.said in said:
            return marks.problem_at("yaml-syntax", place, f"this is not YAML: {words.reason}", words.hint)
    hint = "look at this line and the one above"
    return marks.problem_at("yaml-syntax", place, f"this is not YAML: {said or 'the parser stops here'}", hint)
