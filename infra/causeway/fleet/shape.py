"""What the declaration's models allow at a path: for errors that name the nearest valid word, and for documentation."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import RootModel
from pydantic.fields import FieldInfo

from causeway.fleet.base import Model
from causeway.fleet.document import Fleet


def fields_at(path: Iterable[str | int], root: type[Model] = Fleet) -> dict[str, FieldInfo]:
    """The fields that a mapping at this path may have, as they are written; empty where any key may stand."""
    shapes = _models(root)
    for step in path:
        shapes = [shape for each in shapes for shape in _below(each, step)]
    found: dict[str, FieldInfo] = {}
    for shape in shapes:
        if isinstance(shape, type) and issubclass(shape, Model):
            found.update({field.alias or name: field for name, field in shape.model_fields.items()})
    return found


def _models(annotation: Any) -> list[Any]:
    """The alternatives of an annotation, without Optional, Union and Annotated around them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _models(get_args(annotation)[0])
    if origin in {Union, types.UnionType}:
        return [shape for each in get_args(annotation) for shape in _models(each)]
    return [annotation]


def _below(shape: Any, step: str | int) -> list[Any]:
    origin = get_origin(shape)
    if origin is dict:
        return _models(get_args(shape)[1]) if isinstance(step, str) else []
    if origin in {tuple, list}:
        return _models(get_args(shape)[0]) if isinstance(step, int) else []
    if not isinstance(shape, type) or not issubclass(shape, Model) or issubclass(shape, RootModel):
        return []
    for name, field in shape.model_fields.items():
        if step == (field.alias or name):
            return _models(field.annotation)
    return []
