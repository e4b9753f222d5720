"""What a change may do to a host: nothing, restart services, empty it, or reboot it. Roles say it as data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

import yaml
from pydantic import ValidationError

from causeway.errors import Location, Permanent
from causeway.fleet.base import Model, Text

Disruption = Literal["none", "restart", "drain", "reboot"]
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


@dataclass(frozen=True, slots=True)
class Disruptions:
    """The disruption data of one tree of playbooks.

    Args:
        playbooks: folder of the playbooks, whose roles may say it themselves; None to go by the built-in data.
    """

    playbooks: Path | None = None

    def role(self, role: str) -> RoleDisruption:
        """What a role says; the worst for a role that says nothing.

        Raises:
            Permanent: the role's file is not of the right shape.
        """
        path = self.playbooks / "roles" / role / "meta" / "causeway.yml" if self.playbooks else None
        if path is not None and path.is_file():
            return _read(path)
        return built_in().get(role, RoleDisruption(disruption=WORST))

    def of_variable(self, variable: str) -> Disruption:
        """What a change of a variable does. A variable's role is what stands before `__`."""
        name, separator, _ = variable.partition(ROLE_SEPARATOR)
        if not separator:
            return WORST
        role = self.role(name)
        return role.variables.get(variable, role.disruption)

    def of(self, variables: Iterable[str]) -> Disruption:
        """The worst of several variables' changes; `none` when there are none."""
        return worst(self.of_variable(variable) for variable in variables)


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
