"""An engine with another model than its arm's: a candidate's answers are for base to give, base's are told of."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from router.proxy.capture import Heard
from router.proxy.strangers import Strangers
from router.proxy.wire.client import Client
from router.proxy.wire.headers import Headers
from router.proxy.wire.model_name import ExpectedName
from telemetry.forwarding.interactions import to_interaction
from telemetry.forwarding.shadow_answers import to_shadow_answer
from tests.router.proxy.fakes import (
    BASE_TEXT,
    BODY,
    CANDIDATE_TEXT,
    CHAT,
    DONE,
    SSE_HEAD,
    STREAM,
    Asked,
    answers,
    chunk,
    event,
    reply,
    rolling,
    says,
    until,
)

BODIES = pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])


@BODIES
async def test_base_answers_for_a_candidate_with_another_model_and_the_reason_is_told(
    tmp_path: Path, body: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    other = says(CANDIDATE_TEXT, model="somebody-else")
    async with rolling(tmp_path, other, candidate_answers_as="m") as (router, _, _, http):
        answer = await http.post(CHAT, json=body)
        (record,) = router.records()
        assert (answer.headers["x-belay-arm"], record.meta["fallback"]) == ("control", "wrong_model")
        assert to_interaction(record, "full").answer.text == BASE_TEXT
        assert b"somebody-else" not in answer.content
        told = router.gateway.status()
        assert told["fallback_reasons"] == {"wrong_model": 1}
        assert told["wrong_model"] == {"control": 0, "candidate": 1}
        metrics = (await router.own.get("/metrics")).text
        assert 'belay_wrong_model_total{arm="candidate",route="default"} 1.0' in metrics
    (line,) = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert "candidate" in line
    assert "answers as 'somebody-else', expected 'm'" in line
    assert "`answers_as`" in line


@BODIES
async def test_the_name_that_an_arm_is_asked_by_is_the_one_that_is_expected(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    async with rolling(tmp_path, says("x", model="m"), candidate_model="adapter") as (router, _, _, http):
        await http.post(CHAT, json=body)
        assert router.records()[0].meta["fallback"] == "wrong_model"


@BODIES
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"candidate_answers_as": "somebody-else"},
        {"candidate_model": "adapter", "candidate_answers_as": "*"},
        {"candidate_model": "adapter", "candidate_answers_as": "somebody-else"},
    ],
    ids=["nothing is known", "as expected", "any", "another than it is asked by"],
)
async def test_what_is_expected_or_not_known_is_passed_on(
    tmp_path: Path, body: dict[str, Any], settings: dict[str, str]
) -> None:
    async with rolling(tmp_path, says("x", model="somebody-else"), **settings) as (router, _, _, http):
        answer = await http.post(CHAT, json=body)
        assert answer.headers["x-belay-arm"] == "candidate"
        assert to_interaction(router.records()[0], "full").answer.text == "x"


@BODIES
async def test_base_with_another_model_still_answers_and_is_told_of(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    base = says(BASE_TEXT, model="somebody-else")
    async with rolling(tmp_path, says("x"), base, share=0.0, control_answers_as="m") as (router, _, _, http):
        assert (await http.post(CHAT, json=body)).status_code == 200
        (record,) = router.records()
        assert record.meta["answer"]["error"] is None
        assert router.gateway.status()["wrong_model"] == {"control": 1, "candidate": 0}


@BODIES
async def test_a_shadow_by_another_model_is_an_answer_that_failed(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    other = says(CANDIDATE_TEXT, model="somebody-else")
    async with rolling(tmp_path, other, share=0.0, shadow=1.0, candidate_answers_as="m") as (
        router,
        _,
        _,
        http,
    ):
        await http.post(CHAT, json=body)
        await until(router.shadows)
        (shadow,) = router.shadows()
        error = to_shadow_answer(shadow, "full").shadow.error
        assert error == "another model: it answers as 'somebody-else', expected 'm'"
        assert router.gateway.status()["shadows_failed"] == {"control": 0, "candidate": 1}


async def test_a_shadow_by_another_model_lets_no_arm_back(tmp_path: Path) -> None:
    other = says(CANDIDATE_TEXT, model="somebody-else")
    breaker = {"failures": 2, "open_s": 60.0, "most_open_s": 60.0}
    async with rolling(tmp_path, other, share=0.0, shadow=1.0, candidate_answers_as="m", breaker=breaker) as (
        router,
        _,
        _,
        http,
    ):
        for number in range(2):
            await http.post(CHAT, json=BODY, headers={"x-session-id": f"s-{number}"})
            await until(lambda number=number: len(router.shadows()) == number + 1)
        assert router.gateway.status()["breakers"] == {"candidate": "open"}


async def test_a_stream_that_is_whole_in_its_first_read_is_passed_on(tmp_path: Path) -> None:
    at_once = answers(SSE_HEAD + chunk(event("hi") + DONE) + chunk(b""))
    async with rolling(tmp_path, at_once, candidate_answers_as="m") as (router, _, _, http):
        answer = await http.post(CHAT, json=STREAM)
        assert answer.content == event("hi") + DONE
        assert router.records()[0].meta["fallback"] is None


async def test_what_comes_while_a_client_takes_the_head_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest = asyncio.Event()

    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE_HEAD + chunk(event("one")))
        await rest.wait()
        writer.write(chunk(event("two") + DONE) + chunk(b""))

    start, look = Client.start, Strangers.look

    def looks(self: Strangers, heard: Heard, begun: bytes = b"") -> str | None:
        rest.set()
        return look(self, heard, begun)

    async def slowly(self: Client, status: int, headers: Headers) -> None:
        exchange = self._exchange
        assert exchange is not None
        await until(lambda: exchange.complete)
        await start(self, status, headers)

    monkeypatch.setattr(Client, "start", slowly)
    monkeypatch.setattr(Strangers, "look", looks)
    async with rolling(tmp_path, behave, candidate_answers_as="m") as (router, _, _, http):
        answer = await http.post(CHAT, json=STREAM)
        assert answer.content == event("one") + event("two") + DONE
        assert router.records()[0].response_body == answer.content


async def test_a_refusal_keeps_its_own_reason(tmp_path: Path) -> None:
    refusal = answers(reply(404, b'{"model": "somebody-else"}'))
    async with rolling(tmp_path, refusal, candidate_answers_as="m") as (router, _, _, http):
        await http.post(CHAT, json=BODY)
        assert router.records()[0].meta["fallback"] == "status_404"
        assert router.gateway.status()["wrong_model"] == {"control": 0, "candidate": 0}


# --- the name, in what an engine says -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("gpt-4o", None),
        ("gpt-4o-2024-08-06", None),
        ("gpt-4o-20240806", None),
        ("gpt-4o-mini", "gpt-4o-mini"),
        ("gpt-4", "gpt-4"),
        ("gpt-4o-2024", "gpt-4o-2024"),
        ("", None),
        (3, None),
        (None, None),
    ],
)
def test_a_dated_name_is_the_model_that_it_dates(name: object, found: str | None) -> None:
    said = json.dumps({"id": "c", "model": name, "choices": []}).encode()
    assert ExpectedName("gpt-4o").other_in(said, streamed=False) == found
    assert ExpectedName("gpt-4o").other_in(b"data: " + said + b"\n\n", streamed=True) == found


@pytest.mark.parametrize("escaped", [True, False])
def test_a_name_beyond_ascii_is_known_however_it_is_written(escaped: bool) -> None:
    said = json.dumps({"model": "modèle/é"}, ensure_ascii=escaped).encode()
    assert ExpectedName("modèle/é").other_in(said, streamed=False) is None
    assert ExpectedName("modele/e").other_in(said, streamed=False) == "modèle/é"


@pytest.mark.parametrize(
    "said", [b"", b"{", b"[]", b"\xff", b'{"text": "\\"model\\": \\"x\\""}', b"[" * 100_000]
)
def test_what_names_no_model_is_no_other_one(said: bytes) -> None:
    assert ExpectedName("m").other_in(said, streamed=False) is None
    assert ExpectedName("m").other_in(b"data: " + said, streamed=True) is None


def test_a_model_in_the_middle_of_an_answer_is_not_its_own() -> None:
    said = json.dumps({"choices": [{"arguments": {"model": "a car's"}}], "model": "m"}).encode()
    assert ExpectedName("m").other_in(said, streamed=False) is None
