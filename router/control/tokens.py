"""Tokens: made once, told once, kept as hashes in a YAML file that control reads again whenever it changes.

    tokens:
      - {name: ada, role: operator, sha256: 5e88..., expires: 2026-12-31T00:00:00Z}

A token has 256 bits of chance, so that a plain SHA-256 of it is no help to whoever reads the file.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import AwareDatetime, Field

from router.control.access import NotSignedIn, Role
from telemetry.errors import SettingsError, UsageError
from telemetry.events import now
from telemetry.files import write_renamed
from telemetry.following import Followed
from telemetry.settings import Settings, load_document, parse_document

log = logging.getLogger(__name__)

PREFIX: Final = "belay_"
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]


class Token(Settings):
    """One token, as its hash; `name` is the actor of whatever is done with it."""

    name: Name
    role: Role
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    expires: AwareDatetime | None = None


class TokenFile(Settings):
    """All tokens that are known."""

    tokens: tuple[Token, ...] = ()


def hashed(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def read_tokens(path: Path) -> TokenFile:
    """The tokens in the file at `path`. Raises SettingsError."""
    return load_document(path, TokenFile)


def add_token(path: Path, name: str, role: Role, expires: datetime | None = None) -> str:
    """Add a token to the file, which is made where there is none; the token itself, which nobody can read again.

    Raises UsageError where one has this name, SettingsError where the file or the name cannot be used.
    """
    known = read_tokens(path).tokens if path.exists() else ()
    if name in {token.name for token in known}:
        raise UsageError(
            f"{path} has a token of {name!r}",
            hint="Revoke that one first (`belay control token revoke`), or take another name.",
        )
    secret = PREFIX + secrets.token_urlsafe(32)
    try:
        made = Token(name=name, role=role, sha256=hashed(secret), expires=expires)
    except ValueError as error:
        raise SettingsError(
            f"{name!r} is no name for a token, expected 1 to 64 of A-Z a-z 0-9 . _ @ - and a letter or digit first"
        ) from error
    _write(path, (*known, made))
    return secret


def revoke_token(path: Path, name: str) -> None:
    """Take a token out of the file. Raises UsageError where there is none of this name."""
    known = read_tokens(path).tokens
    left = tuple(token for token in known if token.name != name)
    if len(left) == len(known):
        raise UsageError(
            f"{path} has no token of {name!r}; known are {', '.join(t.name for t in known) or 'none'}"
        )
    _write(path, left)


def _write(path: Path, tokens: tuple[Token, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = TokenFile(tokens=tokens).model_dump(mode="json", exclude_none=True)
    content["tokens"] = list(content["tokens"])
    write_renamed(path, yaml.safe_dump(content, sort_keys=False).encode())
    path.chmod(0o600)


class Tokens:
    """The file as control uses it: what is added or revoked counts from the next request on."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = now) -> None:
        self._file, self._clock = Followed(path), clock
        self._tokens = read_tokens(path).tokens

    def of(self, secret: str) -> Token:
        """The token that this is. Raises NotSignedIn where it is none, or has expired."""
        self._look()
        mine, found = hashed(secret), None
        for token in self._tokens:  # all of them, so that time tells nothing of which one it was
            if hmac.compare_digest(token.sha256, mine):
                found = token
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

    def _look(self) -> None:
        news = self._file.news()
        if news is None:
            return
        try:
            self._tokens = _tokens_in(news.content, self._file.path)
        except SettingsError as error:
            # Whoever may roll back must not lose that to a slip in the file; what was revoked before stays so.
            log.error("the tokens stay as they were: %s", error)  # noqa: TRY400 - the message says it all


def _tokens_in(content: bytes | None, path: Path) -> tuple[Token, ...]:
    if content is None:
        raise SettingsError(f"no tokens are at {path} any more")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not valid YAML: {error}") from error
    return parse_document(text, TokenFile, str(path)).tokens
