"""Where stacks' states lie: a site may name a state backend and a secrets provider of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from causeway.fleet.document import Fleet

BY_PASSPHRASE = frozenset({"", "default", "passphrase"})
"""Secrets providers that are none: a passphrase, or what the backend has itself."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stack's state lies; what is empty is the project's own.

    Args:
        backend: address of the backend, such as `s3://states-johor?region=ap-southeast-1`.
        secrets_provider: what encrypts the secrets in the state, such as `awskms://alias/johor`.
    """

    backend: str = ""
    secrets_provider: str = ""


PROJECTS_OWN = Place()


def place_of(fleet: Fleet, cluster: str) -> Place:
    """Where the state of a declared cluster's stack lies."""
    site = fleet.sites[fleet.clusters[cluster].site]
    return Place(site.state_backend or "", site.secrets_provider or "")


def backends(fleet: Fleet, words: Sequence[str]) -> tuple[str, ...]:
    """Addresses of the backends that may hold the stacks that words name, each once; empty for the project's own.

    The stack of a declared cluster lies in its site's. A cluster that is gone from the declaration may have stood
    anywhere, so a word for it, or no word at all, is every backend of the fleet.
    """
    declared = {word: name for name in fleet.clusters for word in (name, f"{fleet.name}.{name}")}
    if words and all(word in declared for word in words):
        return tuple(dict.fromkeys(place_of(fleet, declared[word]).backend for word in words))
    return tuple(dict.fromkeys((*(site.state_backend or "" for site in fleet.sites.values()), "")))


def place_in(fleet: Fleet, stack: str, holding: Sequence[str]) -> Place:
    """Where the state of a stack lies that backends hold: its cluster's place, or the first of them.

    Args:
        stack: its name.
        holding: addresses of the backends that have a stack of this name.
    """
    cluster = stack.removeprefix(f"{fleet.name}.")
    if cluster in fleet.clusters and place_of(fleet, cluster).backend in holding:
        return place_of(fleet, cluster)
    return Place(holding[0])
