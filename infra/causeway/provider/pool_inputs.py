"""The inputs of a Baseline as what they mean: a pool's hosts, what they share, and the little in which each differs.

A pool's variables stand once, its hosts are ranges, and a host has an entry under `overrides` only where it differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from causeway.errors import Permanent
from causeway.fleet.hosts import Host, HostState, PoolHosts
from causeway.fleet.ranges import RangeProblem, parse_range
from causeway.plan.fingerprint import SECRET_KEY, Seal, secret_names
from causeway.plan.host_values import PoolVariables, host_variables
from causeway.plan.intents import PoolIntents
from causeway.provider.values import UNKNOWN, Secret, Unknown, Values, has_unknown, plain

REQUIRED = ("fleet", "cluster", "pool", "hosts")
_STATES = ("in_service", "joining", "out_of_service", "retired")
_UNSEEN = "inputs/"
"""Before the names of secrets that stand in variables as values; no declared secret is called so."""


@dataclass(frozen=True, slots=True, repr=False)
class PoolInputs:
    """A Baseline's inputs. It never prints what it holds, secrets among it."""

    values: Values
    variables: PoolVariables
    hosts: PoolHosts
    secrets: Mapping[str, str]
    unknown_secrets: frozenset[str]

    @classmethod
    def of(cls, values: Values) -> PoolInputs:
        """Read inputs.

        Raises:
            Permanent: the hosts are no ranges, or one is named twice.
        """
        declared = tuple(_names(values.get("hosts") or []))
        address = str(values.get("address") or "{name}")
        own_secrets: dict[str, Any] = {}
        pool = _sealable(values.get("variables") or {}, "pool", own_secrets)
        records = {
            name: _host(name, address, entry, own_secrets) for name, entry in (values.get("overrides") or {}).items()
        }
        named = {**(values.get("secrets") or {}), **own_secrets}
        retired = {name: host for name, host in records.items() if host.state == "retired"}
        return cls(
            values,
            PoolVariables(values.get("role"), (), address, values.get("context") or {}, _connection(values), pool),
            PoolHosts(
                str(values.get("cluster")),
                str(values.get("pool")),
                declared,
                tuple(name for name in declared if name not in retired),
                {name: host for name, host in records.items() if name not in retired},
                retired,
                0,
                address,
            ),
            {name: str(plain(value)) for name, value in named.items() if not has_unknown(value)},
            frozenset(name for name, value in named.items() if has_unknown(value)),
        )

    def states(self, key: bytes | None) -> dict[str, Any]:
        """Desired state of each host; unknown where it follows from what only a later step can tell.

        Args:
            key: with which secrets enter the fingerprints.
        """
        if self._undecided(self.variables.variables):
            return dict.fromkeys(self.hosts.names, UNKNOWN)
        code = self.values.get("code")
        undecided = {name for name, host in self.hosts.records.items() if self._undecided(host.variables)}
        known = {name: host for name, host in self.hosts.records.items() if name not in undecided}
        hosts = PoolHosts(
            self.hosts.cluster, self.hosts.pool, self.hosts.declared, self.hosts.names, known, self.hosts.retired
        )
        intents = PoolIntents(self.variables, hosts, Seal(key, self.secrets), str(code) if code else None)
        return {**dict(intents.states()), **dict.fromkeys(undecided, UNKNOWN)}

    def _undecided(self, variables: Mapping[str, Any]) -> bool:
        return has_unknown(variables) or any(name in self.unknown_secrets for name in secret_names(dict(variables)))

    def all_variables(self, name: str, number: int) -> dict[str, Any]:
        """Everything that Ansible is told of one host; secrets as `{secret: NAME}`."""
        return host_variables(self.variables, name, number, self.hosts.records.get(name))


def _names(patterns: Any) -> Iterator[str]:
    seen: set[str] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        try:
            names = parse_range(str(pattern)).names()
        except RangeProblem as problem:
            raise Permanent(
                "bad-range", f"found {pattern!r}: {problem}", subject="hosts", hint=problem.hint
            ) from problem
        twice = next((name for name in names if name in seen), None)
        if twice is not None:
            raise Permanent("duplicate-host", f"{twice} is named twice", subject="hosts", hint="name each host once")
        seen.update(names)
        yield from names


def _connection(values: Values) -> dict[str, Any]:
    return dict(plain(values.get("connection") or {}))


def _host(name: str, address: str, entry: Any, own_secrets: dict[str, Any]) -> Host:
    given = entry if isinstance(entry, Mapping) else {}
    state = given.get("state") or "in_service"
    if state not in _STATES:
        hint = f"write one of {', '.join(_STATES)}"
        raise Permanent("bad-host-state", f"found {state!r}", subject=f"overrides.{name}.state", hint=hint)
    return Host(
        name=name,
        address=str(given.get("address") or address.replace("{name}", name)),
        rack=given.get("rack"),
        serial=given.get("serial"),
        state=cast("HostState", state),
        expected_accelerators=given.get("expectedAccelerators"),
        variables=_sealable(given.get("variables") or {}, name, own_secrets),
    )


def _sealable(value: Any, path: str, found: dict[str, Any]) -> Any:
    """Variables with each secret value replaced by a name, so that only its keyed digest enters a fingerprint."""
    if isinstance(value, Secret):
        found[f"{_UNSEEN}{path}"] = value.value
        return {SECRET_KEY: f"{_UNSEEN}{path}"}
    if isinstance(value, Mapping):
        return {name: _sealable(item, f"{path}.{name}", found) for name, item in value.items()}
    if isinstance(value, list):
        return [_sealable(item, f"{path}.{at}", found) for at, item in enumerate(value)]
    return value


def undecided(state: object) -> bool:
    """Whether a host's desired state is not known yet."""
    return isinstance(state, Unknown)
