"""Searching for secrets stays quick, whatever a text repeats, and still finds them."""

from __future__ import annotations

import time

import pytest

from causeway.policy.leaks import HIDDEN, looks_secret, without_secrets

LENGTH = 60_000


@pytest.mark.parametrize("part", ["a.", "a://b", "-----BEGIN ", "eyJaaaaaaaa-", "bearer \t"])
def test_a_long_text_that_only_begins_like_secrets_is_searched_in_a_moment(part: str) -> None:
    text = part * (LENGTH // len(part))
    started = time.process_time()
    assert not looks_secret("description", text)
    assert without_secrets(text) == text
    assert time.process_time() - started < 3  # a moment takes a tenth of a second, a search of each letter ten


@pytest.mark.parametrize(
    "secret",
    [
        "postgresql+asyncpg://admin:hunter2hunter2@db.test/fleet",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlIG9mIGl0",
    ],
)
def test_a_secret_is_found_in_the_middle_of_a_long_text(secret: str) -> None:
    text = f"{'a.' * 2_000} {secret} {'b.' * 2_000}"
    assert looks_secret("description", text)
    assert HIDDEN in without_secrets(text)
    assert secret not in without_secrets(text)
