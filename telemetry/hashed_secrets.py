"""Secrets that we give out: made once, told once, kept as hashes by name in a file that its reader follows.

A secret has 256 bits of chance. A plain SHA-256 of it is therefore no help to whoever reads the file: there is nothing
to guess. What bcrypt and its like add is a high cost for each guess, which passwords need that people think up; here it
would only be paid by us, on every request.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Generic, TypeVar

import yaml
from pydantic import AwareDatetime, Field

from telemetry.errors import SettingsError, UsageError
from telemetry.files import write_renamed
from telemetry.following import Followed
from telemetry.settings import Settings, parse_document

log = logging.getLogger(__name__)

PREFIX = "belay_"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
Name = Annotated[str, Field(pattern=f"^{_NAME.pattern}$")]


class HashedSecret(Settings):
    """A secret as its hash, and whose it is. `WORD` is what people call one, `HINT` how one is made and taken back."""

    WORD: ClassVar[str]
    HINT: ClassVar[str]

    name: Name
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    expires: AwareDatetime | None = None


E = TypeVar("E", bound=HashedSecret)
D = TypeVar("D", bound=Settings)


def hashed(secret: str) -> str:
    """What is kept of a secret: the hex digits of its SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()


def make(kind: type[E], known: Iterable[E], name: str, where: Path, **rest: Any) -> tuple[str, E]:
    """A new secret, and the entry that knows it beside those that are `known` in the file `where`.

    Raises UsageError where one has this name, SettingsError where it is no name.
    """
    if name in {entry.name for entry in known}:
        raise UsageError(
            f"{where} has a {kind.WORD} of {name!r}",
            hint=f"Revoke that one first (`{kind.HINT} revoke`), or take another name.",
        )
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"{name!r} is no name for a {kind.WORD}, "
            "expected 1 to 64 of A-Z a-z 0-9 . _ @ - and a letter or digit first"
        )
    secret = PREFIX + secrets.token_urlsafe(32)
    return secret, kind(name=name, sha256=hashed(secret), **rest)


def without(known: tuple[E, ...], name: str, where: Path, word: str) -> tuple[E, ...]:
    """The entries but the one of this name. Raises UsageError where there is none."""
    left = tuple(entry for entry in known if entry.name != name)
    if len(left) == len(known):
        names = ", ".join(entry.name for entry in known) or "none"
        raise UsageError(f"{where} has no {word} of {name!r}; known are {names}")
    return left


def write_document(path: Path, document: Settings) -> None:
    """Write the file in one step, for its owner's eyes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = document.model_dump(mode="json", exclude_none=True)
    write_renamed(path, yaml.safe_dump(content, sort_keys=False).encode(), private=True)


class SecretsFile(Generic[D, E]):
    """A file of secrets, followed: a document of one `kind`, whose entries `entries_of` takes out.

    One that breaks or goes takes nobody's secret away, and what was revoked before stays so. `keep` is told each text
    that was taken on. Raises SettingsError where the file cannot be used at the start and no text is there `instead`.
    """

    def __init__(
        self,
        path: Path,
        kind: type[D],
        entries_of: Callable[[D], tuple[E, ...]],
        word: str,
        *,
        keep: Callable[[str], None] = lambda _: None,
        instead: str | None = None,
    ) -> None:
        self._file, self._kind, self._entries_of, self._word = Followed(path), kind, entries_of, word
        self._keep = keep
        news = self._file.news()
        try:
            self._by_hash = self._read(news.content if news is not None else None)
        except SettingsError as error:
            if instead is None:
                raise
            log.error("the %ss are those that were known before: %s", word, error)  # noqa: TRY400 - as below
            self._by_hash = self._read(instead.encode())

    def changed(self) -> bool:
        """Whether a look would read the file."""
        return self._file.changed()

    def look(self) -> bool:
        """Take on what the file says, where that changed; whether it was taken on.

        It may be done in a thread beside those who `find`: they find what was known until all that is new is.
        """
        news = self._file.news()
        if news is None:
            return False
        try:
            self._by_hash = self._read(news.content)
        except SettingsError as error:
            # Nobody must lose their way in, or their way to roll back, to a slip in a file.
            log.error("the %ss stay as they were: %s", self._word, error)  # noqa: TRY400 - the message says it all
            return False
        return True

    def find(self, secret: str) -> E | None:
        """The entry of this secret, expired or not; None where there is none.

        It is looked up by its hash, of which nobody can choose a part, so that how long it takes tells nothing.
        """
        mine = hashed(secret)
        found = self._by_hash.get(mine)
        return found if found is not None and hmac.compare_digest(found.sha256, mine) else None

    def entries(self) -> tuple[E, ...]:
        """All that are known."""
        return tuple(self._by_hash.values())

    def _read(self, content: bytes | None) -> dict[str, E]:
        path = self._file.path
        if content is None:
            raise SettingsError(
                f"no settings file at {path}, or it cannot be read: no {self._word}s are there"
            )
        try:
            document = parse_document(content.decode(), self._kind, str(path))
        except UnicodeDecodeError as error:
            raise SettingsError(f"{path} is not valid YAML: {error}") from error
        self._keep(content.decode())
        return {entry.sha256: entry for entry in self._entries_of(document)}
