from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from causeway.toolchain.version import Range, Version

numbers = st.integers(min_value=0, max_value=10_000)
releases = st.tuples(numbers, numbers, numbers)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.259.0", "3.259.0"),
        ("v4.3.1+g0a1b2c3", "4.3.1"),
        ("v3.260.0-alpha.1752", "3.260.0-alpha.1752"),
        ("1.19", "1.19.0"),
        (" v1.34.4\n", "1.34.4"),
    ],
)
def test_versions_are_read_as_tools_write_them(text: str, expected: str) -> None:
    assert str(Version.parse(text)) == expected


@pytest.mark.parametrize("text", ["", "latest", "(devel)", "1", "v1.2.3.4", "1.2.x"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no version"):
        Version.parse(text)


@given(releases, releases)
def test_versions_order_as_their_numbers(left: tuple[int, int, int], right: tuple[int, int, int]) -> None:
    assert (Version(left) < Version(right)) == (left < right)
    assert (Version(left) >= Version(right)) == (left >= right)


def test_pre_releases_come_before_their_release_and_go_by_number() -> None:
    ordered = ["3.259.0", "3.260.0-alpha.2", "3.260.0-alpha.10", "3.260.0-beta", "3.260.0"]
    versions = [Version.parse(text) for text in ordered]
    assert all(left < right for left, right in pairwise(versions))


@pytest.mark.parametrize(
    ("version", "wanted", "inside"),
    [
        ("3.259.0", ">=3.259.0,<4", True),
        ("3.258.9", ">=3.259.0,<4", False),
        ("4.0.0", ">=3.259.0,<4", False),
        ("4.0.0-rc.1", ">=3.259.0,<4", False),
        ("3.260.0-alpha.1", ">=3.259.0,<4", True),
        ("3.259.0-alpha.1", ">=3.259.0,<4", False),
        ("1.35.9", ">=1.33.0,<1.36", True),
        ("1.36.0", ">=1.33.0,<1.36", False),
    ],
)
def test_ranges_hold_what_they_say(version: str, wanted: str, *, inside: bool) -> None:
    assert (Version.parse(version) in Range.parse(wanted)) is inside


def test_a_range_that_is_not_understood_is_refused() -> None:
    with pytest.raises(ValueError, match="is no clause"):
        Range.parse("~>1.2")
