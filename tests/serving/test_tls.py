"""Servers speak TLS, and take on a new certificate while they run."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from serving import tls
from serving.limits import Limits
from serving.server import Unsignalled, certificate_followed, config_of, listen
from serving.tls import Certificate, TlsFiles, TlsSettings, check, context_of
from telemetry.errors import SettingsError
from tests.serving.certificates import Authority, name_in


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def says_hello(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@contextlib.asynccontextmanager
async def serving(files: TlsFiles, **limits: Any) -> AsyncIterator[int]:
    """A server, by its port."""
    listener = listen("127.0.0.1", 0)
    context = context_of(files)
    async with certificate_followed(files, context):
        server = Unsignalled(config_of(says_hello, Limits(**limits), lifespan=False, tls=context))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn offers no event for it
            await asyncio.sleep(0.005)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await task
            listener.close()


async def asked(port: int, authority: Authority, client: TlsFiles | None = None) -> tuple[bytes, str]:
    """What it answers, and the name in its certificate."""
    context = ssl.create_default_context(cafile=authority.ca)
    if client is not None:
        context.load_cert_chain(client.cert, client.key)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        told = await reader.read()
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return told, name_in(certificate)


async def test_a_new_certificate_counts_for_the_next_connection(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "LOOK_EVERY_S", 0.01)
    files = TlsFiles(*authority.sign("one"))
    async with serving(files) as port:
        told, name = await asked(port, authority)
        assert (told.endswith(b"hello"), name) == (True, "one")
        authority.sign("two")
        async with asyncio.timeout(5):
            while name != "two":
                _, name = await asked(port, authority)


async def test_with_an_authority_for_clients_only_its_own_come_in(tmp_path: Path) -> None:
    ours, others = (tmp_path / "ours", tmp_path / "others")
    ours.mkdir()
    others.mkdir()
    authority, stranger = Authority(ours), Authority(others, "stranger")
    files = TlsFiles(*authority.sign("one"), authority.ca)
    async with serving(files) as port:
        assert (await asked(port, authority, files))[0].endswith(b"hello")
        for client in (None, TlsFiles(*stranger.sign("two"))):
            told = b""
            with contextlib.suppress(ssl.SSLError, ConnectionError):  # or the end, without a word
                told, _ = await asked(port, authority, client)
            assert told == b""


def test_a_certificate_without_its_key_changes_nothing_until_that_comes(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    files = TlsFiles(*authority.sign("one"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = Certificate(files, context)
    old_key = files.key.read_bytes()
    authority.sign("two")
    new_key = files.key.read_bytes()
    files.key.write_bytes(old_key)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            certificate.look()
        assert caplog.text.count("the certificate stays as it was") == 1
        assert served_name(context, authority) == "one"
        files.key.write_bytes(new_key)
        certificate.look()
    assert "was read again" in caplog.text
    assert served_name(context, authority) == "two"


class Slot:
    """A place in memory for what was good."""

    def __init__(self) -> None:
        self.kept: str | None = None

    def keep(self, text: str) -> None:
        self.kept = text

    def text(self) -> str | None:
        return self.kept


def test_who_begins_while_files_are_broken_has_what_was_good_last(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    good, files = Slot(), TlsFiles(*authority.sign("one"), authority.ca)
    first = Certificate(files, context_of(files, good), good)
    authority.sign("two")
    first.look()
    files.key.write_text("no key", encoding="utf-8")
    first.look()
    with pytest.raises(SettingsError):
        context_of(files, Slot())
    context = context_of(files, good)
    assert context.verify_mode is ssl.CERT_REQUIRED
    context.verify_mode = ssl.CERT_NONE
    second = Certificate(files, context, good)
    assert served_name(context, authority) == "two"
    authority.sign("three")
    second.look()
    assert served_name(context, authority) == "three"
    assert caplog.text.count("begins with the certificate that was good before") == 1


def served_name(context: ssl.SSLContext, authority: Authority) -> str:
    """The name in the certificate that a server with this context shows, without a network."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    trusting = ssl.create_default_context(cafile=authority.ca)
    client = trusting.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    for _ in range(4):
        for side in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return name_in(client.getpeercert(binary_form=True) or b"")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tls_cert": "a"}, "tls_key: required"),
        ({"tls_key": "a"}, "tls_cert: required"),
        ({"tls_client_ca": "a"}, "tls_cert: required"),
    ],
)
def test_half_a_pair_is_a_mistake_that_is_told(given: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TlsSettings.model_validate(given)
    assert TlsSettings().tls is None


def test_files_that_are_none_are_named(tmp_path: Path, authority: Authority) -> None:
    cert, key = authority.sign("one")
    with pytest.raises(SettingsError, match=r"TLS cannot be had of .*nothing.pem"):
        check(TlsFiles(tmp_path / "nothing.pem", key))
    key.write_text("no key", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"TLS cannot be had of .*server.key"):
        check(TlsFiles(cert, key))
