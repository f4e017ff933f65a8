"""API keys as they lie in a file (YAML or JSON): hashes, names and limits.

    keys:
      - {name: shop, sha256: 5e88..., requests_per_minute: 600, tokens_per_minute: 100000, at_once: 32}
      - {name: analysts, sha256: 88d4..., routes: [acme/sql]}

How they are kept, and why so, says `telemetry.hashed_secrets`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from telemetry.hashed_secrets import HashedSecret, make, without, write_document
from telemetry.settings import Settings, load_document

Count = Annotated[int, Field(gt=0)]


class ApiKey(HashedSecret):
    """One key, as its hash. A limit that is not there is none; `at_once` bounds the requests being answered.

    `routes` are those that it may use, all without it; `default` is the default one. What is asked by a key without
    `evidence` is answered and recorded as any other, and decides nothing: for keys that strangers may have.
    """

    WORD: ClassVar[str] = "key"
    HINT: ClassVar[str] = "belay keys"

    routes: tuple[str, ...] | None = None
    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    at_once: Count | None = None
    evidence: bool = True


class KeyFile(Settings):
    """All keys that are known."""

    keys: tuple[ApiKey, ...] = ()


def read_keys(path: Path) -> KeyFile:
    """The keys in the file at `path`. Raises SettingsError."""
    return load_document(path, KeyFile)


def add_key(
    path: Path,
    name: str,
    *,
    expires: datetime | None = None,
    routes: Sequence[str] | None = None,
    requests_per_minute: int | None = None,
    tokens_per_minute: int | None = None,
    at_once: int | None = None,
    evidence: bool = True,
) -> str:
    """Add a key to the file, which is made where there is none; the key itself, which nobody can read again.

    Raises UsageError where one has this name, SettingsError where the file or the name cannot be used.
    """
    known = read_keys(path).keys if path.exists() else ()
    secret, made = make(
        ApiKey,
        known,
        name,
        path,
        expires=expires,
        routes=routes or None,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        at_once=at_once,
        evidence=evidence,
    )
    write_document(path, KeyFile(keys=(*known, made)))
    return secret


def revoke_key(path: Path, name: str) -> None:
    """Take a key out of the file. Raises UsageError where there is none of this name."""
    write_document(path, KeyFile(keys=without(read_keys(path).keys, name, path, ApiKey.WORD)))
