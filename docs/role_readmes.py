"""Writes each role's README from its argument specifications; with `--check` only compares.

What stands there is said once, in `meta/argument_specs.yml`, `meta/causeway.yml` and `playbooks/unpredictable.yaml`.
Sections of a role's own can stand in its `docs.md`: they are put behind the table of variables.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
PLAYBOOKS = REPOSITORY / "playbooks"
TEMPLATE = "role_readme.md.j2"
_MARKED = re.compile(r"\b([CVIO])\(([^()]*(?:\([^()]*\)[^()]*)*)\)")


def plain(text: Any) -> str:
    """A description of Ansible's as one line of Markdown."""
    whole = " ".join(text) if isinstance(text, list) else str(text)
    return " ".join(_MARKED.sub(r"`\2`", whole).split())


def cell(value: Any) -> str:
    """A default as it stands in a table."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"`{text}`".replace("|", "\\|") if text else "empty"


def options(role: Path) -> Iterator[dict[str, str]]:
    """The variables of a role: those of its main entry, then those that only others have."""
    entries = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    seen: set[str] = set()
    for entry in entries.values():
        for name, spec in (entry.get("options") or {}).items():
            if name not in seen:
                seen.add(name)
                kind = (
                    f"list of {spec['elements']}" if spec.get("type") == "list" and "elements" in spec else spec["type"]
                )
                allowed = (
                    " One of " + ", ".join(f"`{each}`" for each in spec["choices"]) + "." if "choices" in spec else ""
                )
                told = plain(spec["description"]) + allowed
                default = "required" if spec.get("required") else cell(spec.get("default"))
                yield {"name": name, "type": kind, "default": default, "description": told.replace("|", "\\|")}


def readme(role: Path) -> str:
    """The text of a role's README."""
    entries = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    disruption = _mapping(role / "meta" / "causeway.yml")
    own = role / "docs.md"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - Markdown
    )
    return environment.get_template(TEMPLATE).render(
        role=role.name,
        short=plain(entries["main"]["short_description"]),
        description=[plain(part) for part in _list(entries["main"].get("description"))],
        entries={name: plain(entry["short_description"]) for name, entry in entries.items()},
        options=list(options(role)),
        disruption=disruption.get("disruption"),
        by_kind=_by_kind(disruption.get("variables") or {}),
        unpredictable=_mapping(PLAYBOOKS / "unpredictable.yaml").get(role.name) or {},
        own=own.read_text(encoding="utf-8").strip() if own.is_file() else "",
    )


def _by_kind(variables: Mapping[str, str]) -> dict[str, list[str]]:
    kinds = ("reboot", "drain", "restart", "none")
    found = {kind: sorted(name for name, said in variables.items() if said == kind) for kind in kinds}
    return {kind: names for kind, names in found.items() if names}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _mapping(path: Path) -> dict[str, Any]:
    return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.is_file() else {}


def roles() -> list[Path]:
    """The folders of the roles."""
    return sorted(path.parents[1] for path in PLAYBOOKS.glob("roles/*/meta/argument_specs.yml"))


def main(arguments: list[str]) -> int:
    """Write, or compare and say what differs."""
    stale = []
    for role in roles():
        path, text = role / "README.md", readme(role)
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path.relative_to(REPOSITORY).as_posix())
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
    if "--check" in arguments and stale:
        sys.stderr.write(f"error: not as their specifications say: {', '.join(stale)}\n")
        sys.stderr.write("  to do: python docs/role_readmes.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
