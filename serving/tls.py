"""TLS for our servers: PEM files, which are read again when they change."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import Final, NamedTuple, Self

from pydantic import model_validator

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

    def __init__(self, files: TlsFiles, context: ssl.SSLContext) -> None:
        self._files, self._context = files, context
        self._followed = (Followed(files.cert), Followed(files.key))
        self._told: str | None = None
        for followed in self._followed:
            followed.news()
        load_into(context, files)  # what it has may be older than what was just seen

    def look(self) -> None:
        """Take on what changed."""
        news = [followed.news() for followed in self._followed]
        if not any(news) and self._told is None:
            return
        try:
            # Elsewhere first: a context that was given a certificate without its key has neither.
            check(self._files)
            load_into(self._context, self._files)
        except SettingsError as error:
            if self._told != error.message:
                self._told = error.message
                log.error("the certificate stays as it was: %s", error)  # noqa: TRY400 - the message says it all
            return
        self._told = None
        log.info("%s was read again: new connections have that certificate", self._files.cert)

    async def follow(self) -> None:
        """Look for ever, whatever a look runs into."""
        await look_for_ever(self.look, LOOK_EVERY_S, "a look at the certificate failed; it stays as it was")


def check(files: TlsFiles) -> None:
    """Raise SettingsError where a server could not have its TLS of these files."""
    context_of(files)


def context_of(files: TlsFiles) -> ssl.SSLContext:
    """How a server speaks TLS by these files. Raises SettingsError."""
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
