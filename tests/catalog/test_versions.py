"""Versions as the vendors write them: what is equal, what is newer, what belongs to a train or a span."""

from __future__ import annotations

import pytest

from causeway.catalog.versions import in_span, in_train, key, matches, same, same_minor
from causeway.fleet.compatibility_entries import Span, Spec


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("24.1.RC2", "24.1.rc2"),
        ("8.5", "8.5.0"),
        ("v1.20.0", "1.20.0"),
        ("4.6.2", "4.6.2-1"),
        ("580.95.05", "580.95.05-0ubuntu1"),
        ("8.3.0.RC1", "8.3.RC1"),
    ],
)
def test_spellings_of_one_version(one: str, other: str) -> None:
    assert same(one, other)
    assert same(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [("4.6.2-1", "4.6.2-2"), ("22.03", "22.03-SP1"), ("8.5.0", "8.5.1"), ("0.13.0", "0.13.0rc1"), ("580", "580.95.05")],
)
def test_different_versions(one: str, other: str) -> None:
    assert not same(one, other)


def test_release_candidates_come_before_and_post_releases_after() -> None:
    rising = ["0.9.1", "0.11.0", "0.13.0rc1", "0.13.0", "0.13.0.post1", "0.23.0", "8.3.RC1", "8.3.RC2", "8.3.0", "8.5"]
    assert sorted(rising, key=key) == rising
    assert sorted(["25.0.RC1", "24.1.0", "24.1.RC3", "26.0.RC1", "25.5.2"], key=key) == [
        "24.1.RC3",
        "24.1.0",
        "25.0.RC1",
        "25.5.2",
        "26.0.RC1",
    ]


def test_a_train_holds_its_releases_and_candidates() -> None:
    assert all(in_train(each, "25.5.*") for each in ("25.5", "25.5.0", "25.5.2", "25.5.RC1"))
    assert not any(in_train(each, "25.5.*") for each in ("25.50.0", "25.4.9", "26.0"))
    assert in_train("580", "580.*")


def test_spans_hold_their_ends() -> None:
    assert in_span("7.2.99", Span(min="7.0.0", max="7.2.99"))
    assert in_span("25.0.RC1", Span(min="25.0.*", max="26.1.*"))
    assert in_span("26.1.3", Span(min="25.0.*", max="26.1.*"))
    assert not in_span("26.2.0", Span(min="25.0.*", max="26.1.*"))
    assert in_span("6.1.0-28-amd64", Span(min="4.15"))


def test_only_none_holds_for_what_is_not_declared() -> None:
    assert matches(Spec("none"), None)
    assert not matches(Spec("any"), None)
    assert not matches(Spec(Span(min="1")), None)
    assert matches(Spec("any"), "x")


def test_names_are_compared_letter_by_letter() -> None:
    assert matches(Spec("debian"), "Debian")
    assert not matches(Spec("ascend-910b3"), "ascend-910b30")
    assert not matches(Spec("vllm"), "vllm-ascend")


def test_minors() -> None:
    assert same_minor("0.13.0", "0.13.2rc1")
    assert not same_minor("0.13.0", "0.12.0")
    assert same_minor("8", "8.0.1")
