"""An arm that fails again and again is not asked for a while; each time is its failure all the same."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.proxy.breaker import (
    CLOSED,
    TABLE,
    Breaker,
    BreakerSettings,
    Event,
    Kind,
    admits,
    speaks_against,
    transition,
)
from router.proxy.standing import Standing
from telemetry.forwarding.interactions import to_interaction
from tests.router.proxy.fakes import (
    BASE_TEXT,
    BODY,
    CHAT,
    Behaviour,
    answers,
    reply,
    rolling,
    says,
    text_of,
    until,
)

SETTINGS = BreakerSettings(failures=3, subjects=2, open_s=1.0, most_open_s=5.0, probes=2)
BROKEN = answers(reply(500, b"{}"))


def after(*events: Event, start: Breaker = CLOSED) -> Breaker:
    breaker = start
    for event in events:
        breaker = transition(breaker, event, SETTINGS)
    return breaker


def failed(at: float, subject: str = "a", *, probe: bool = False) -> Event:
    return Event("failed", at, subject, probe)


OPEN = after(failed(0.0, "a"), failed(0.0, "b"), failed(0.0, "a"))

# --- the table ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", list(TABLE))
@pytest.mark.parametrize("kind", ["ask", "answered", "failed", "given_up"])
def test_every_status_has_a_row_for_every_event(status: str, kind: Kind) -> None:
    assert TABLE[status][kind].leads_to  # type: ignore[index]  # the statuses are the table's own


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "answered", "failed", "given_up"]),
        st.floats(0.0, 3.0),
        st.sampled_from("abc"),
        st.booleans(),
    ),
    max_size=60,
)


@given(EVENTS)
def test_no_event_leads_where_the_table_does_not_say(steps: list[tuple[Kind, float, str, bool]]) -> None:
    breaker, at, under_way = CLOSED, 0.0, 0
    for kind, wait, subject, probe in steps:
        at += wait
        if probe and not breaker.probing:
            continue  # nobody was admitted as one
        before = breaker
        breaker = transition(before, Event(kind, at, subject, probe), SETTINGS)
        assert breaker.status in TABLE[before.status][kind].leads_to
        assert breaker.open_s <= SETTINGS.most_open_s
        under_way += kind == "ask" and breaker.status != "closed" and admits(before, breaker)
        if kind != "ask" and probe:
            under_way = 0
        assert under_way == breaker.probing


# --- its rules ---------------------------------------------------------------------------------------


def test_failures_in_a_row_open_it_and_an_answer_between_them_does_not() -> None:
    assert (OPEN.status, OPEN.until) == ("open", 1.0)
    assert (
        after(failed(0.0, "a"), failed(0.0, "b"), Event("answered", 0.0), failed(0.0, "a")).status == "closed"
    )


def test_one_subject_alone_opens_nothing() -> None:
    assert after(*[failed(0.0, "a")] * 100).status == "closed"
    assert after(*[failed(0.0, "a")] * 100, failed(0.0, "b")).status == "open"


def test_while_it_is_open_nobody_is_admitted_and_then_one_at_a_time() -> None:
    assert not admits(OPEN, after(Event("ask", 0.9), start=OPEN))
    first = after(Event("ask", 1.0), start=OPEN)
    assert admits(OPEN, first)
    assert not admits(first, after(Event("ask", 1.0), start=first))
    free = after(Event("given_up", 1.1, probe=True), start=first)
    assert admits(free, after(Event("ask", 1.2), start=free))


def test_probes_that_are_answered_close_it_and_it_forgets() -> None:
    half = after(Event("ask", 1.0), Event("answered", 1.1, probe=True), start=OPEN)
    assert half.status == "half_open"
    assert after(Event("ask", 1.2), Event("answered", 1.3, probe=True), start=half) == CLOSED


def test_each_opening_in_a_row_is_twice_as_long_up_to_a_bound() -> None:
    breaker, spans, at = OPEN, [OPEN.open_s], 0.0
    for _ in range(4):
        at = breaker.until
        breaker = after(Event("ask", at), failed(at, probe=True), start=breaker)
        spans.append(breaker.open_s)
    assert spans == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_what_was_asked_before_it_opened_neither_closes_nor_prolongs_it() -> None:
    late = (Event("answered", 0.5), failed(0.5), Event("given_up", 0.5))
    assert after(*late, start=OPEN) == OPEN
    half = after(Event("ask", 1.0), start=OPEN)
    assert after(*late, start=half) == half


@pytest.mark.parametrize(
    ("reason", "against"),
    [("refused", True), ("timeout", True), ("died", True), ("garbled", True), ("empty", True), ("not_json", True),
     ("status_500", True), ("status_503", True), ("status_400", False), ("status_404", False), ("status_429", False),
     ("too_long", False), ("abandoned", False)],
)  # fmt: skip
def test_what_one_client_may_not_have_is_no_reason_to_keep_others_away(reason: str, against: bool) -> None:
    assert speaks_against(reason) is against


def test_an_arm_that_is_not_asked_is_told_of_once_an_opening(caplog: pytest.LogCaptureFixture) -> None:
    at = [0.0]
    standing = Standing("candidate", SETTINGS, clock=lambda: at[0])
    with caplog.at_level(logging.INFO):
        for subject in "ababab":
            assert standing.admit() is False or standing.status == "open"
            standing.heard("died", subject, probe=False)
        assert standing.admit() is None
        at[0] = 1.0
        for _ in range(2):
            assert standing.admit() is True
            standing.heard(None, "a", probe=True)
    assert (standing.status, standing.opened) == ("closed", 1)
    assert re.findall(r"the candidate arm \w+ \w+", caplog.text) == [
        "the candidate arm is not",
        "the candidate arm answers again",
    ]


# --- in front of engines -----------------------------------------------------------------------------


async def test_a_candidate_that_is_broken_is_not_asked_and_each_time_is_recorded_as_its_failure(
    tmp_path: Path,
) -> None:
    settings = {"failures": 3, "open_s": 60.0, "most_open_s": 60.0}
    async with rolling(tmp_path, BROKEN, breaker=settings) as (router, base, engine, http):
        for number in range(6):
            answer = await http.post(CHAT, json=BODY, headers={"x-session-id": f"s-{number}"})
            assert text_of(answer) == BASE_TEXT
        assert (len(engine.asked), len(base.asked)) == (3, 6)
        recorded = [to_interaction(record, "full") for record in router.records()]
        assert [found.fallback for found in recorded] == ["status_500"] * 3 + ["breaker"] * 3
        assert {(found.assignment.arm, found.answer.served_by) for found in recorded} == {
            ("candidate", "control")
        }
        status = (await router.own.get("/belay/status")).json()
        assert (status["breakers"], status["fallback_reasons"]) == (
            {"candidate": "open"}, {"status_500": 3, "breaker": 3}
        )  # fmt: skip
        assert (
            b'belay_breaker_opened_total{arm="candidate",route="default"} 1.0'
            in (await router.own.get("/metrics")).content
        )


async def test_it_is_let_back_by_probes(tmp_path: Path) -> None:
    settings = {"failures": 2, "open_s": 0.01, "probes": 2}
    async with rolling(tmp_path, BROKEN, breaker=settings) as (router, _, engine, http):

        async def ask(number: int) -> str:
            return text_of(await http.post(CHAT, json=BODY, headers={"x-session-id": f"s-{number}"}))

        assert [await ask(number) for number in range(2)] == [BASE_TEXT] * 2
        (standing,) = (route.engines.standing["candidate"] for route in router.gateway.routes)
        assert standing.status == "open"
        engine.behave = says("well again")

        async with asyncio.timeout(5):
            while standing.status != "closed":
                await ask(3)
        assert standing.status == "closed"
        assert await ask(4) == "well again"


async def test_base_is_asked_whatever_it_answers_unless_the_settings_say_otherwise(tmp_path: Path) -> None:
    for base_too, asked in ((False, 6), (True, 3)):
        folder = tmp_path / str(base_too)
        folder.mkdir()
        settings = {"failures": 3, "open_s": 60.0, "most_open_s": 60.0, "base": base_too}
        async with rolling(folder, says("x"), BROKEN, share=0.0, breaker=settings) as (_, base, engine, http):
            told = [
                (await http.post(CHAT, json=BODY, headers={"x-session-id": f"s-{number}"})).status_code
                for number in range(6)
            ]
            assert told == [500] * 3 + ([503] * 3 if base_too else [500] * 3)
            assert (len(base.asked), engine.asked) == (asked, [])


EMBED = "/v1/embeddings"
BASE_TOO = {"failures": 3, "open_s": 60.0, "most_open_s": 60.0, "base": True}


async def passed(http: httpx.AsyncClient, number: int, path: str = EMBED, method: str = "POST") -> int:
    body = {"model": "m", "input": "a"} if method == "POST" else None
    headers = {"x-session-id": f"s-{number}"}
    return (await http.request(method, path, json=body, headers=headers)).status_code


AWAY = answers(reply(503, b"{}"))


@pytest.mark.parametrize(
    ("behaves", "status"),
    [
        (AWAY, 503),
        (answers(reply(502, b"{}")), 502),
        (answers(b"", then_die=True), 503),
        (answers(b"no HTTP\r\n\r\n"), 503),
    ],
    ids=["503", "502", "dies", "no HTTP"],
)
async def test_what_is_passed_on_opens_bases_breaker_and_is_refused_at_once_while_it_is_open(
    tmp_path: Path, behaves: Behaviour, status: int
) -> None:
    async with rolling(tmp_path, says("x"), behaves, share=0.0, breaker=BASE_TOO) as (router, base, _, http):
        assert [await passed(http, number) for number in range(3)] == [status] * 3
        asked = len(base.asked)
        answer = await http.post(EMBED, json={"input": "a"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "breaker" in answer.text
        assert (await http.get("/v1/models")).status_code == 503
        assert (await http.post(CHAT, json=BODY)).status_code == 503  # an interaction as well
        assert len(base.asked) == asked
        assert (await router.own.get("/belay/status")).json()["breakers"]["control"] == "open"


@pytest.mark.parametrize("status", [404, 500, 501])
async def test_what_may_be_one_paths_own_fault_keeps_nobody_from_base(tmp_path: Path, status: int) -> None:
    failing = answers(reply(status, b"{}"))
    async with rolling(tmp_path, says("x"), failing, share=0.0, breaker=BASE_TOO) as (_, base, _engine, http):
        assert {await passed(http, number) for number in range(6)} == {status}
        assert len(base.asked) == 6


async def test_one_subject_opens_bases_breaker_by_what_is_passed_on_as_little_as_otherwise(
    tmp_path: Path,
) -> None:
    async with rolling(tmp_path, says("x"), AWAY, share=0.0, breaker=BASE_TOO) as (_, base, _engine, http):
        for _ in range(6):
            await passed(http, 1)
        assert len(base.asked) == 6
        await passed(http, 2)
        assert await passed(http, 3) == 503
        assert len(base.asked) == 7


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/models"), ("POST", "/v1/messages/count_tokens")])
async def test_what_needs_no_engine_forgives_no_failure(tmp_path: Path, method: str, path: str) -> None:
    async with rolling(tmp_path, says("x"), AWAY, share=0.0, breaker=BASE_TOO) as (_, base, _engine, http):
        for number in range(3):
            base.behave = AWAY
            await passed(http, number)
            base.behave = says("x")
            assert await passed(http, number, path, method) == (200 if number < 2 else 503)


async def test_base_is_let_back_by_what_is_passed_on(tmp_path: Path) -> None:
    settings = {"failures": 2, "open_s": 0.01, "probes": 2, "base": True}
    async with rolling(tmp_path, says("x"), AWAY, share=0.0, breaker=settings) as (router, base, _, http):
        for number in range(2):
            await passed(http, number)
        (standing,) = (route.engines.standing["control"] for route in router.gateway.routes)
        assert standing.status == "open"
        base.behave = says("well again")
        async with asyncio.timeout(5):
            while standing.status != "closed":
                await passed(http, 3)
        assert await passed(http, 4) == 200


async def test_a_shadow_of_an_arm_that_is_not_asked_has_failed_as_it_has_for_clients(tmp_path: Path) -> None:
    settings = {"failures": 2, "open_s": 60.0, "most_open_s": 60.0}
    async with rolling(tmp_path, BROKEN, share=0.0, shadow=1.0, breaker=settings) as (
        router,
        _,
        engine,
        http,
    ):
        for number in range(4):
            await http.post(CHAT, json=BODY, headers={"x-session-id": f"s-{number}"})
            await until(lambda number=number: len(router.shadows()) == number + 1)
        assert len(engine.asked) == 2
        told = [shadow.meta["shadow"] for shadow in router.shadows()]
        assert [facts["status"] for facts in told] == [500, 500, 0, 0]
        assert "not asked for a while" in told[-1]["error"]
