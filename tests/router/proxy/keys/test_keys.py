"""Who has a key comes in, as far as its limits go; and no key goes further than the router."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from router.proxy.keys import keys as keys_module
from router.proxy.keys.key_file import add_key, revoke_key
from router.proxy.keys.keys import Keys
from router.proxy.keys.metering import Meter
from router.proxy.wire.answers import Refused
from telemetry.errors import SettingsError
from telemetry.hashed_secrets import SecretsFile, hashed
from tests.router.proxy.fakes import (
    BODY,
    CHAT,
    SSE_HEAD,
    STREAM,
    FakeEngine,
    answers,
    chunk,
    event,
    never,
    reply,
    rolling,
    says,
    until,
)
from tests.router.values import NOON


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.yaml"


def bearer(secret: str) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", f"Bearer {secret}".encode())]


def refusal(keys: Keys, headers: list[tuple[bytes, bytes]]) -> tuple[int, dict[str, str]]:
    with pytest.raises(Refused) as refused:
        keys.admit(headers)
    status, told, _ = refused.value.answer
    return status, {name.decode(): value.decode() for name, value in told}


@pytest.mark.parametrize("name", [b"authorization", b"api-key", b"x-api-key"])
def test_a_key_is_taken_from_where_openais_azures_and_anthropics_clients_put_it(
    file: Path, name: bytes
) -> None:
    value = add_key(file, "shop").encode()
    Keys(file, None).admit([(name, b"Bearer " + value if name == b"authorization" else value)]).end()


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([], "no_key"),
        (bearer(""), "no_key"),
        ([(b"authorization", b"Basic abc")], "no_key"),
        (bearer("belay_nobodys"), "unknown_key"),
        ([(b"x-api-key", b"\xff\xfe")], "unknown_key"),
    ],
)
def test_without_a_key_that_is_known_nobody_comes_in(
    file: Path, headers: list[tuple[bytes, bytes]], reason: str
) -> None:
    add_key(file, "shop")
    keys = Keys(file, None)
    status, told = refusal(keys, headers)
    assert (status, told["www-authenticate"], dict(keys.denied)) == (401, "Bearer", {reason: 1})


def test_an_expired_key_is_none(file: Path) -> None:
    secret = add_key(file, "shop", expires=NOON)
    Keys(file, None, today=lambda: NOON - timedelta(seconds=1)).admit(bearer(secret)).end()
    assert refusal(Keys(file, None, today=lambda: NOON), bearer(secret))[0] == 401


def test_a_key_that_is_revoked_ends_with_the_next_look(file: Path) -> None:
    shop, other = add_key(file, "shop"), add_key(file, "other")
    keys = Keys(file, None)
    keys.admit(bearer(shop)).end()
    revoke_key(file, "shop")
    keys.look()
    assert refusal(keys, bearer(shop))[0] == 401
    keys.admit(bearer(other)).end()


async def test_a_file_is_read_beside_the_requests_and_counts_when_all_of_it_is(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(keys_module, "LOOK_EVERY_S", 0.01)
    reading, may = threading.Event(), threading.Event()
    look = SecretsFile.look

    def slow(self: Any) -> bool:
        reading.set()
        assert may.wait(10)
        return look(self)

    monkeypatch.setattr(SecretsFile, "look", slow)
    old = add_key(file, "old")
    keys = Keys(file, None)
    following = asyncio.create_task(keys.follow())
    new = add_key(file, "new")
    await until(reading.is_set)  # which would not be seen if the loop were what reads
    keys.admit(bearer(old)).end()
    assert refusal(keys, bearer(new))[0] == 401
    may.set()
    await until(lambda: keys._find(new) is not None)
    file.write_text("keys: {")  # noqa: ASYNC240 - a test's own file
    await until(lambda: "the keys stay as they were" in caplog.text)
    for secret in (old, new):
        keys.admit(bearer(secret)).end()
    following.cancel()


def test_requests_a_minute_are_bounded_and_the_headers_say_by_how_much(file: Path) -> None:
    secret, clock = add_key(file, "shop", requests_per_minute=3), Clock()
    keys = Keys(file, None, clock=clock)
    left = []
    for _ in range(3):
        admitted = keys.admit(bearer(secret))
        admitted.end()
        left.append(dict(admitted.headers)[b"x-ratelimit-remaining-requests"])
    assert left == [b"2", b"1", b"0"]
    status, told = refusal(keys, bearer(secret))
    assert (status, told["retry-after"], told["x-ratelimit-limit-requests"]) == (429, "20", "3")
    assert told["x-ratelimit-reset-requests"] == "1m0s"
    clock.at += 19.9
    assert refusal(keys, bearer(secret))[1]["retry-after"] == "1"
    clock.at += 0.2
    keys.admit(bearer(secret)).end()


def test_tokens_are_charged_after_the_answer_and_keep_the_next_request_out(file: Path) -> None:
    secret, clock = add_key(file, "shop", tokens_per_minute=60), Clock()
    keys = Keys(file, None, clock=clock)
    admitted = keys.admit(bearer(secret))
    assert admitted.meter is not None
    admitted.meter.saw(b'{"usage":{"total_tokens":100}}')
    admitted.end()
    status, told = refusal(keys, bearer(secret))
    assert (status, told["retry-after"], told["x-ratelimit-remaining-tokens"]) == (429, "41", "0")
    clock.at += 41.0
    keys.admit(bearer(secret)).end()


def test_requests_at_once_are_bounded(file: Path) -> None:
    secret = add_key(file, "shop", at_once=1)
    keys = Keys(file, None)
    first = keys.admit(bearer(secret))
    assert refusal(keys, bearer(secret))[0] == 429
    first.end()
    keys.admit(bearer(secret)).end()


def test_other_limits_in_the_file_count_without_what_was_spent_being_forgiven(file: Path) -> None:
    secret, clock = add_key(file, "shop", requests_per_minute=2), Clock()
    keys = Keys(file, None, clock=clock)
    for _ in range(2):
        keys.admit(bearer(secret)).end()
    file.write_text(file.read_text().replace("requests_per_minute: 2", "requests_per_minute: 3"))
    keys.look()
    keys.admit(bearer(secret)).end()
    assert refusal(keys, bearer(secret))[0] == 429


def test_a_key_without_limits_has_nothing_counted(file: Path) -> None:
    secret = add_key(file, "shop")
    admitted = Keys(file, None).admit(bearer(secret))
    assert (admitted.meter, admitted.headers) == (None, [])


def test_a_single_key_comes_from_the_environment_and_is_long_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOP_KEY", "k" * 32)
    keys = Keys(None, "SHOP_KEY")
    keys.admit(bearer("k" * 32)).end()
    assert refusal(keys, bearer("k" * 31))[0] == 401
    for value, said in (("short", "has 5 characters, expected 32"), ("", "is not set")):
        monkeypatch.setenv("SHOP_KEY", value)
        with pytest.raises(SettingsError, match=said):
            Keys(None, "SHOP_KEY")


# --- in front of engines -----------------------------------------------------------------------------


async def test_a_clients_key_reaches_neither_engine_nor_spool_nor_log(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("BASE_KEY", "base-secret")
    secret = add_key(file, "shop")
    with caplog.at_level(logging.DEBUG):
        async with rolling(tmp_path, says("x"), shadow=1.0, keys_file=file, control_key_env="BASE_KEY") as (
            router,
            base,
            engine,
            http,
        ):
            for name, value in (("authorization", f"Bearer {secret}"), ("x-api-key", secret)):
                assert (await http.post(CHAT, json=BODY, headers={name: value})).status_code == 200
            await until(lambda: len(router.shadows()) == 2)
            assert (await http.get("/v1/models", headers={"api-key": secret})).status_code == 200
            records = router.records()
            assert [r.meta["assignment"]["subject_source"] for r in records] == ["api_key", "api_key"]
            assert len({r.meta["assignment"]["subject"] for r in records}) == 1
            assert {asked.headers.get("authorization") for asked in base.asked} == {"Bearer base-secret"}
            assert {asked.headers.get("authorization") for asked in engine.asked} == {None}
            told = [str(asked.headers) for asked in (*base.asked, *engine.asked)]
            told += [str(record.pack()) for record in router.spooled()]
            assert not any(secret in text for text in (*told, caplog.text))


async def test_what_a_key_without_evidence_asks_is_answered_recorded_and_drawn_for_no_shadow(
    tmp_path: Path, file: Path
) -> None:
    secret, ours = add_key(file, "public", evidence=False), add_key(file, "shop")
    async with rolling(tmp_path, says("x"), shadow=1.0, keys_file=file) as (router, _, _, http):
        for key in (secret, ours):
            assert (await http.post(CHAT, json=BODY, headers={"api-key": key})).status_code == 200
        await until(lambda: len(router.shadows()) == 1)
        told = [(r.meta.get("counts", True), r.meta["draw"] is not None) for r in router.records()]
        assert told == [(False, False), (True, True)]


async def test_a_record_tells_keys_apart_and_neither_which_they_are_nor_anything_to_check_one_by(
    tmp_path: Path, file: Path
) -> None:
    mine, other = add_key(file, "shop"), add_key(file, "desk")
    async with rolling(tmp_path, says("x"), keys_file=file) as (router, _, _, http):
        for number, secret in enumerate((mine, mine, other)):
            asked = {"api-key": secret, "x-session-id": f"s-{number}"}
            assert (await http.post(CHAT, json=BODY, headers=asked)).status_code == 200
        records = router.records()
        by = [record.meta["by_key"] for record in records]
        assert by[0] == by[1] != by[2]
        assert all(re.fullmatch("[0-9a-f]{16}", one) for one in by)
        told = "".join(str(record.pack()) for record in records)
        assert not any(text in told for text in (mine, other, hashed(mine), hashed(mine)[:16], "shop"))


async def test_where_no_key_is_wanted_none_is_recorded(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x")) as (router, _, _, http):
        assert (await http.post(CHAT, json=BODY, headers={"api-key": "anything"})).status_code == 200
        assert "by_key" not in router.records()[0].meta


async def test_openais_client_knows_the_refusals(tmp_path: Path, file: Path) -> None:
    secret = add_key(file, "shop", requests_per_minute=1)
    async with rolling(tmp_path, says("hello"), keys_file=file) as (router, _, engine, _http):

        async def ask(key: str) -> Any:
            async with openai.AsyncOpenAI(base_url=f"{router.url}/v1", api_key=key, max_retries=0) as client:
                return await client.chat.completions.with_raw_response.create(
                    model="m", messages=[{"role": "user", "content": "hi"}]
                )

        with pytest.raises(openai.AuthenticationError) as unknown:
            await ask("belay_nobodys")
        assert unknown.value.code == "invalid_api_key"
        assert (await ask(secret)).headers["x-ratelimit-remaining-requests"] == "0"
        with pytest.raises(openai.RateLimitError) as limited:
            await ask(secret)
        assert (limited.value.code, limited.value.type) == ("rate_limit_exceeded", "requests")
        assert limited.value.response.headers["retry-after"] == "60"
        assert len(engine.asked) == 1
        status = (await router.own.get("/belay/status")).json()
        assert (status["needs_key"], status["denied"]) == (True, {"unknown_key": 1, "requests": 1})
        assert b'belay_denied_total{reason="unknown_key"} 1.0' in (await router.own.get("/metrics")).content


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
async def test_an_answers_tokens_are_charged_to_its_key(
    tmp_path: Path, file: Path, body: dict[str, Any]
) -> None:
    secret = add_key(file, "shop", tokens_per_minute=4)
    async with rolling(tmp_path, says("abcd"), keys_file=file) as (_, _, _, http):
        headers = {"authorization": f"Bearer {secret}"}
        first = await http.post(CHAT, json=body, headers=headers)
        assert (first.status_code, first.headers["x-ratelimit-remaining-tokens"]) == (200, "4")
        assert (await http.post(CHAT, json=body, headers=headers)).status_code == 429


async def test_an_event_that_tells_no_usage_is_charged_once(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    charged: list[int] = []
    tokens = Meter.tokens

    def told(self: Meter) -> int:
        self.asked_bytes = 0
        charged.append(tokens(self))
        return charged[-1]

    monkeypatch.setattr(Meter, "tokens", told)
    untold = event("x").replace(b"}\n\n", b',"usage":null}\n\n')
    dies = answers(SSE_HEAD + chunk(untold * 3), then_die=True)
    headers = {"api-key": add_key(file, "shop", tokens_per_minute=1000)}
    async with rolling(tmp_path, dies, keys_file=file) as (_, _, _, http):
        answer = await http.post(CHAT, json=STREAM, headers=headers)
        assert charged == [answer.content.count(b"data:")]


async def test_a_client_that_leaves_has_its_place_back(tmp_path: Path, file: Path) -> None:
    secret = add_key(file, "shop", at_once=1)
    headers = {"authorization": f"Bearer {secret}"}
    async with rolling(tmp_path, never, keys_file=file) as (_, _, engine, http):
        with pytest.raises(httpx.ReadTimeout):
            await http.post(CHAT, json=BODY, headers=headers, timeout=0.2)
        await until(lambda: engine.gone)
        engine.behave = says("hello")
        assert (await http.post(CHAT, json=BODY, headers=headers)).status_code == 200


async def test_asking_whether_one_may_ask_needs_no_key_and_has_no_body(tmp_path: Path, file: Path) -> None:
    add_key(file, "shop")
    async with rolling(tmp_path, says("x"), keys_file=file) as (_, base, _, http):
        base.behave = answers(reply(200, b""))
        assert (await http.options(CHAT)).status_code == 200
        assert (await http.request("OPTIONS", CHAT, json=BODY)).status_code == 401

        async def in_parts() -> AsyncIterator[bytes]:
            yield b"x"

        assert (await http.request("OPTIONS", CHAT, content=in_parts())).status_code == 401
        assert len(base.asked) == 1


async def test_failures_of_what_is_no_evidence_keep_nobody_from_the_candidate(
    tmp_path: Path, file: Path
) -> None:
    strangers, ours = add_key(file, "public", evidence=False), add_key(file, "shop")
    broken = answers(reply(500, b"{}"))
    async with rolling(tmp_path, broken, keys_file=file, breaker={"failures": 2}) as (
        router,
        _,
        engine,
        http,
    ):
        for number in range(3):
            headers = {"api-key": strangers, "x-session-id": f"s-{number}"}
            assert (await http.post(CHAT, json=BODY, headers=headers)).status_code == 200
        engine.behave = says("x")
        answer = await http.post(CHAT, json=BODY, headers={"api-key": ours})
        assert answer.headers["x-belay-arm"] == "candidate"
        assert router.gateway.status()["breakers"] == {"candidate": "closed"}


async def test_health_needs_no_key(tmp_path: Path, file: Path) -> None:
    add_key(file, "shop")
    async with rolling(tmp_path, says("x"), keys_file=file) as (_, _, _, http):
        assert (await http.get("/belay/healthz")).status_code == 200
        assert (await http.get("/v1/models")).status_code == 401


async def test_a_key_may_use_its_routes_and_sees_those_alone(tmp_path: Path, file: Path) -> None:
    secret = add_key(file, "shop", routes=["support"])
    headers = {"authorization": f"Bearer {secret}"}
    async with FakeEngine(says("x")) as engine:
        arms = {arm: {"arm": arm, "url": engine.url} for arm in ("control", "candidate")}
        routes = {"support": arms, "sql": arms}
        async with rolling(tmp_path, says("x"), keys_file=file, routes=routes) as (router, _, _, http):
            for model, status in (("support", 200), ("sql", 403), ("m", 403)):
                answer = await http.post(CHAT, json=BODY | {"model": model}, headers=headers)
                assert answer.status_code == status, model
            assert answer.json()["error"]["code"] == "permission_denied"
            listed = (await http.get("/v1/models", headers=headers)).json()["data"]
            assert [model["id"] for model in listed] == ["support"]
            assert (await router.own.get("/belay/status")).json()["denied"] == {"route": 2}
