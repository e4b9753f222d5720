"""What a change may do to a host: nothing, restart services, empty it, or reboot it. Roles say it as data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal, cast

import yaml
from pydantic import ValidationError

from causeway.assets import Playbooks
from causeway.catalog import Catalog
from causeway.errors import Location, Permanent
from causeway.fleet.base import Model, Text
from causeway.fleet.catalog_entries import Disruption, Part

ORDER: tuple[Disruption, ...] = ("none", "restart", "drain", "reboot")
WORST: Disruption = "reboot"
ROLE_SEPARATOR = "__"


class RoleDisruption(Model):
    """What changes of a role's variables do: `meta/causeway.yml` of the role."""

    disruption: Disruption
    """Of a variable that is not listed, and of changed tasks."""
    variables: dict[Text, Disruption] = {}
    """By variable."""


class _File(Model):
    version: Literal[1]
    roles: dict[Text, RoleDisruption]


@cache
def built_in() -> dict[str, RoleDisruption]:
    """What is known of the roles that come with Causeway."""
    text = resources.files("causeway.plan").joinpath("data/disruption.yaml").read_text(encoding="utf-8")
    return _File.model_validate(yaml.safe_load(text)).roles


@dataclass(frozen=True, eq=False)
class Disruptions:
    """Where it is looked up: a role's own word, then the catalog's for versions, then the built-in data.

    Args:
        catalog: driver stacks, which say it for each of their parts.
        playbooks: where the roles are, which may say it themselves; None when there are none.
    """

    catalog: Catalog
    playbooks: Playbooks | None = None

    def of_variable(self, variable: str) -> Disruption:
        """What a change of a variable does; the worst when nothing says it. Its role is what stands before `__`.

        Raises:
            Permanent: the role's own file is not of the right shape.
        """
        role, separator, name = variable.partition(ROLE_SEPARATOR)
        if not separator:
            return WORST
        own = self._own(role)
        if own is not None:
            return own.variables.get(variable, own.disruption)
        by_stack = self._by_stack(role, name)
        if by_stack is not None:
            return by_stack
        known = built_in().get(role)
        return known.variables.get(variable, known.disruption) if known else WORST

    def of(self, variables: Iterable[str]) -> Disruption:
        """The worst of several variables' changes; `none` when there are none."""
        return worst(self.of_variable(variable) for variable in variables)

    def of_role(self, role: str | None) -> Disruption:
        """What changed tasks of a role may do at worst."""
        if role is None:
            return WORST
        known = self._own(role) or built_in().get(role)
        return known.disruption if known else WORST

    def _own(self, role: str) -> RoleDisruption | None:
        folder = self.playbooks.role(role) if self.playbooks else None
        path = folder / "meta" / "causeway.yml" if folder else None
        return _read(path) if path is not None and path.is_file() else None

    def _by_stack(self, role: str, name: str) -> Disruption | None:
        part = cast("Part", name.removesuffix("_version"))
        stacks = [
            s for s in self.catalog.driver_stacks.values() if s.role.replace("-", "_") == role and part in s.parts
        ]
        if not name.endswith("_version") or not stacks:
            return None
        return worst(stack.parts[part].disruption for stack in stacks)


def worst(disruptions: Iterable[Disruption]) -> Disruption:
    """The worst of several; `none` when there are none."""
    return max(disruptions, key=ORDER.index, default="none")


def _read(path: Path) -> RoleDisruption:
    try:
        return RoleDisruption.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise Permanent(
            "role-disruption",
            f"this role's disruption cannot be read: {error}",
            where=Location(str(path)),
            hint="write `disruption: none|restart|drain|reboot`, and `variables:` by name; see docs/plan.md",
        ) from error
