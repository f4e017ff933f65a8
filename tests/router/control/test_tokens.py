"""Tokens: told once, kept as hashes, known and unknown from the next request on."""

from __future__ import annotations

import errno
import logging
import stat
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from router.control.access import NotSignedIn
from router.control.tokens import Tokens, add_token, hashed, read_tokens, revoke_token
from telemetry.errors import SettingsError, UsageError
from tests.router.values import NOON


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens.yaml"


def test_a_token_is_known_by_its_hash_alone(file: Path) -> None:
    secret = add_token(file, "ada", "operator")
    assert secret not in file.read_text()
    assert hashed(secret) in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = Tokens(file).of(secret)
    assert (found.name, found.role) == ("ada", "operator")


@pytest.mark.parametrize("secret", ["", "belay_", "guess", "é"])
def test_what_is_no_token_is_nobody(file: Path, secret: str) -> None:
    add_token(file, "ada", "operator")
    with pytest.raises(NotSignedIn, match="not known"):
        Tokens(file).of(secret)


def test_an_expired_token_says_since_when(file: Path) -> None:
    secret = add_token(file, "ada", "operator", NOON)
    assert Tokens(file, lambda: NOON - timedelta(seconds=1)).of(secret).name == "ada"
    with pytest.raises(NotSignedIn, match="the token of ada expired at 2026-03-01 12:00 UTC"):
        Tokens(file, lambda: NOON).of(secret)


def test_tokens_that_are_made_and_revoked_count_at_once(file: Path) -> None:
    ada = add_token(file, "ada", "operator")
    tokens = Tokens(file)
    bob = add_token(file, "bob", "viewer")
    assert tokens.of(bob).name == "bob"
    revoke_token(file, "ada")
    with pytest.raises(NotSignedIn):
        tokens.of(ada)
    assert [token.name for token in read_tokens(file).tokens] == ["bob"]


def test_a_file_that_breaks_takes_nobodys_token_away(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    secret = add_token(file, "ada", "operator")
    tokens = Tokens(file)
    file.write_text("tokens: [", encoding="utf-8")
    with caplog.at_level(logging.ERROR):
        assert tokens.of(secret).name == "ada"
    assert "the tokens stay as they were" in caplog.text


def test_a_name_has_one_token_and_one_that_is_none_cannot_be_revoked(file: Path) -> None:
    add_token(file, "ada", "operator")
    with pytest.raises(UsageError, match="has a token of 'ada'"):
        add_token(file, "ada", "admin")
    with pytest.raises(UsageError, match="no token of 'bob'; known are ada"):
        revoke_token(file, "bob")
    with pytest.raises(SettingsError, match="is no name for a token"):
        add_token(file, "a b", "admin")


def test_a_control_whose_token_file_is_missing_does_not_start(file: Path) -> None:
    with pytest.raises(SettingsError, match="no settings file"):
        Tokens(file)


def test_a_token_that_was_revoked_while_the_file_could_not_be_read_is_nobodys_at_the_next_request(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_descriptors(*_: Any, **__: Any) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    secret = add_token(file, "ada", "operator")
    tokens = Tokens(file)
    revoke_token(file, "ada")
    with monkeypatch.context() as full:
        full.setattr(Path, "open", no_descriptors)
        full.setattr(Path, "read_text", no_descriptors)
        with suppress(OSError):
            tokens.of(secret)
    with pytest.raises(NotSignedIn):
        tokens.of(secret)
