"""Edits of containerd's configuration, as the vendors' runtime tools make them. Text in, text out."""

from __future__ import annotations

import re
import tomllib

PLUGIN = {3: "io.containerd.cri.v1.runtime", 2: "io.containerd.grpc.v1.cri"}


def layout(text: str) -> int:
    """The configuration's version: 3 for containerd 2.x, 2 for 1.x (and where nothing is said).

    Raises:
        tomllib.TOMLDecodeError: not TOML.
    """
    return int(tomllib.loads(text).get("version", 2))


def with_runtime(text: str, name: str, path: str, *, default: bool, cdi: bool = False) -> str:
    """The configuration with a runtime `name` whose binary is `path`; unchanged where all of it is there."""
    plugin = f'plugins."{PLUGIN.get(layout(text), PLUGIN[2])}"'
    if not re.search(r"^version\s*=", text, re.MULTILINE):
        text = f"version = 2\n{text}"
    if cdi:
        text = _set(text, plugin, "enable_cdi", "true")
    if default:
        text = _set(text, f"{plugin}.containerd", "default_runtime_name", f'"{name}"')
    table = f"{plugin}.containerd.runtimes.{name}"
    text = _set(text, table, "runtime_type", '"io.containerd.runc.v2"')
    return _set(text, f"{table}.options", "BinaryName", f'"{path}"')


def without_runtime(text: str, name: str) -> str:
    """The configuration without a runtime, and with `runc` as the default where that runtime was it."""
    table = rf"^\[plugins\.\"[^\"]+\"\.containerd\.runtimes\.{name}(\.options)?\]\n(?:(?!\[).*\n)*"
    kept = re.sub(table, "", text, flags=re.MULTILINE)
    return re.sub(rf'^(\s*default_runtime_name\s*=\s*)"{name}"', r'\1"runc"', kept, flags=re.MULTILINE)


def with_import(text: str, pattern: str) -> str:
    """The main file with the drop-in folder among its imports; unchanged where it is there."""
    if pattern in tomllib.loads(text).get("imports", []):
        return text
    found = re.search(r"^imports\s*=\s*\[([^\]]*)\]", text, re.MULTILINE)
    if found:
        items = ", ".join(part.strip() for part in [*found.group(1).split(","), f'"{pattern}"'] if part.strip())
        return f"{text[: found.start()]}imports = [{items}]{text[found.end() :]}"
    head = "" if re.search(r"^version\s*=", text, re.MULTILINE) else "version = 2\n"
    return f'imports = ["{pattern}"]\n{head}{text}'


def _set(text: str, table: str, key: str, value: str) -> str:
    """Set a key in a table, which is made at the end where it is missing."""
    header = re.search(rf"^[ \t]*\[{re.escape(table)}\][ \t]*\n", text, re.MULTILINE)
    if header is None:
        gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
        return f"{text}{gap}[{table}]\n{key} = {value}\n"
    rest = text[header.end() :]
    following = re.search(r"^[ \t]*\[", rest, re.MULTILINE)
    body, tail = (rest[: following.start()], rest[following.start() :]) if following else (rest, "")
    line = re.compile(rf"^([ \t]*){re.escape(key)}[ \t]*=.*$", re.MULTILINE)
    if line.search(body):
        body = line.sub(lambda match: f"{match.group(1)}{key} = {value}", body)
    else:
        body = f"{key} = {value}\n{body}"
    return text[: header.end()] + body + tail
