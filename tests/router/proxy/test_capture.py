"""Nothing lost: what happened in an interaction is in the spool before its client knows the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.proxy.assign import digest, unit_of
from tests.router.proxy.fakes import (
    BASE_TEXT,
    BODY,
    CHAT,
    DONE,
    STREAM,
    Asked,
    event,
    never,
    rolling,
    says,
    streams_for_ever,
    text_of,
    until,
)


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


async def test_a_spool_that_cannot_be_written_costs_no_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # A record larger than the whole quota is what a full disk is: the spool refuses it.
    async with rolling(tmp_path, says("x"), spool_quota_bytes=64) as (router, _, _, http):
        with caplog.at_level(logging.ERROR):
            assert text_of(await http.post(CHAT, json=BODY)) == "x"
        assert router.gateway.counters.unrecorded == 1
        assert "is not recorded" in caplog.text
        assert (await http.get("/belay/status")).json()["unrecorded"] == 1


async def test_a_router_that_stops_records_what_it_cuts(tmp_path: Path) -> None:
    async with rolling(tmp_path, streams_for_ever) as (router, _, _, http):
        async with http.stream("POST", CHAT, json=STREAM) as answer:
            parts = answer.aiter_raw()
            await anext(parts)
            stopping = asyncio.create_task(router.stop())
            with pytest.raises(httpx.RemoteProtocolError):
                await drain(parts)
        await stopping
        (record,) = router.records()
        assert "given up by the router" in record.meta["answer"]["error"]
        assert record.response_body.startswith(event("x"))


async def drain(parts: AsyncIterator[bytes]) -> None:
    async for _ in parts:
        pass


# --- with a shadow -----------------------------------------------------------------------------------


async def test_a_slow_shadow_delays_nobody_and_is_recorded_when_it_ends(tmp_path: Path) -> None:
    may_answer = asyncio.Event()

    async def slow(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await may_answer.wait()
        await says(BASE_TEXT)(asked, writer)

    async with rolling(tmp_path, says("x"), slow, shadow=1.0) as (router, _, _, http):
        assert text_of(await http.post(CHAT, json=BODY)) == "x"
        assert router.records() == []
        may_answer.set()
        await until(router.records)
        assert router.records()[0].meta["shadow"]["status"] == 200


async def test_shadows_still_running_when_the_router_stops_are_recorded_without(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x"), never, shadow=1.0) as (router, _, _, http):
        await http.post(CHAT, json=BODY)
        await router.stop()
        (record,) = router.records()
        assert record.meta["shadow"] is None
        assert record.meta["answer"]["status"] == 200
