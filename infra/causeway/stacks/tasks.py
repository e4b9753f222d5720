"""Which stacks a fleet has, and what each needs to be set before its first run."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import date

from causeway.errors import Permanent, Problems
from causeway.fleet.document import Fleet
from causeway.fleet.problems import nearest
from causeway.stacks.places import place_of
from causeway.stacks.run import StackTask
from causeway.stacks.workspace import AS_OF, CONFIG, HMAC_KEY


def stack_name(fleet: str, cluster: str) -> str:
    """The stack of a cluster."""
    return f"{fleet}.{cluster}"


def chosen(fleet: Fleet, words: Sequence[str]) -> tuple[str, ...]:
    """Clusters that words name, in declared order; all without a word. A word is a cluster's name or a stack's.

    Raises:
        Problems: a word names none.
    """
    clusters = tuple(fleet.clusters)
    by_word = {**{name: name for name in clusters}, **{stack_name(fleet.name, name): name for name in clusters}}
    wrong = [word for word in words if word not in by_word]
    if wrong:
        raise Problems(tuple(_unknown(word, tuple(by_word), fleet) for word in wrong))
    wanted = {by_word[word] for word in words} or set(clusters)
    return tuple(name for name in clusters if name in wanted)


def chosen_of_backend(fleet: Fleet, existing: frozenset[str], words: Sequence[str]) -> tuple[str, ...]:
    """Stacks of the backend that words name, by a cluster's name or their own; all of the fleet's without a word.

    Raises:
        Problems: a word names none.
    """
    own = sorted(name for name in existing if name.startswith(f"{fleet.name}."))
    by_word = {**{name.removeprefix(f"{fleet.name}."): name for name in own}, **{name: name for name in own}}
    wrong = [word for word in words if word not in by_word]
    if wrong:
        hint = f"it has {', '.join(own)}" if own else "it has none of this fleet"
        raise Problems(
            tuple(
                Permanent("unknown-stack", "the backend has no such stack", subject=word, hint=hint) for word in wrong
            )
        )
    return tuple(dict.fromkeys(by_word[word] for word in words)) or tuple(own)


def _unknown(word: str, known: Sequence[str], fleet: Fleet) -> Permanent:
    near = nearest(word, known)
    hint = f"did you mean {near}?" if near else f"the clusters are {', '.join(fleet.clusters)}"
    return Permanent(
        "unknown-stack", f"the fleet {fleet.name} declares no such cluster or stack", subject=word, hint=hint
    )


def task_of(fleet: Fleet, cluster: str, as_of: date | None, *, sandbox: bool, create: bool) -> StackTask:
    """What to run for a cluster.

    Args:
        as_of: the day to pin in the stack's settings; None leaves what is set there.
        sandbox: whether the values of secrets that come from the stack's settings are made up where they lack.
        create: whether the stack may be made.
    """
    hidden: dict[str, Callable[[], str]] = {HMAC_KEY: lambda: secrets.token_hex(32)}
    if sandbox:
        made = {name for name, secret in fleet.secrets.items() if secret.source == "pulumi_config"}
        hidden |= {f"{CONFIG}:{name}": lambda: f"sandbox-{secrets.token_urlsafe(24)}" for name in sorted(made)}
    wanted = {AS_OF: as_of.isoformat()} if as_of is not None else {}
    return StackTask(stack_name(fleet.name, cluster), wanted, hidden, create, place_of(fleet, cluster))
