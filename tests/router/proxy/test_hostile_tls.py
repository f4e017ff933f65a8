"""Hostile clients of a router that speaks TLS: no handshake, half of one, and hostile requests behind a whole one."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.router.proxy.test_app import ROUTER
from tests.router.proxy.test_hostile import (
    EXAMPLES,
    GROWTH_MB,
    HOSTILE,
    LIMITS,
    PATIENCE_S,
    STATUS,
    TOKEN,
    Target,
    target,
    well_meant,
)
from tests.serving.certificates import Authority

pytestmark = [
    pytest.mark.slow,
    # Hypothesis shows an example that failed; where that is long, its warning would hide what had failed.
    pytest.mark.filterwarnings("ignore:Generating overly large repr"),
]


@dataclass
class Secure(Target):
    """A router that speaks TLS."""

    trusting: ssl.SSLContext | None = None

    def says(self, raw: bytes, *, half_close: bool = False, patience_s: float = PATIENCE_S) -> bytes:
        """All that it says until it closes the connection, or for so long: TLS knows no half of a close."""
        assert self.trusting is not None
        assert not half_close
        said = b""
        with contextlib.ExitStack() as stack:
            plain = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
            stack.enter_context(plain)
            client = stack.enter_context(self.trusting.wrap_socket(plain, server_hostname="127.0.0.1"))
            with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
                client.sendall(raw)
                client.settimeout(patience_s)
                while part := client.recv(65536):
                    said += part
        return said

    def still_answers(self) -> None:
        mine = b"TOK%d_" % next(self.numbers)
        said = self.says(well_meant(mine).replace(b"host: h", b"host: h\r\nconnection: close"))
        assert STATUS.findall(said)[-1] == b"200"
        assert set(TOKEN.findall(said)) == {mine}

    def hears(self, raw: bytes) -> bytes:
        """What it says to these bytes instead of a handshake."""
        return super().says(raw)


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    folder = tmp_path_factory.mktemp("hostile")
    authority = Authority(folder)
    cert, key = authority.sign("router")
    told = {"tls_cert": str(cert), "tls_key": str(key), "limits": LIMITS | {"connections": 40, "idle_s": 0.5}}
    with target(folder, ROUTER, **told) as found:
        trusting = ssl.create_default_context(cafile=authority.ca)
        yield Secure(found.port, found.own, found.pid, trusting=trusting)


def hello() -> bytes:
    """A client's first words."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return to_server.read()


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """First words with a few bytes changed, lost, put in or cut off."""
    raw = bytearray(hello())
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(raw)))
        raw[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return bytes(raw[: draw(st.integers(0, len(raw)))])


RECORDS = st.builds(
    lambda kind, length, rest: bytes([kind, 3, 1]) + length.to_bytes(2, "big") + rest,
    st.sampled_from([20, 21, 22, 23, 24, 255]),
    st.integers(0, 65535),
    st.binary(max_size=300),
)


def many(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def test_what_is_no_handshake_harms_nobody(router: Secure) -> None:
    router.still_answers()
    before = router.resident_mb()

    @many(max(1, EXAMPLES // 5))
    @given(st.one_of(spoilt(), RECORDS, st.binary(max_size=200), HOSTILE))
    def looks(raw: bytes) -> None:
        said = router.hears(raw)
        assert STATUS.findall(said) == []
        if next(router.numbers) % 100 == 0:
            router.still_answers()

    looks()
    router.still_answers()
    assert router.status()["in_flight"] == 0
    assert router.resident_mb() - before < GROWTH_MB


def test_hostile_requests_within_tls_harm_nobody(router: Secure) -> None:
    @many(max(1, EXAMPLES // 20))
    @given(HOSTILE)
    def looks(raw: bytes) -> None:
        mine = b"TOK%d_" % next(router.numbers)
        said = router.says(raw.replace(b"TOKEN", mine), patience_s=0.05)
        assert [status for status in STATUS.findall(said) if status >= b"500"] == []
        assert set(TOKEN.findall(said)) <= {mine}

    looks()
    router.still_answers()


def test_handshakes_that_are_never_completed_lock_nobody_out(router: Secure) -> None:
    first = hello()
    with contextlib.ExitStack() as stack:
        for number in range(300):
            client = socket.create_connection(("127.0.0.1", router.port), timeout=PATIENCE_S)
            stack.enter_context(client)
            with contextlib.suppress(ConnectionError):
                client.sendall(first[: number % len(first)])
            if number % 30 == 0:
                router.still_answers()
