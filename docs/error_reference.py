"""Writes docs/reference/errors.md: every error code, what it says and what it advises, as the code itself has it.

    python docs/error_reference.py [--check]

Errors of Causeway are calls with a code, a reason and a hint; errors of the playbooks are texts
`CODE: what happened; to do: what`. What differs from case to case is written as an ellipsis.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

TOP = Path(__file__).parents[1]
PACKAGE = TOP / "infra" / "causeway"
PLAYBOOKS = TOP / "playbooks"
PAGE = TOP / "docs" / "reference" / "errors.md"
CODE = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)+")
WORD = re.compile(r"[a-z]+|" + CODE.pattern)
FAILURE = re.compile(r"^\s*([a-z][a-z0-9]*(?:-[a-z0-9]+)+): (.+?)(?:; to do: (.+))?$", re.DOTALL)
# How far behind the code the reason stands among the arguments; the hint follows it, or is named.
RAISING = {
    **dict.fromkeys(("Permanent", "Retryable", "family", "_error", "_fatal", "_fatal_at"), 1),
    **dict.fromkeys(("fail", "interrupt", "failure", "HostEnd"), 1),  # how a host's run ends
    **dict.fromkeys(("problem", "problem_at", "_add", "wrong"), 2),
}
AREAS = {
    "fleet": "The declaration",
    "catalog": "The catalog",
    "policy": "Rules",
    "plan": "Plans",
    "cluster": "Clusters and releases",
    "hosts": "Hosts",
    "provider": "The provider",
    "program": "The program",
    "stacks": "Stacks",
    "preview": "Revisions and rendered files",
    "cli": "Commands",
    "toolchain": "Command-line tools",
    "sandbox": "The sandbox",
}
Entry = tuple[str, str, str]


def text_of(node: ast.AST | None) -> str:
    """A text as the source has it; parts that are computed become an ellipsis."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return text_of(node.left) + text_of(node.right)
    return "…" if node is not None else ""


def _named(nodes: Iterable[ast.AST], before: int) -> dict[str, str]:
    """Texts by the name that they are assigned to, the last of each before a line."""
    found: dict[str, str] = {}
    for node in nodes:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1 or node.lineno >= before:
            continue
        if isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = text_of(node.value)
    return found


@cache
def _constants() -> dict[str, str]:
    """Texts that modules name at their top, and others import."""
    found: dict[str, str] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        for name, text in _named(ast.parse(file.read_text(encoding="utf-8")).body, sys.maxsize).items():
            found[name] = text if found.get(name, text) == text else "…"
    return found


def raised(tree: ast.Module) -> Iterator[Entry]:
    """Code, reason and hint of each error that a module makes."""
    own = _named(tree.body, sys.maxsize)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _raised_in(function, own)


def _raised_in(function: ast.FunctionDef | ast.AsyncFunctionDef, own: Mapping[str, str]) -> Iterator[Entry]:
    assigned = sorted(
        (node for node in ast.walk(function) if isinstance(node, ast.Assign)), key=lambda each: each.lineno
    )

    def said(node: ast.AST) -> str:
        if not isinstance(node, ast.Name):
            return text_of(node)
        return (_constants() | own | _named(assigned, node.lineno)).get(node.id, "…")

    for node in ast.walk(function):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        form = WORD if name == "wrong" else CODE
        at = next((at for at, each in enumerate(node.args) if form.fullmatch(said(each))), None)
        if name not in RAISING or at is None:
            continue
        # of a line in a file `wrong` gets the line before the code, of a declaration the path behind it
        behind = [said(each) for each in node.args[2 if name == "wrong" else at + RAISING[name] :]]
        named = {each.arg: said(each.value) for each in node.keywords}
        yield (
            said(node.args[at]),
            (behind or [named.get("reason", "…")])[0],
            named.get("hint") or "".join(behind[1:2]),
        )


def texts(value: Any) -> Iterator[str]:
    """Every text in a piece of YAML."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


def failures(file: Path) -> Iterator[Entry]:
    """Code, reason and hint of each failure that a file of tasks or a plugin tells."""
    content = file.read_text(encoding="utf-8")
    if file.suffix == ".py":
        found = [
            text_of(node) for node in ast.walk(ast.parse(content)) if isinstance(node, ast.Constant | ast.JoinedStr)
        ]
    else:
        found = list(texts(yaml.load(content, Loader=_Loose)))  # noqa: S506 - a safe loader
    for text in found:
        match = FAILURE.match(re.sub(r"{{.*?}}|{%.*?%}", "…", text, flags=re.DOTALL).strip())
        if match and "; to do:" in text:
            yield match[1], match[2], match[3] or ""


class _Loose(yaml.SafeLoader):
    """YAML with Ansible's own tags."""


_Loose.add_multi_constructor("!", lambda _loader, _tag, node: node.value)


def collected() -> dict[str, dict[str, list[Entry]]]:
    """Entries by title, then by code."""
    found: dict[str, dict[str, list[Entry]]] = {}
    for area, title in AREAS.items():
        for file in sorted((PACKAGE / area).rglob("*.py")):
            for entry in raised(ast.parse(file.read_text(encoding="utf-8"))):
                _keep(found, title, entry)
    for file in sorted(PLAYBOOKS.rglob("*")):
        if file.suffix in (".yml", ".py") and "meta" not in file.parts:
            role = file.relative_to(PLAYBOOKS).parts
            title = f"On hosts: {role[1]}" if role[0] == "roles" else "On hosts: all roles"
            for entry in failures(file):
                _keep(found, title, entry)
    return found


def _keep(found: dict[str, dict[str, list[Entry]]], title: str, entry: Entry) -> None:
    code, reason, hint = (re.sub(r"\s+", " ", part).strip().replace("|", "\\|") for part in entry)
    entries = found.setdefault(title, {}).setdefault(code, [])
    if (code, reason, hint) not in entries:
        entries.append((code, reason, hint))


def page() -> str:
    """The page."""
    lines = [
        "# Errors by code",
        "",
        "Written by `python docs/error_reference.py` from the sources. An ellipsis stands for what differs from case",
        "to case; the error itself names the file, line, host or object. [troubleshooting.md](../troubleshooting.md)",
        "begins with what you see.",
    ]
    for title, codes in sorted(collected().items(), key=lambda each: (each[0].startswith("On hosts"), 0)):
        lines += ["", f"## {title}", "", "| code | what it says | to do |", "|---|---|---|"]
        for code, entries in sorted(codes.items()):
            for number, (_, reason, hint) in enumerate(entries):
                lines.append(f"| {f'`{code}`' if not number else ''} | {reason} | {hint} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(
            0 if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page() else "docs/reference/errors.md is stale"
        )
    PAGE.write_text(page(), encoding="utf-8")
