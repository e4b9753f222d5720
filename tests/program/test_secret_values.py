"""Secrets' values come from where the declaration says, and everything that lacks is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from causeway.errors import Problems
from causeway.program.document import SecretSource
from causeway.program.secret_values import Sources, values


def test_values_come_from_configuration_environment_and_files(tmp_path: Path) -> None:
    (tmp_path / "key.txt").write_text("from-file\n")
    wanted = {
        "a": SecretSource("pulumi_config", "a-key"),
        "b": SecretSource("env", "B_KEY"),
        "c": SecretSource("file", "key.txt"),
        "d": SecretSource("external_secret", "d"),
    }
    found = values(wanted, Sources({"a-key": "from-config"}.get, {"B_KEY": "from-env"}, tmp_path))
    assert found == {"a": "from-config", "b": "from-env", "c": "from-file"}


def test_all_secrets_without_a_value_are_told_at_once_with_what_to_do(tmp_path: Path) -> None:
    wanted = {
        "a": SecretSource("pulumi_config", "a-key"),
        "b": SecretSource("env", "B_KEY"),
        "c": SecretSource("file", "key.txt"),
    }
    with pytest.raises(Problems) as lacking:
        values(wanted, Sources(lambda _name: None, {}, tmp_path, "f.c"))
    hints = [error.hint for error in lacking.value.errors]
    assert hints[0] == "pulumi config set --secret a-key --stack f.c"
    assert hints[1] == "export B_KEY=..."
    assert len(hints) == 3
