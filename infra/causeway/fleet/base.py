"""The base of every declared model, and the scalar types that the declaration's fields share.

YAML's readings are taken as they come: a number where a text belongs is an error, not a guess, because `1.30` read
as the number 1.3 has already lost its zero.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, Strict
from pydantic.json_schema import WithJsonSchema


class Model(BaseModel):
    """A frozen part of the declaration. Unknown fields are errors; attribute docstrings describe the schema."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_DAY = re.compile(r"20\d\d-\d\d-\d\d", re.ASCII)
DURATION_PATTERN = r"^(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?$"


def _duration(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if match is None:
        raise ValueError("a duration is written with its unit, such as 30s, 5m, 2h or 1d12h")
    try:
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except (OverflowError, ValueError) as error:  # Python itself reads no number of more than 4,300 digits
        raise ValueError("this duration is longer than a calendar can hold") from error


def _day(value: Any) -> Any:
    """A day between 2000 and 2099: anything else is a slip of the finger."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise ValueError("the calendar has no such day") from error
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("a day from 2000 to 2099 is written as 2026-11-22, without a time")


def _decimal(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("an amount is a plain number, such as 2.40")  # noqa: TRY004 - pydantic wants ValueError
    return Decimal(str(value))


Text = Annotated[str, Strict()]
Flag = Annotated[bool, Strict()]
Name = Annotated[str, Strict(), Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
"""A key: lower-case letters, digits and hyphens, 63 at most (a DNS label)."""
VersionText = Annotated[str, Strict(), Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+:~_-]*$", max_length=64)]
"""A version, quoted in YAML so that it stays a text."""
Country = Annotated[str, Strict(), Field(pattern=r"^[A-Z]{2}$")]
"""An ISO 3166-1 alpha-2 country code."""
Currency = Annotated[str, Strict(), Field(pattern=r"^[A-Z]{3}$")]
"""An ISO 4217 currency code."""
_MOST = 100_000_000
Count = Annotated[int, Strict(), Field(ge=0, le=_MOST)]
Positive = Annotated[int, Strict(), Field(ge=1, le=_MOST)]
Fraction = Annotated[float, Strict(), Field(ge=0, le=1)]
Number = Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)]
Money = Annotated[
    Decimal,
    BeforeValidator(_decimal),
    Field(ge=0, le=Decimal(10) ** 15, allow_inf_nan=False),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 10**15}),
]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Duration = Annotated[
    timedelta, BeforeValidator(_duration), WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN})
]


def _count_or_percent(value: Any) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST
    if whole or (isinstance(value, str) and re.fullmatch(r"(100|\d{1,2})%", value)):
        return value
    raise ValueError("write a whole number of hosts, or a share from 0% to 100%, such as 2 or 50%")


class CountOrPercent(
    RootModel[
        Annotated[
            int | str,
            BeforeValidator(_count_or_percent),
            WithJsonSchema(
                {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^(100|\d{1,2})%$"}]}
            ),
        ]
    ]
):
    """A number of hosts (`2`) or a share of a pool (`50%`)."""

    model_config = ConfigDict(frozen=True)

    def of(self, total: int) -> int:
        """The number of hosts out of `total`; a share is rounded down, but never to 0 unless it is 0 %."""
        if isinstance(self.root, int):
            return min(self.root, total)
        share = int(self.root[:-1])
        return 0 if share == 0 else min(total, max(1, total * share // 100))
