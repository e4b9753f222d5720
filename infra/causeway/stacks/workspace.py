"""Where stacks live: the Pulumi project, the state's backend, each stack's settings, and the secrets made at first use.

Nothing secret goes through a command line: values are handed to the engine on its standard input.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from pulumi.automation import LocalWorkspace, Stack
from pulumi.automation.errors import CommandError

from causeway.errors import Permanent, Retryable
from causeway.stacks.engine import Engine
from causeway.stacks.locks import Lock, backend_folder, locks_of, stale
from causeway.stacks.places import BY_PASSPHRASE, Place
from causeway.stacks.unfinished import pending

PROJECT_FILE = "Pulumi.yaml"
CONFIG = "causeway"
HMAC_KEY = f"{CONFIG}:hmacKey"
AS_OF = f"{CONFIG}:asOf"
_PENDING = '"pending_operations"'
_PASSPHRASES = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")


def project_folder(fleet: Path, working: Path) -> Path:
    """The folder of the Pulumi project that deploys a fleet: the nearest one above the fleet, else above here.

    Raises:
        Permanent: there is none.
    """
    for start in (fleet.absolute(), working.absolute()):
        for folder in (start, *start.parents):
            if (folder / PROJECT_FILE).is_file():
                return folder
    raise Permanent(
        "no-project",
        f"no {PROJECT_FILE} in the fleet's folder, in this folder, or above",
        where=str(fleet),
        hint="a project is two small files: see docs/own-repository.md",
    )


@dataclass(frozen=True)
class Workspace:
    """The Pulumi project with the environment in which its stacks run.

    Args:
        folder: holds `Pulumi.yaml`.
        variables: what the engine, the program and the provider get beside this process's own environment.
        home: the fleet's `.causeway`.
        sandbox: whether this fleet's sandbox is up here; only for it secrets are made up.
        secrets_provider: what encrypts the secrets of stacks that are made; empty for the project's own way.
    """

    folder: Path
    variables: Mapping[str, str]
    home: Path
    sandbox: bool
    secrets_provider: str = ""

    @cached_property
    def project(self) -> str:
        """The project's name.

        Raises:
            Permanent: the project file names none.
        """
        try:
            content: Any = yaml.safe_load((self.folder / PROJECT_FILE).read_text(encoding="utf-8"))
            return str(content["name"])
        except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
            where = str(self.folder / PROJECT_FILE)
            hint = "see docs/own-repository.md for a project that works"
            raise Permanent("bad-project", f"cannot be read as a project: {error}", where=where, hint=hint) from error

    @property
    def backend(self) -> str:
        """Address of the state's backend."""
        return self._environ.get("PULUMI_BACKEND_URL", "")

    @property
    def _environ(self) -> dict[str, str]:
        return {**os.environ, **self.variables}

    def at(self, place: Place) -> Workspace:
        """This workspace for the stacks of a place."""
        backend = {"PULUMI_BACKEND_URL": place.backend} if place.backend else {}
        provider = place.secrets_provider or self.secrets_provider
        return replace(self.with_variables(backend), secrets_provider=provider)

    def with_passphrase(self) -> Workspace:
        """This workspace with a passphrase for the secrets in its state: the user's, else one made for the sandbox.

        Raises:
            Permanent: there is none, and the fleet is not the sandbox's.
        """
        if any(self._environ.get(name) for name in _PASSPHRASES) or backend_folder(self.backend) is None:
            return self
        if self.secrets_provider not in BY_PASSPHRASE:
            return self
        file = self.home / "passphrase"
        if not file.is_file():
            if not self.sandbox:
                raise Permanent(
                    "no-passphrase",
                    "the state's secrets need a passphrase, and none is set",
                    where=self.backend,
                    hint="export PULUMI_CONFIG_PASSPHRASE_FILE=/path/to/file, or use a backend with a secrets provider",
                )
            write_secret(file, secrets.token_urlsafe(32))
        return self.with_variables({"PULUMI_CONFIG_PASSPHRASE_FILE": str(file)})

    def with_variables(self, more: Mapping[str, str]) -> Workspace:
        """This workspace with more in its environment."""
        return replace(self, variables={**self.variables, **more})

    def existing(self) -> frozenset[str]:
        """Names of the stacks that the backend has.

        Raises:
            Retryable: the backend does not answer.
        """
        try:
            listed = Engine().run(["stack", "ls", "--json"], str(self.folder), self.variables)
        except CommandError as error:
            raise Retryable(
                "backend-away",
                last_line(str(error)),
                where=self.backend,
                hint="check its address (PULUMI_BACKEND_URL, or the site's state_backend) and its credentials",
            ) from error
        return frozenset(str(each["name"]).rsplit("/", 1)[-1] for each in json.loads(listed.stdout or "[]"))

    def open(self, name: str, engine: Engine, *, create: bool) -> Stack:
        """A stack, made when it is missing and may be made.

        Raises:
            Permanent: the stack cannot be opened, another provider than its site's encrypts its secrets, or nobody can
                tell which one does.
        """
        if not create:
            self._refuse_other_provider(name)
        local = LocalWorkspace(
            work_dir=str(self.folder),
            env_vars=dict(self.variables),
            pulumi_command=engine,
            secrets_provider=self.secrets_provider or None,
        )
        try:
            return Stack.create(name, local) if create else Stack.select(name, local)
        except CommandError as error:
            hint = "pulumi stack ls shows what the backend has"
            raise Permanent(
                "stack-unusable", last_line(str(error)), subject=name, where=self.backend, hint=hint
            ) from error

    def _refuse_other_provider(self, stack: str) -> None:
        """A stack keeps the provider that it was made with, whatever its site declares later."""
        kept = str(self._settings(stack).get("secretsprovider") or "")
        wanted = self.secrets_provider
        if not wanted or wanted == kept or (wanted in BY_PASSPHRASE and kept in BY_PASSPHRASE):
            return
        file = self.folder / f"Pulumi.{stack}.yaml"
        if not file.is_file():
            raise Permanent(
                "no-stack-settings",
                f"the backend has this stack, and its settings are not here: what encrypts its secrets stands in them; "
                f"its site declares {wanted}",
                subject=stack,
                where=str(file),
                hint=f"bring {file.name} from where the stack was made: it belongs into the repository (git pull)",
            )
        raise Permanent(
            "other-secrets-provider",
            f"its secrets are encrypted by {kept or 'a passphrase'}, and its site declares {wanted}",
            subject=stack,
            where=str(file),
            hint=f"pulumi stack change-secrets-provider {wanted!r} --stack {stack}",
        )

    def configure(
        self, stack: Stack, engine: Engine, wanted: Mapping[str, str], hidden: Mapping[str, Callable[[], str]]
    ) -> None:
        """Set what is not set yet.

        Args:
            wanted: plain settings; a different value is replaced.
            hidden: secret settings, with what makes a value where none is set.
        """
        kept = self._settings(stack.name).get("config")
        kept = kept if isinstance(kept, dict) else {}
        if all(kept.get(key) == value for key, value in wanted.items()) and hidden.keys() <= kept.keys():
            return  # asking the engine would start it, and decrypt what is not looked at
        present = stack.get_all_config()
        for key, value in wanted.items():
            if key not in present or present[key].value != value:
                self._set(stack.name, engine, key, value, secret=False)
        for key, make in hidden.items():
            if key not in present:
                self._set(stack.name, engine, key, make(), secret=True)

    def _settings(self, stack: str) -> Mapping[str, Any]:
        """What a stack's file says; nothing where it is elsewhere or cannot be read, which the engine then tells."""
        try:
            content: Any = yaml.safe_load((self.folder / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            return {}
        return content if isinstance(content, dict) else {}

    def _set(self, stack: str, engine: Engine, key: str, value: str, *, secret: bool) -> None:
        kind = "--secret" if secret else "--plaintext"
        engine.fed(["config", "set", key, kind, "--stack", stack], str(self.folder), self.variables, value)

    def why(self, stack: str, error: CommandError) -> str:
        """Why a command of the engine failed: what it said last, or what to do about it where that is known."""
        said = last_line(str(error))
        if "passphrase" not in said.lower():
            return said
        return str(
            Permanent(
                "wrong-passphrase",
                f"the state's secrets cannot be read: {said}",
                subject=stack,
                where=self.backend,
                hint="set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to the one it was made with",
            )
        )

    def locks(self, stack: str) -> tuple[Lock, ...]:
        """Locks of a stack; none where the backend keeps them itself."""
        folder = backend_folder(self.backend)
        return locks_of(folder, self.project, stack) if folder is not None else ()

    def break_stale_locks(self, stack: str) -> tuple[Lock, ...]:
        """Remove what dead processes of this machine have left.

        Returns:
            What was removed.

        Raises:
            Retryable: somebody else holds the stack.
        """
        removed = []
        for lock in self.locks(stack):
            if not stale(lock):
                raise Retryable(
                    "stack-locked",
                    f"another run holds it: {lock.holder}",
                    subject=stack,
                    where=self.backend,
                    hint=f"wait for it; if you know that it is gone: pulumi cancel --stack {stack}",
                )
            lock.file.unlink(missing_ok=True)
            removed.append(lock)
        return tuple(removed)

    def pending(self, stack: str, engine: Engine) -> tuple[str, ...]:
        """Names of a stack's resources on which a run was at work when it was killed.

        Raises:
            CommandError: the state cannot be read.
        """
        text = self._state_file(stack)
        return () if text is not None and _PENDING not in text else pending(self.deployment(stack, engine))

    def deployment(self, stack: str, engine: Engine) -> Mapping[str, Any]:
        """A stack's state, as `pulumi stack export` tells it under `deployment`.

        Raises:
            CommandError: the state cannot be read.
        """
        text = self._state_file(stack)
        if text is not None:
            with contextlib.suppress(ValueError, KeyError, TypeError):  # the engine tells what it thinks of it
                found: Mapping[str, Any] | None = json.loads(text)["checkpoint"]["latest"]
                return found or {}
        exported = engine.run(["stack", "export", "--stack", stack], str(self.folder), self.variables)
        return json.loads(exported.stdout or "{}").get("deployment") or {}

    def refresh(self, stack: str, engine: Engine) -> None:
        """Let a stack's state say what the provider finds; the program does not run.

        Raises:
            CommandError: the engine did not come to its end.
        """
        words = ["refresh", "--yes", "--skip-preview", "--color", "never", "--stack", stack]
        engine.run(words, str(self.folder), self.variables)

    def _state_file(self, stack: str) -> str | None:
        """A stack's state as the engine writes it into a folder (seen with 3.259.0); None where it is elsewhere."""
        folder = backend_folder(self.backend)
        if folder is None:
            return None
        try:
            return (folder / ".pulumi" / "stacks" / self.project / f"{stack}.json").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None  # asking the engine starts it, but it knows every form in which a state is kept


def write_secret(file: Path, text: str) -> None:
    """Put a file in place whole that only its owner may read."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text + "\n")
        out.flush()
        os.fsync(out.fileno())
    fresh.rename(file)


def last_line(text: str) -> str:
    """The last line that says something, of what a command of the engine printed."""
    lines = [line.strip().removeprefix("stderr: ") for line in text.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("error:")]
    return (told or lines or ["the engine said nothing"])[-1].removeprefix("error: ")
