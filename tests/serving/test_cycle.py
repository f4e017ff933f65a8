"""Our cycle says to clients and applications what uvicorn's own says."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from serving.cycle import Cycle, Signal

START = "http.response.start"
BODY = "http.response.body"


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.said: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        if data:
            self.said.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


class Protocol:
    """What a cycle takes from its connection."""

    def __init__(self, method: str = "GET", *, expects: bool = False) -> None:
        self.loop = asyncio.get_running_loop()
        self.scope = {"type": "http", "method": method, "http_version": "1.1", "path": "/"}
        self.transport = Transport()
        self.flow = FlowControl(self.transport)  # type: ignore[arg-type]  # it only pauses and resumes
        self.server_state = self
        self.default_headers: list[tuple[bytes, bytes]] = [(b"x-default", b"1")]
        self.expect_100_continue = expects
        self.responses = 0

    def responded(self) -> None:
        self.responses += 1


def ours(protocol: Protocol, *, keep_alive: bool = True) -> Cycle:
    return Cycle(protocol, keep_alive=keep_alive, on_response=protocol.responded)


def theirs(protocol: Protocol, *, keep_alive: bool = True) -> RequestResponseCycle:
    log = logging.getLogger("uvicorn.error")
    return RequestResponseCycle(
        scope=protocol.scope,  # type: ignore[arg-type]  # what is asked of it is there
        transport=protocol.transport,  # type: ignore[arg-type]  # as above
        flow=protocol.flow,
        logger=log,
        access_logger=log,
        access_log=False,
        default_headers=protocol.default_headers,
        message_event=asyncio.Event(),
        expect_100_continue=protocol.expect_100_continue,
        keep_alive=keep_alive,
        on_response=protocol.responded,
    )


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": START, "status": status, "headers": list(headers)}


def body(data: bytes = b"", *, more: bool = False) -> dict[str, Any]:
    return {"type": BODY, "body": data, "more_body": more}


LENGTH = (b"Content-Length", b"5")
ANSWERS = {
    "with a length": [start(200, LENGTH), body(b"hello")],
    "in pieces": [start(200, LENGTH), body(b"he", more=True), body(b"llo")],
    "in chunks": [start(200), body(b"he", more=True), body(b"", more=True), body(b"llo")],
    "chunks by its own word": [start(200, (b"Transfer-Encoding", b"chunked")), body(b"he")],
    "an empty end": [start(200), body(b"he", more=True), body()],
    "nothing": [start(204), body()],
    "not changed": [start(304), body()],
    "the last": [start(200, LENGTH, (b"connection", b"foo, Close")), body(b"hello")],
    "a status that nobody knows": [start(599, LENGTH), body(b"hello")],
    "latin letters": [start(200, LENGTH, (b"x-name", b"\xe4\tb")), body(b"hello")],
}


async def heard(cycle: Any, protocol: Protocol, messages: list[dict[str, Any]]) -> tuple[Any, ...]:
    for message in messages:
        await cycle.send(message)
    await asyncio.sleep(0)
    return (
        b"".join(protocol.transport.said),
        protocol.transport.closed,
        protocol.responses,
        cycle.response_started,
        cycle.response_complete,
        cycle.keep_alive,
        await cycle.receive(),
    )


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize("messages", ANSWERS.values(), ids=ANSWERS.keys())
async def test_an_answer_is_the_same_bytes(
    messages: list[dict[str, Any]], keep_alive: bool, method: str
) -> None:
    first, second = Protocol(method), Protocol(method)
    assert await heard(ours(first, keep_alive=keep_alive), first, messages) == await heard(
        theirs(second, keep_alive=keep_alive), second, messages
    )


WRONG = {
    "a line's end in a value": [start(200, (b"x-a", b"b\r\nx-c: d"))],
    "a zero in a value": [start(200, (b"x-a", b"\0"))],
    "a name that is none": [start(200, (b"x a", b"b"))],
    "a body without a head": [body(b"x")],
    "two heads": [start(), start()],
    "too long a body": [start(200, LENGTH), body(b"hello!")],
    "too short a body": [start(200, LENGTH), body(b"hell")],
    "more than the answer": [start(200, LENGTH), body(b"hello"), body(b"x")],
}


@pytest.mark.parametrize("messages", WRONG.values(), ids=WRONG.keys())
async def test_what_an_application_may_not_say_is_the_same_error(messages: list[dict[str, Any]]) -> None:
    errors = []
    for make in (ours, theirs):
        protocol = Protocol()
        cycle: Any = make(protocol)
        with pytest.raises(RuntimeError) as raised:
            await heard(cycle, protocol, messages)
        errors.append(str(raised.value))
    assert errors[0] == errors[1]


async def test_a_head_goes_out_with_its_body_and_alone_where_that_takes_its_time() -> None:
    protocol = Protocol()
    cycle = ours(protocol)
    await cycle.send(start(200, LENGTH))
    await cycle.send(body(b"hello"))
    assert len(protocol.transport.said) == 1
    later = Protocol()
    cycle = ours(later)
    await cycle.send(start(200, LENGTH))
    assert later.transport.said == []
    await asyncio.sleep(0)
    assert later.transport.said[0].endswith(b"\r\n\r\n")
    await cycle.send(body(b"hello"))
    assert later.transport.said[1:] == [b"hello"]


async def test_nothing_is_said_to_a_client_that_has_gone() -> None:
    protocol = Protocol()
    cycle = ours(protocol)
    await cycle.send(start(200, LENGTH))
    cycle.disconnected = True
    protocol.transport.close()
    await cycle.send(body(b"hello"))
    await asyncio.sleep(0)
    assert protocol.transport.said == []
    assert await cycle.receive() == {"type": "http.disconnect"}


@pytest.mark.parametrize("expects", [False, True])
async def test_a_request_is_received_in_the_same_messages(expects: bool) -> None:
    told = []
    for make in (ours, theirs):
        protocol = Protocol("POST", expects=expects)
        cycle: Any = make(protocol)
        mine = []
        for piece, more in ((b"he", True), (b"llo", False)):
            cycle.body += piece
            cycle.more_body = more
            cycle.message_event.set()
            mine.append(await cycle.receive())
        waiting = asyncio.ensure_future(cycle.receive())
        await asyncio.sleep(0)
        assert not waiting.done()
        cycle.disconnected = True
        cycle.message_event.set()
        told.append((*mine, await waiting, b"".join(protocol.transport.said)))
    assert told[0] == told[1]


async def test_a_signal_lets_go_on_all_who_wait_until_it_is_cleared() -> None:
    signal = Signal()
    waiting = [asyncio.ensure_future(signal.wait()) for _ in range(2)]
    await asyncio.sleep(0)
    signal.set()
    await asyncio.gather(*waiting)
    await signal.wait()
    signal.clear()
    again = asyncio.ensure_future(signal.wait())
    await asyncio.sleep(0)
    assert not again.done()
    signal.set()
    await again
