"""A stack's settings: where a declared secret is looked for, and a day that is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pulumi
import pytest
from pulumi.runtime import set_all_config

from causeway.errors import Permanent
from causeway.program.settings import day, secret_setting


@pytest.fixture(autouse=True)
def _project() -> Iterator[None]:
    set_all_config({})
    yield
    set_all_config({})


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"PROJECT:key": "own"}, "own"),
        ({"causeway:key": "ours"}, "ours"),
        ({"PROJECT:key": "own", "causeway:key": "ours"}, "own"),
        ({}, None),
    ],
)
def test_a_secret_is_the_project_s_own_setting_or_else_causeway_s(config: Mapping[str, str], found: str | None) -> None:
    set_all_config({name.replace("PROJECT", pulumi.get_project()): value for name, value in config.items()})
    assert secret_setting("key") == found


def test_a_namespace_that_is_written_is_the_one_that_is_read() -> None:
    set_all_config({"other:key": "there", "causeway:key": "ours"})
    assert secret_setting("other:key") == "there"


def test_a_day_that_is_none_is_told_without_a_traceback() -> None:
    set_all_config({"causeway:asOf": "22.11.2026"})
    with pytest.raises(Permanent, match=r"no day"):
        day()
