"""Tokens: made once, told once, kept as hashes in a YAML file that control reads again whenever it changes.

    tokens:
      - {name: ada, role: operator, sha256: 5e88..., expires: 2026-12-31T00:00:00Z}

How they are kept, and why so, says `telemetry.hashed_secrets`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from router.control.access import NotSignedIn, Role
from telemetry.events import now
from telemetry.hashed_secrets import HashedSecret, SecretsFile, hashed, make, without, write_document
from telemetry.settings import Settings, load_document

__all__ = ["Token", "TokenFile", "Tokens", "add_token", "hashed", "read_tokens", "revoke_token"]


class Token(HashedSecret):
    """One token, as its hash; `name` is the actor of whatever is done with it."""

    WORD: ClassVar[str] = "token"
    HINT: ClassVar[str] = "belay control token"

    role: Role


class TokenFile(Settings):
    """All tokens that are known."""

    tokens: tuple[Token, ...] = ()


def read_tokens(path: Path) -> TokenFile:
    """The tokens in the file at `path`. Raises SettingsError."""
    return load_document(path, TokenFile)


def add_token(path: Path, name: str, role: Role, expires: datetime | None = None) -> str:
    """Add a token to the file, which is made where there is none; the token itself, which nobody can read again.

    Raises UsageError where one has this name, SettingsError where the file or the name cannot be used.
    """
    known = read_tokens(path).tokens if path.exists() else ()
    secret, made = make(Token, known, name, path, role=role, expires=expires)
    write_document(path, TokenFile(tokens=(*known, made)))
    return secret


def revoke_token(path: Path, name: str) -> None:
    """Take a token out of the file. Raises UsageError where there is none of this name."""
    write_document(path, TokenFile(tokens=without(read_tokens(path).tokens, name, path, Token.WORD)))


class Tokens:
    """The file as control uses it: what is added or revoked counts from the next request on."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = now) -> None:
        self._file = SecretsFile(path, TokenFile, lambda found: found.tokens, Token.WORD)
        self._clock = clock

    def of(self, secret: str) -> Token:
        """The token that this is. Raises NotSignedIn where it is none, or has expired."""
        self._file.look()
        found = self._file.find(secret)
        if found is None:
            raise NotSignedIn(
                "this token is not known", hint="`belay control token new NAME --role operator` makes one."
            )
        if found.expires is not None and self._clock() >= found.expires:
            raise NotSignedIn(
                f"the token of {found.name} expired at {found.expires:%Y-%m-%d %H:%M} UTC",
                hint="`belay control token revoke` and `token new` make a fresh one.",
            )
        return found

    def soonest(self) -> datetime | None:
        """When the first of those expires that have not yet; None where none ever does."""
        self._file.look()
        at = self._clock()
        dates = [token.expires for token in self._file.entries() if token.expires is not None]
        return min((date for date in dates if date > at), default=None)
