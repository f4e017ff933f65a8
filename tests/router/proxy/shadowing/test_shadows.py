"""Who is also sent to the other arm: settled by the prompt alone, where the rollout's state says it is needed."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.proxy.about import shadow_draw
from router.proxy.capture import Interaction
from router.proxy.in_force import in_force
from router.proxy.shadowing import shadows
from router.proxy.shadowing.table_watch import TableWatch
from router.proxy.wire.connection import Connection
from router.proxy.wire.exchange import Exchange
from router.proxy.wire.upstream import Upstream
from telemetry.events import Allotment, ShadowDraw
from telemetry.forwarding.interactions import to_interaction
from telemetry.forwarding.shadow_answers import to_shadow_answer
from telemetry.prompts import prompt_in
from telemetry.rollout_file import write_rollout
from telemetry.word_table import TableFile, table_of, write_table
from tests.router.proxy.fakes import (
    BASE_TEXT,
    BODY,
    CANDIDATE_TEXT,
    CHAT,
    STREAM,
    FakeEngine,
    Router,
    never,
    rolling,
    running,
    says,
    streams_for_ever,
    until,
)
from tests.router.values import rolled_back, with_share

ALLOTTED = Allotment(settled=200, by_capability={"sums": 1.0, "poems": 0.0}, otherwise=0.0)


def table() -> TableFile:
    return table_of(["sums", "poems"], 100, [0, 0], {"add": [500, 0], "rhyme": [0, 500]})


def rollout_file(folder: Path, allotment: Allotment | None, share: float = 0.5, shadow: float = 0.1) -> None:
    state = with_share(share, shadow=shadow)
    write_rollout(folder / "rollout.json", state.model_copy(update={"allotment": allotment}))


async def ask(router: Router, *prompts: str, session: str = "s") -> list[ShadowDraw | None]:
    """Send prompts as sessions of their own, wait for all records, and give the draws in order."""
    async with httpx.AsyncClient(base_url=router.url, timeout=10) as http:
        for number, prompt in enumerate(prompts):
            body = {"model": "m", "messages": [{"role": "user", "content": prompt}]}
            answer = await http.post(CHAT, json=body, headers={"x-session-id": f"{session}-{number}"})
            assert answer.status_code == 200
    await until(lambda: len(router.records()) == len(prompts))
    found = {r.request_body: to_interaction(r, "full") for r in router.records()}
    return [next(i.draw for body, i in found.items() if json.dumps(p).encode() in body) for p in prompts]


async def test_shadows_go_to_the_capability_that_the_rollout_allots_them_to(tmp_path: Path) -> None:
    rollout_file(tmp_path, ALLOTTED)
    write_table(tmp_path / "words.json", table())
    prompts = [f"{verb} {n}" for n in range(8) for verb in ("add", "rhyme", "say")]
    async with (
        FakeEngine(says("a")) as base,
        FakeEngine(says("b")) as other,
        running(tmp_path, base.url, other.url, table_file=tmp_path / "words.json") as router,
    ):
        draws = await ask(router, *prompts)
        for prompt, draw in zip(prompts, draws, strict=True):
            kind = {"add": "sums", "rhyme": "poems", "say": None}[prompt.split()[0]]
            wanted = 1.0 if kind == "sums" else 0.0
            assert draw == ShadowDraw(capability=kind, fraction=wanted, drawn=kind == "sums")
        await until(lambda: len(router.shadows()) == 8)
        assert router.counters.shadows == 8
        status = router.gateway.status()
        assert status["shadow_draw"] == "by capability"
        assert status["shadow_fractions"] == ALLOTTED.by_capability


async def test_without_a_table_shadows_are_drawn_evenly_and_the_status_says_so(tmp_path: Path) -> None:
    rollout_file(tmp_path, None, shadow=1.0)
    async with (
        FakeEngine(says("a")) as base,
        FakeEngine(says("b")) as other,
        running(tmp_path, base.url, other.url) as router,
    ):
        draws = await ask(router, "add 1", "rhyme 2")
        assert draws == [ShadowDraw(capability=None, fraction=1.0, drawn=True)] * 2
        assert router.gateway.status()["shadow_draw"] == "evenly: no word table (table_file is not set)"
        assert router.gateway.status()["word_table"] is None


async def test_before_the_first_allotment_the_draw_is_even_and_tags_are_recorded(tmp_path: Path) -> None:
    rollout_file(tmp_path, None, shadow=1.0)
    write_table(tmp_path / "words.json", table())
    async with (
        FakeEngine(says("a")) as base,
        FakeEngine(says("b")) as other,
        running(tmp_path, base.url, other.url, table_file=tmp_path / "words.json") as router,
    ):
        draws = await ask(router, "add 1", "say 2")
        assert [d.capability for d in draws if d] == ["sums", None]
        assert router.gateway.status()["shadow_draw"] == "evenly: the rollout has no allotment yet"


async def test_nothing_is_looked_at_before_the_clients_own_request_is_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout_file(tmp_path, ALLOTTED, share=1.0)
    write_table(tmp_path / "words.json", table())
    happened: list[str] = []
    send = Connection.send

    def noted(self: Connection, exchange: Exchange, upstream: Upstream) -> None:
        happened.append("sent")
        send(self, exchange, upstream)

    def looked(body: bytes) -> str:
        happened.append("looked")
        return prompt_in(body)

    async with (
        FakeEngine(says("a")) as base,
        FakeEngine(says("b")) as other,
        running(tmp_path, base.url, other.url, table_file=tmp_path / "words.json") as router,
    ):
        await ask(router, "rhyme 0")  # opens the connection that the next request finds in the pool
        monkeypatch.setattr(Connection, "send", noted)
        monkeypatch.setattr(shadows, "prompt_in", looked)
        async with httpx.AsyncClient(base_url=router.url) as http:
            await http.post(CHAT, json={"messages": [{"role": "user", "content": "rhyme 1"}]})
        assert happened == ["sent", "looked"]


def test_a_draw_is_the_same_whichever_arm_the_subject_has() -> None:
    state = with_share(0.5, shadow=0.1).model_copy(update={"allotment": ALLOTTED})
    rollout = in_force(state, "here", 1)
    arms = {Interaction(rollout, (f"s{n}", "session"), "chat", b"").arm for n in range(50)}
    assert arms == {"control", "candidate"}
    assert rollout.fraction_of("sums") == 1.0
    assert (rollout.fraction_of("poems"), rollout.fraction_of("odd"), rollout.fraction_of(None)) == (0, 0, 0)
    assert rollout.most == 1.0


def test_after_a_rollback_there_is_no_allotment_either() -> None:
    state = with_share(0.5, shadow=0.1).model_copy(update={"allotment": ALLOTTED})
    rollout = in_force(rolled_back(state), "here", 1)
    assert (rollout.most, rollout.shadow, rollout.fraction_of("sums")) == (0.0, 0.0, 0.0)
    assert shadow_draw(rollout, TableWatch(None)) == "none are drawn"


# --- the other arm -----------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
async def test_a_shadow_is_the_other_arms_answer_to_the_same_request(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    async with rolling(tmp_path, says(CANDIDATE_TEXT), shadow=1.0) as (router, base, other, http):
        answer = await http.post(CHAT, json=body)
        assert answer.headers["x-belay-arm"] == "candidate"
        await until(router.shadows)
        (record,), (shadow,) = router.records(), router.shadows()
        assert base.asked[0].body == other.asked[0].body
        own, other_answer = to_interaction(record, "full").answer, to_shadow_answer(shadow, "full").shadow
        assert (own.text, other_answer.text) == (CANDIDATE_TEXT, BASE_TEXT)
        assert other_answer.served_by == "control"


async def test_a_shadow_that_fails_or_takes_too_long_says_so(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x"), never, shadow=1.0, timeouts={"shadow_s": 0.1}) as (
        router,
        _,
        _,
        http,
    ):
        await http.post(CHAT, json=BODY)
        await until(router.shadows)
        shadow = router.shadows()[0].meta["shadow"]
        assert (shadow["status"], shadow["error"]) == (0, "no answer within 0.1 s")


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
async def test_a_shadow_without_end_is_cut_at_what_is_kept_as_any_answer_is(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    async with rolling(tmp_path, says("x"), streams_for_ever, shadow=1.0, max_answer_bytes=1000) as (
        router,
        engine,
        _,
        http,
    ):
        await http.post(CHAT, json=body)
        await until(router.shadows)
        (shadow,) = router.shadows()
        assert shadow.meta["shadow"]["error"] == f"{engine.url} answered with more than 1000 bytes"
        assert len(shadow.shadow_body) <= 1000
        await until(lambda: engine.gone == 1)
        assert router.counters.shadows_failed == {"control": 1}


async def test_a_shadow_that_ends_in_a_mistake_costs_no_record_and_is_told_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def mistaken(*_: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(shadows.Shadows, "_hear", mistaken)
    async with rolling(tmp_path, says("x"), shadow=1.0) as (router, _, _, http):
        await http.post(CHAT, json=BODY)
        await until(router.shadows)
        (record,), (shadow,) = router.records(), router.shadows()
        assert record.meta["draw"]["drawn"]
        assert (shadow.meta["shadow"]["served_by"], shadow.meta["shadow"]["status"]) == ("control", 0)
        assert shadow.meta["shadow"]["error"] == "the router's mistake: RuntimeError: a mistake of ours"
    assert "its shadow ended in a mistake" in caplog.text


async def test_a_draw_that_ends_in_a_mistake_costs_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(*_: object) -> bool:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(shadows.Shadows, "has_room", mistaken)
    async with rolling(tmp_path, says("x"), shadow=1.0) as (router, _, _, http):
        assert (await http.post(CHAT, json=BODY)).status_code == 200
        (record,) = router.records()
        assert record.meta["draw"] is None


async def test_nothing_is_shadowed_after_a_rollback_nor_beyond_the_limit(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x"), never, shadow=1.0, shadow_limit=1) as (router, base, _, http):
        await http.post(CHAT, json=BODY)
        await http.post(CHAT, json=BODY)
        assert (router.counters.shadows, router.counters.shadows_skipped) == (1, 1)
        assert len(router.records()) == 2
        assert router.shadows() == []
        assert len(base.asked) == 1


# --- the word table's file ---------------------------------------------------------------------------


def test_a_table_that_comes_later_is_taken_on_and_a_broken_one_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "words.json"
    watch = TableWatch(file)
    assert watch.current is None
    assert watch.why_none == f"no file at {file}"
    write_table(file, table())
    watch.look()
    assert watch.current is not None
    good = watch.current
    file.write_text('{"half": ', encoding="utf-8")
    with caplog.at_level(logging.ERROR):
        watch.look()
    assert watch.current is good
    assert watch.unreadable == 1
    assert "the word table stays as it was" in caplog.text


async def test_following_without_a_file_ends_at_once() -> None:
    await asyncio.wait_for(TableWatch(None).follow(), 1)
