"""How a long command tells where it is: named steps with their times, to whoever shows them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol


class Observer(Protocol):
    """Shows progress. Calls may come from several threads."""

    def started(self, step: str) -> None:
        """A step begins."""

    def note(self, step: str, text: str) -> None:
        """What the step is at; may come many times a second."""

    def finished(self, step: str, text: str, seconds: float) -> None:
        """A step ended well; `text` says what came of it."""


@dataclass(frozen=True, slots=True)
class StepTime:
    """How long a step took, and what came of it."""

    step: str
    seconds: float
    outcome: str


@dataclass(slots=True)
class Step:
    """A running step. `outcome` is told when it ends."""

    name: str
    observer: Observer
    outcome: str = "done"

    def note(self, text: str) -> None:
        """Say what it is at."""
        self.observer.note(self.name, text)


@dataclass(slots=True)
class Steps:
    """Runs steps under an observer and keeps their times."""

    observer: Observer
    times: list[StepTime] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """A step that lasts as long as the block; one that raises is not told as finished."""
        begun = self.clock()
        step = Step(name, self.observer)
        self.observer.started(name)
        yield step
        seconds = self.clock() - begun
        self.times.append(StepTime(name, seconds, step.outcome))
        self.observer.finished(name, step.outcome, seconds)
