"""TLS for our servers: PEM files, which are read again when they change."""

from __future__ import annotations

import json
import logging
import os
import ssl
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple, Protocol, Self

from pydantic import model_validator

from serving.processes import unnamed_file
from telemetry.errors import SettingsError
from telemetry.following import Followed, look_for_ever
from telemetry.settings import Settings

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 1.0


class TlsFiles(NamedTuple):
    """PEM files: the certificate with its chain, its key, and by whom clients' certificates have to be signed."""

    cert: Path
    key: Path
    client_ca: Path | None = None


class Kept(Protocol):
    """Where a text is kept that could be used, for a process that begins while its files cannot be."""

    def keep(self, text: str) -> None:
        """Keep it in the place of the one before."""

    def text(self) -> str | None:
        """What was kept last, where it is needed."""


class TlsSettings(Settings):
    """TLS of a server: `tls_cert` (with its chain) and `tls_key` are PEM files, read again when they change.

    With `tls_client_ca` only those come in who have a certificate by one of its authorities; that is read at the start.
    """

    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        given = {name: getattr(self, name) is not None for name in ("tls_cert", "tls_key")}
        if any(given.values()) != all(given.values()):
            missing = next(name for name, is_there in given.items() if not is_there)
            raise ValueError(f"{missing}: required where the other of tls_cert and tls_key is there")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ValueError("tls_cert: required where tls_client_ca is there")
        return self

    @property
    def tls(self) -> TlsFiles | None:
        """The files, where there are some."""
        if self.tls_cert is None or self.tls_key is None:
            return None
        return TlsFiles(self.tls_cert, self.tls_key, self.tls_client_ca)


class Certificate:
    """The certificate of a server that runs: what changes in its files counts for the next connection.

    Certificate and key that do not belong together (only one was replaced yet) change nothing, and are looked at again.
    Raises SettingsError where they cannot be had at the start.
    """

    def __init__(self, files: TlsFiles, context: ssl.SSLContext, good: Kept | None = None) -> None:
        self._files, self._context, self._good = files, context, good
        self._followed = (Followed(files.cert), Followed(files.key))
        self._told: str | None = None
        for followed in self._followed:
            followed.news()
        try:
            self._load()  # what the context has may be older than what was just seen
        except SettingsError as error:
            if good is None or good.text() is None:
                raise
            self._told = error.message  # it was said when the context was made of what is kept

    def look(self) -> None:
        """Take on what changed."""
        news = [followed.news() for followed in self._followed]
        if not any(news) and self._told is None:
            return
        try:
            self._load()
        except SettingsError as error:
            if self._told != error.message:
                self._told = error.message
                log.error("the certificate stays as it was: %s", error)  # noqa: TRY400 - the message says it all
            return
        self._told = None
        log.info("%s was read again: new connections have that certificate", self._files.cert)

    def _load(self) -> None:
        # Elsewhere first: a context that was given a certificate without its key has neither.
        check(self._files)
        load_into(self._context, self._files)
        keep(self._files, self._good)

    async def follow(self) -> None:
        """Look for ever, whatever a look runs into."""
        await look_for_ever(self.look, LOOK_EVERY_S, "a look at the certificate failed; it stays as it was")


def check(files: TlsFiles) -> None:
    """Raise SettingsError where a server could not have its TLS of these files."""
    context_of(files)


def context_of(files: TlsFiles, good: Kept | None = None) -> ssl.SSLContext:
    """How a server speaks TLS by these files, or by what is kept of them where they cannot be used.

    Raises SettingsError where neither can be.
    """
    try:
        context = _context_of(files)
    except SettingsError as error:
        kept = good.text() if good is not None else None
        if kept is None:
            raise
        log.error("TLS begins with the certificate that was good before: %s", error)  # noqa: TRY400 - all is said
        return _of_texts(json.loads(kept))
    keep(files, good)
    return context


def keep(files: TlsFiles, good: Kept | None) -> None:
    """Keep what the files say, where somebody may need it and it can be used."""
    if good is None:
        return
    try:
        texts = [None if path is None else path.read_text(encoding="utf-8") for path in files]
        _of_texts(texts)
    except (OSError, ValueError) as error:  # they are being changed: what was kept before is the better
        log.warning("what %s says is not kept for others: %s", files.cert, error)
        return
    good.keep(json.dumps(texts))


def _of_texts(texts: list[str | None]) -> ssl.SSLContext:
    """The same of what files said. OpenSSL's loaders want names, so each text has a file without one for a moment."""
    with ExitStack() as open_files:
        paths = [None if text is None else _lent(text, open_files) for text in texts]
        cert, key, client_ca = paths
        assert cert is not None and key is not None  # noqa: S101, PT018 -- whoever kept them had both; tells mypy
        return _context_of(TlsFiles(cert, key, client_ca))


def _lent(text: str, open_files: ExitStack) -> Path:
    file = unnamed_file("belay-tls")
    open_files.callback(os.close, file)
    os.pwrite(file, text.encode(), 0)
    return Path(f"/dev/fd/{file}")


def _context_of(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_into(context, files)
    if files.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def load_into(context: ssl.SSLContext, files: TlsFiles) -> None:
    """Give the context certificate and key. Raises SettingsError, which names the files."""
    try:
        # A key with a passphrase would be asked for at the terminal.
        context.load_cert_chain(files.cert, files.key, password=_no_passphrase)
        if files.client_ca is not None:
            context.load_verify_locations(files.client_ca)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        names = ", ".join(str(path) for path in files if path is not None)
        raise SettingsError(
            f"TLS cannot be had of {names}: {error}",
            hint="tls_cert, tls_key and tls_client_ca are PEM files; the key has no passphrase.",
        ) from error


def _no_passphrase() -> str:
    raise ValueError("the key has a passphrase")
