"""A request has one name from its client over its engine to its record."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Exemplar

from router.proxy.tracing import request_id_in, traceparent_in
from telemetry.forwarding.interactions import to_interaction
from telemetry.rollout_file import write_rollout
from telemetry.tracing.context import Context, Role, context_of, role_id
from tests.router.proxy.fakes import (
    BODY,
    CHAT,
    STREAM,
    Asked,
    FakeEngine,
    Router,
    answers,
    reply,
    rolling,
    running,
    says,
    until,
)
from tests.router.values import with_share

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
REFUSES = answers(reply(500, b"{}", "x-request-id: the-engines-own"))


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (b"req-1", "req-1"),
        (b"a/b:c=.~+_", "a/b:c=.~+_"),
        (b"x" * 128, "x" * 128),
        (b"x" * 129, None),
        (b"ann@example.com", None),
        (b"two words", None),
        (b"caf\xe9", None),
        (b"", None),
        (None, None),
    ],
)
def test_an_id_is_short_and_neither_a_text_nor_an_address(given: bytes | None, taken: str | None) -> None:
    assert request_id_in({} if given is None else {b"x-request-id": given}) == taken


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (TRACE, TRACE),
        (TRACE.upper(), None),
        (TRACE + "-x", None),
        ("01" + TRACE[2:], None),
        (TRACE.replace("b7ad6b7169203331", "0" * 16), None),
        (TRACE.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32), None),
        ("ann", None),
    ],
)
def test_a_trace_is_what_the_standard_says(given: str, taken: str | None) -> None:
    assert traceparent_in({b"traceparent": given.encode()}) == taken


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
async def test_what_the_client_calls_it_reaches_engine_record_and_client(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    async with rolling(tmp_path, says("x")) as (router, _, engine, http):
        headers = {"x-request-id": "req-1", "traceparent": TRACE, "tracestate": "a=1"}
        answer = await http.post(CHAT, json=body, headers=headers)
        assert answer.headers.get_list("x-request-id") == ["req-1"]
        asked = engine.asked[0].headers
        assert (asked["x-request-id"], asked["traceparent"], asked["tracestate"]) == ("req-1", TRACE, "a=1")
        found = to_interaction(router.records()[0], "redacted")
        assert (found.request_id, found.traceparent) == ("req-1", TRACE)


@pytest.mark.parametrize(
    "given", [{}, {"x-request-id": "no id", "traceparent": "nonsense"}], ids=["none", "bad"]
)
async def test_a_request_without_a_name_has_its_interactions(tmp_path: Path, given: dict[str, str]) -> None:
    async with rolling(tmp_path, says("x")) as (router, base, engine, http):
        answer = await http.post(CHAT, json=BODY, headers=given)
        (record,) = router.records()
        name = record.meta["event_id"]
        assert (answer.headers["x-request-id"], engine.asked[0].headers["x-request-id"]) == (name, name)
        found = to_interaction(record, "full")
        assert (found.request_id, found.traceparent) == (None, None)
        passed = await http.get("/v1/models", headers=given)
        assert passed.headers["x-request-id"] == base.asked[0].headers["x-request-id"] != name


async def test_base_that_answers_for_the_candidate_is_asked_by_the_same_name_and_a_shadow_by_another(
    tmp_path: Path,
) -> None:
    async with rolling(tmp_path, REFUSES, shadow=1.0) as (router, base, engine, http):
        answer = await http.post(CHAT, json=BODY, headers={"x-request-id": "req-1"})
        await until(router.shadows)
        assert answer.headers.get_list("x-request-id") == ["req-1"]
        names = [asked.headers["x-request-id"] for asked in (*engine.asked, *base.asked)]
        assert sorted(names) == ["req-1", "req-1", "req-1-shadow"]


async def test_one_engine_of_both_arms_has_no_name_twice_and_none_that_tells_the_arm(tmp_path: Path) -> None:
    async def adapter_refuses(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (REFUSES if asked.json()["model"] == "adapter" else says("x"))(asked, writer)

    write_rollout(tmp_path / "rollout.json", with_share(0.5))
    async with (
        FakeEngine(adapter_refuses) as engine,
        running(tmp_path, engine.url, f"{engine.url}/v1", candidate_model="adapter") as router,
        httpx.AsyncClient(base_url=router.url) as http,
    ):
        for number in range(20):
            headers = {"x-session-id": str(number), "x-request-id": f"req-{number}"}
            assert (await http.post(CHAT, json=BODY, headers=headers)).headers[
                "x-request-id"
            ] == f"req-{number}"
        names = [asked.headers["x-request-id"] for asked in engine.asked]
        assert len(set(names)) == len(names) > 20
        assert all(re.fullmatch(r"req-\d+-[0-9a-f]{8}", name) for name in names)
        assert {record.meta["request_id"] for record in router.records()} == {f"req-{n}" for n in range(20)}


async def test_the_engines_own_name_for_it_is_replaced(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x"), REFUSES, share=0.0) as (_, _, _, http):
        answer = await http.post(CHAT, json=BODY, headers={"x-request-id": "req-1"})
        assert (answer.status_code, answer.headers.get_list("x-request-id")) == (500, ["req-1"])


async def test_under_hashed_text_the_name_is_a_digest(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x")) as (router, _, _, http):
        await http.post(CHAT, json=BODY, headers={"x-request-id": "req-1"})
        hashed = to_interaction(router.records()[0], "hashed").request_id
        assert hashed is not None
        assert len(hashed) == 64


TRACED = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
"""The router itself sends nothing there: its spans are made of its records."""


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in TRACED.items():
        monkeypatch.setenv(name, value)


def context_told(asked: Asked) -> Context:
    found = context_of(asked.headers["traceparent"])
    assert found is not None
    return found


@pytest.mark.usefixtures("traced")
async def test_an_engine_goes_on_from_the_span_of_its_being_asked(tmp_path: Path) -> None:
    async with rolling(tmp_path, REFUSES, shadow=1.0) as (router, base, engine, http):
        await http.post(CHAT, json=BODY, headers={"traceparent": TRACE, "tracestate": "a=1"})
        await until(router.shadows)
        (record,) = router.records()
        told = [context_told(asked) for asked in (*engine.asked, *base.asked)]
        roles: tuple[Role, ...] = ("candidate", "control", "shadow")
        expected = {role_id(record.meta["event_id"], role) for role in roles}
        assert {one.span_id for one in told} == expected
        assert {(one.trace_id, one.sampled) for one in told} == {(TRACE[3:35], True)}
        assert {asked.headers["tracestate"] for asked in base.asked} == {"a=1"}
        assert record.meta["fell_back_ms"] > 0.0
        assert router.shadows()[0].meta["traceparent"] == TRACE


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("given", [{}, {"traceparent": "nonsense", "tracestate": "a=1"}], ids=["none", "bad"])
async def test_without_a_trace_of_its_clients_the_interactions_id_is_that_of_its_trace(
    tmp_path: Path, given: dict[str, str]
) -> None:
    async with rolling(tmp_path, says("x")) as (router, _, engine, http):
        await http.post(CHAT, json=BODY, headers=given)
        (record,) = router.records()
        assert context_told(engine.asked[0]).trace_id == record.meta["event_id"]
        assert "tracestate" not in engine.asked[0].headers
        assert "traceparent" not in record.meta


@pytest.mark.usefixtures("traced")
async def test_a_trace_that_its_client_does_not_keep_is_not_kept_by_us(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x")) as (_, _, engine, http):
        await http.post(CHAT, json=BODY, headers={"traceparent": TRACE[:-1] + "0"})
        assert not context_told(engine.asked[0]).sampled


async def exemplars(router: Router, accept: str) -> tuple[str, list[tuple[str, Exemplar]]]:
    answer = await router.own.get("/metrics", headers={"accept": accept})
    read = (
        text_string_to_metric_families(answer.text) if "openmetrics" in answer.headers["content-type"] else ()
    )
    found = [(s.name, s.exemplar) for family in read for s in family.samples if s.exemplar is not None]
    return answer.headers["content-type"], found


async def test_latencies_have_the_trace_of_their_last_request_as_an_example_for_whoever_reads_open_metrics(
    tmp_path: Path,
) -> None:
    accept = "application/openmetrics-text; version=1.0.0,text/plain;q=0.5"
    async with rolling(tmp_path, says("x")) as (router, _, _, http):
        for trace in ("00-" + "1" * 32 + TRACE[35:], TRACE, TRACE[:-1] + "0"):
            await http.post(CHAT, json=BODY, headers={"traceparent": trace})
        await http.post(CHAT, json=BODY)
        kind, found = await exemplars(router, accept)
        assert kind.startswith("application/openmetrics-text")
        assert {name for name, _ in found} == {
            "belay_first_byte_seconds_bucket",
            "belay_answer_seconds_bucket",
        }
        assert TRACE[3:35] in {one.labels["trace_id"] for _, one in found} <= {"1" * 32, TRACE[3:35]}
        plain = await router.own.get("/metrics", headers={"accept": "text/plain"})
        assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert TRACE[3:35] not in plain.text


@pytest.mark.usefixtures("traced")
async def test_where_traces_are_made_every_kept_one_may_be_an_example(tmp_path: Path) -> None:
    async with rolling(tmp_path, says("x")) as (router, _, _, http):
        await http.post(CHAT, json=BODY)
        _, found = await exemplars(router, "application/openmetrics-text")
        assert {one.labels["trace_id"] for _, one in found} == {router.records()[0].meta["event_id"]}
