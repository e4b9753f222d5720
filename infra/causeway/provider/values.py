"""Property values between the wire and Python: secrets stay marked, unknown values stay unknown.

Nested secrets arrive as `{SIGNATURE: SECRET, "value": ...}`; an unknown value is one fixed string, in place of a value
of any type (https://github.com/pulumi/pulumi, sdk/go/common/resource/plugin/rpc.go).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.struct_pb2 import Struct, Value

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the protocol's mark, not a password
UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

Values = Mapping[str, Any]
"""A resource's properties by name."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that is never printed; echoed to the engine it is stored encrypted."""

    value: Any

    def __repr__(self) -> str:
        return "Secret(...)"


class Unknown:
    """A value that only a later step can tell. There is one, `UNKNOWN`."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


def to_python(struct: Struct) -> dict[str, Any]:
    """Properties as Python values; whole numbers as int."""
    return {name: _python(value) for name, value in struct.fields.items()}


def _python(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        text = value.string_value
        return UNKNOWN if text == UNKNOWN_TEXT else text
    if kind == "struct_value":
        fields = value.struct_value.fields
        if SIGNATURE in fields and fields[SIGNATURE].string_value == SECRET:
            return Secret(_python(fields["value"]))
        return {name: _python(item) for name, item in fields.items()}
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_python(item) for item in value.list_value.values]
    return None


def to_struct(values: Values) -> Struct:
    """Properties as they go over the wire."""
    struct = Struct()
    for name, value in values.items():
        _write(struct.fields[name], value)
    return struct


def _write(target: Value, value: Any) -> None:
    if value is None:
        target.null_value = 0  # type: ignore[assignment] # the only member of NullValue
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, int | float):
        target.number_value = value
    elif isinstance(value, Unknown):
        target.string_value = UNKNOWN_TEXT
    elif isinstance(value, Secret):
        _write(target, {SIGNATURE: SECRET, "value": value.value})
    elif isinstance(value, Mapping):
        target.struct_value.SetInParent()
        for name, item in value.items():
            _write(target.struct_value.fields[name], item)
    else:
        target.list_value.SetInParent()
        for item in value:
            _write(target.list_value.values.add(), item)


def plain(value: Any) -> Any:
    """A value with the marks of secrets taken off, for work that needs them. The result must not be shown or stored."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def has_unknown(value: Any) -> bool:
    """Whether a value, or anything in it, is unknown."""
    if isinstance(value, Unknown):
        return True
    if isinstance(value, Secret):
        return has_unknown(value.value)
    return any(has_unknown(item) for item in _items(value))


def _items(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list | tuple):
        yield from value
