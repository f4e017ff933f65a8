"""Nothing lost: what happened in an interaction is in the spool before its client knows the end."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from router.proxy.assign import digest
from router.proxy.capture import Heard, Interaction, Recorder
from router.proxy.counters import Counters
from router.proxy.in_force import in_force
from telemetry.events import SubjectSource
from telemetry.forwarding.interactions import to_interaction
from telemetry.spool.raw_record import unpack
from telemetry.spool.reader import SpoolReader
from telemetry.spool.writer import Spool
from telemetry.subjects import unit_of
from tests.router.proxy.fakes import (
    BASE_TEXT,
    BODY,
    CHAT,
    DONE,
    SSE_HEAD,
    STREAM,
    Asked,
    answers,
    chunk,
    never,
    reply,
    rolling,
    says,
    text_of,
    until,
)
from tests.router.values import with_share


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
async def test_the_record_is_in_the_spool_before_the_client_has_its_answer(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    async with rolling(tmp_path, says("hello")) as (router, _, _, http):
        for count in range(1, 30):
            async with http.stream("POST", CHAT, json=body) as answer:
                async for part in answer.aiter_raw():
                    if not body.get("stream") or part.endswith(DONE):
                        assert len(router.records()) == count


async def test_a_record_proves_its_assignment_and_holds_no_identity(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x"), share=0.5) as (router, _, _, http):
        for number in range(40):
            headers = {"x-session-id": f"session-{number}", "authorization": "Bearer very-secret"}
            answer = await http.post(CHAT, json=BODY, headers=headers)
            arm = answer.headers["x-belay-arm"]
            assignment = router.records()[-1].meta["assignment"]
            assert assignment["arm"] == arm
            assert (unit_of(assignment["subject"]) < 0.5) == (arm == "candidate")
            assert assignment["subject"] == digest("pepper", f"session-{number}")
        packed = b"".join(record.pack() for record in router.records())
        assert b"very-secret" not in packed
        assert b"session-" not in packed


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
async def test_an_answer_says_under_which_id_it_is_recorded(tmp_path: Path, body: dict[str, Any]) -> None:
    async with rolling(tmp_path, says("hello")) as (router, _, _, http):
        told = [(await http.post(CHAT, json=body)).headers["x-belay-interaction"] for _ in range(3)]
        assert told == [record.meta["event_id"] for record in router.records()]


async def test_a_spool_that_cannot_be_written_costs_no_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # A record larger than the whole quota is what a full disk is: the spool refuses it.
    async with rolling(tmp_path, says("x"), spool_quota_bytes=64) as (router, _, _, http):
        with caplog.at_level(logging.ERROR):
            for _ in range(5):
                assert text_of(await http.post(CHAT, json=BODY)) == "x"
        assert router.counters.unrecorded == 5
        assert caplog.text.count("is not recorded") == 1  # with a count in the next line, some seconds later
        assert (await router.own.get("/belay/status")).json()["unrecorded"] == 5


# --- with a shadow -----------------------------------------------------------------------------------


async def test_a_shadowed_interaction_is_in_the_spool_at_once_and_its_slow_shadow_follows(
    tmp_path: Path,
) -> None:
    may_answer = asyncio.Event()

    async def slow(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await may_answer.wait()
        await says(BASE_TEXT)(asked, writer)

    async with rolling(tmp_path, says("x"), slow, shadow=1.0) as (router, _, _, http):
        assert text_of(await http.post(CHAT, json=BODY)) == "x"
        (record,) = router.spooled()
        assert (record.meta["draw"]["drawn"], record.meta["shadow"]) == (True, None)
        may_answer.set()
        await until(router.shadows)
        (_, shadow) = router.spooled()
        assert {name: shadow.meta[name] for name in ("event_id", "assignment", "rollout_id")} == {
            name: record.meta[name] for name in ("event_id", "assignment", "rollout_id")
        }
        assert shadow.meta["shadow"]["status"] == 200
        counters = router.counters
        assert (counters.recorded, counters.shadows_recorded) == (1, 1)


async def test_shadows_still_running_when_the_router_stops_leave_the_interaction_alone(
    tmp_path: Path,
) -> None:
    async with rolling(tmp_path, says("x"), never, shadow=1.0) as (router, _, _, http):
        await http.post(CHAT, json=BODY)
        await router.stop()
        (record,) = router.spooled()
        assert record.meta["shadow"] is None
        assert record.meta["answer"]["status"] == 200


# --- what is captured --------------------------------------------------------------------------------


async def test_tool_calls_that_come_in_pieces_are_recorded_as_the_calls_that_they_make(
    tmp_path: Path,
) -> None:
    """Two calls whose pieces alternate, each as an engine streams it: its name first, then its arguments."""
    wanted = {"weather": '{"at": "Köln"}', "time": '{"zone": "CET"}'}
    deltas = [
        {"index": at, "id": f"call-{at}", "function": {"name": n}} for at, n in enumerate(wanted)
    ] + [
        {"index": at, "function": {"arguments": piece}}
        for pieces in itertools.zip_longest(*wanted.values(), fillvalue="")
        for at, piece in enumerate(pieces)
    ]  # fmt: skip
    lines = [json.dumps({"choices": [{"delta": {"tool_calls": [delta]}}]}).encode() for delta in deltas]
    stream = b"".join(chunk(b"data: " + line + b"\n\n") for line in lines) + chunk(DONE) + chunk(b"")
    async with rolling(tmp_path, answers(SSE_HEAD + stream)) as (router, _, _, http):
        await http.post(CHAT, json=STREAM)
        calls = json.loads(to_interaction(router.records()[0], "full").answer.tool_calls or "[]")
        assert {call["function"]["name"]: call["function"]["arguments"] for call in calls} == wanted
        assert [call["id"] for call in calls] == ["call-0", "call-1"]


async def test_an_answer_too_large_for_the_spool_reaches_its_client_whole_and_costs_no_other_record(
    tmp_path: Path,
) -> None:
    async def echo(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(200, asked.body))

    async with rolling(tmp_path, echo, echo, share=0.0, spool_quota_bytes=200_000) as (router, _, _, http):
        for size in (10, 300_000, 20):
            assert (await http.post(CHAT, content=b"x" * size)).content == b"x" * size
        assert [len(record.response_body) for record in router.records()] == [10, 20]
        assert (router.counters.recorded, router.counters.unrecorded) == (2, 1)


def test_a_request_that_names_nobody_is_assigned_by_its_own_id() -> None:
    asked = [interaction(found=None) for _ in range(50)]
    assert {each.source for each in asked} == {"request"}
    assert all(each.subject == digest("pepper", each.event_id) for each in asked)
    assert {each.arm for each in asked} == {"control", "candidate"}


def test_an_answer_that_never_began_has_no_first_byte() -> None:
    heard = Heard("candidate")
    heard.ends("nobody there")
    facts = heard.facts()
    assert (facts["status"], facts["first_byte_ms"], facts["error"]) == (0, None, "nobody there")
    assert facts["total_ms"] >= 0.0


# --- the recorder, with shadows that end as they are told --------------------------------------------


@dataclass
class Desk:
    """A recorder over a real spool."""

    folder: Path
    counters: Counters
    recorder: Recorder

    def spooled(self) -> list[Any]:
        """Of each record, in order: `None` for an interaction, the status of a shadow."""
        with SpoolReader(self.folder) as reader:
            records = [unpack(spooled.payload) for spooled in reader.read(100)]
        return [record.meta["shadow"]["status"] if record.is_shadow else None for record in records]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    counters, spool = Counters(), Spool(tmp_path / "spool", 1 << 20)
    yield Desk(tmp_path / "spool", counters, Recorder(spool, "router-7", counters))
    spool.close()


def interaction(found: tuple[str, SubjectSource] | None = ("ann", "session")) -> Interaction:
    return Interaction(in_force(with_share(0.5), "pepper", 1), found, "chat", b"{}")


async def shadow_of(may_end: asyncio.Event, status: int = 200) -> Heard:
    await may_end.wait()
    heard = Heard("control")
    heard.begins(status, streamed=False)
    return heard


async def test_an_interaction_is_written_at_once_and_its_shadow_once_when_that_has_ended(desk: Desk) -> None:
    may_end = asyncio.Event()
    shadow = asyncio.create_task(shadow_of(may_end, 418))
    desk.recorder.record(interaction(), Heard("candidate"), shadow)
    assert desk.spooled() == [None]
    may_end.set()
    await until(lambda: len(desk.spooled()) == 2)
    await desk.recorder.close()
    assert desk.spooled() == [None, 418]


async def test_a_shadow_that_was_quicker_than_the_answer_follows_the_interaction_too(desk: Desk) -> None:
    may_end = asyncio.Event()
    may_end.set()
    shadow = asyncio.create_task(shadow_of(may_end, 418))
    await shadow
    desk.recorder.record(interaction(), Heard("candidate"), shadow)
    assert desk.spooled() == [None, 418]


async def test_a_shadow_that_is_cancelled_costs_the_shadow_and_not_the_record(desk: Desk) -> None:
    shadow = asyncio.create_task(shadow_of(asyncio.Event()))
    desk.recorder.record(interaction(), Heard("candidate"), shadow)
    shadow.cancel()
    await asyncio.wait([shadow])
    await asyncio.sleep(0)
    assert desk.spooled() == [None]


async def test_closing_ends_the_shadows_that_are_under_way(desk: Desk) -> None:
    shadows = [asyncio.create_task(shadow_of(asyncio.Event())) for _ in range(3)]
    for shadow in shadows:
        desk.recorder.record(interaction(), Heard("candidate"), shadow)
    await desk.recorder.close()
    assert all(shadow.cancelled() for shadow in shadows)
    assert desk.spooled() == [None] * 3
    assert desk.counters.recorded == 3


async def test_the_shadow_of_an_interaction_that_the_spool_did_not_take_is_not_recorded(desk: Desk) -> None:
    may_end = asyncio.Event()
    may_end.set()
    shadow = asyncio.create_task(shadow_of(may_end))
    await shadow
    large = Heard("candidate")
    large.chunks = [b"x" * (1 << 20)]
    desk.recorder.record(interaction(), large, shadow)
    assert desk.spooled() == []
    assert (desk.counters.unrecorded, desk.counters.shadows_recorded) == (1, 0)
