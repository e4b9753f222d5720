"""Which stacks words name, what is set before a first run, and what the end means."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from causeway.errors import Problems
from causeway.fleet.document import Fleet
from causeway.fleet.load import load_fleet
from causeway.stacks.model import Operation, Result, StackReport, exit_status
from causeway.stacks.tasks import chosen, chosen_of_backend, task_of

ALL = ("cn-north-inference", "my-johor-training", "sg-cloud-serving")


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load_fleet(Path(__file__).parents[2] / "inventory" / "sandbox").fleet


def test_words_are_clusters_or_stacks_in_declared_order(fleet: Fleet) -> None:
    assert chosen(fleet, []) == ALL
    assert chosen(fleet, ["sandbox.sg-cloud-serving", "cn-north-inference", "sg-cloud-serving"]) == (ALL[0], ALL[2])


def test_each_wrong_word_is_told_with_the_nearest(fleet: Fleet) -> None:
    with pytest.raises(Problems) as caught:
        chosen(fleet, ["cn-north-inferense", "moon"])
    assert [error.hint for error in caught.value.errors] == [
        "did you mean cn-north-inference?",
        f"the clusters are {', '.join(ALL)}",
    ]


def test_a_cluster_gone_from_the_declaration_can_still_be_named(fleet: Fleet) -> None:
    existing = frozenset({"sandbox.gone", "sandbox.cn-north-inference", "other.north"})
    assert chosen_of_backend(fleet, existing, ["gone"]) == ("sandbox.gone",)
    assert chosen_of_backend(fleet, existing, []) == ("sandbox.cn-north-inference", "sandbox.gone")
    with pytest.raises(Problems, match=r"no such stack"):
        chosen_of_backend(fleet, existing, ["other.north"])


def test_only_the_sandbox_gets_made_up_secrets(fleet: Fleet) -> None:
    real = task_of(fleet, ALL[2], None, sandbox=False, create=True)
    assert set(real.hidden) == {"causeway:hmacKey"}
    assert real.wanted == {}
    played = task_of(fleet, ALL[2], date(2026, 11, 22), sandbox=True, create=True)
    assert set(played.hidden) == {"causeway:hmacKey", "causeway:cici-upstream-key"}
    assert played.wanted == {"causeway:asOf": "2026-11-22"}
    assert len({make() for make in played.hidden.values()}) == 2


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ([Result.UNCHANGED, Result.DONE], 0),
        ([Result.DONE, Result.PARTLY], 4),
        ([Result.CANCELLED], 4),
        ([Result.DONE, Result.SKIPPED], 4),
        ([Result.FAILED], 1),
        ([Result.FAILED, Result.DONE], 4),
        ([Result.REFUSED], 3),
        ([Result.REFUSED, Result.DONE], 3),
        ([Result.CHANGES], 0),
    ],
)
def test_the_exit_status_tells_how_far_it_got(results: list[Result], status: int) -> None:
    assert exit_status(tuple(StackReport("s", Operation.UP, each) for each in results)) == status


def test_changes_are_an_exit_status_only_where_asked() -> None:
    reports = (StackReport("s", Operation.PREVIEW, Result.CHANGES),)
    assert exit_status(reports, changes_are_two=True) == 2
