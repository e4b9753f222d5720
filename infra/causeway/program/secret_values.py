"""Values of declared secrets, from the stack's configuration, the environment or a file. They stay in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from causeway.errors import CausewayError, Permanent, Problems
from causeway.program.document import SecretSource

ReadConfig = Callable[[str], str | None]
"""Value of a key of the stack's configuration, secret or not; None when it is not set."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What values are read from.

    Args:
        config: reads the stack's configuration.
        environ: the environment.
        folder: the declaration's folder; relative paths of files begin there.
        stack: whose configuration it is, for a hint.
    """

    config: ReadConfig
    environ: Mapping[str, str] = field(repr=False)
    folder: Path
    stack: str = "STACK"


def values(wanted: Mapping[str, SecretSource], sources: Sources) -> dict[str, str]:
    """Values by name. Secrets that a cluster makes itself (`external_secret`) have none here.

    Raises:
        Problems: with every secret that has no value, and where it should come from.
    """
    found: dict[str, str] = {}
    problems: list[CausewayError] = []
    for name, source in wanted.items():
        if source.kind == "external_secret":
            continue
        try:
            found[name] = _value(name, source, sources)
        except Permanent as error:
            problems.append(error)
    if problems:
        raise Problems(tuple(problems))
    return found


def _value(name: str, source: SecretSource, sources: Sources) -> str:
    if source.kind == "pulumi_config":
        value = sources.config(source.name)
        hint = f"pulumi config set --secret {source.name} --stack {sources.stack}"
        place = f"the stack's configuration has no {source.name}"
    elif source.kind == "env":
        value = sources.environ.get(source.name)
        hint, place = f"export {source.name}=...", f"the environment has no {source.name}"
    else:
        path = sources.folder / source.name
        value, place = _read(path)
        hint = f"write the value into {source.name}, beside the declaration or at that path"
    if not value:
        raise Permanent("secret-missing", f"it has no value: {place}", subject=f"secret {name}", hint=hint)
    return value


def _read(path: Path) -> tuple[str | None, str]:
    try:
        return path.read_text(encoding="utf-8").rstrip("\n"), f"{path.name} is empty"
    except (OSError, UnicodeDecodeError) as error:
        return None, f"{path.name} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}"
