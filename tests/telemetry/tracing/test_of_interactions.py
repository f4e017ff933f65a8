from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from telemetry.forwarding.interactions import to_interaction
from telemetry.forwarding.shadow_answers import to_shadow_answer
from telemetry.tracing.context import Sampling, role_id
from telemetry.tracing.of_interactions import sent_context, spans_of
from telemetry.tracing.spans import Span, ns
from tests.telemetry.samples import TIME, chat_request, facts, raw, raw_shadow

ALL = Sampling()
BEGINS = ns(TIME)
SENT = (BEGINS + 5_000_000_000, BEGINS + 6_000_000_000)


def made(request: bytes | None = None, sampling: Sampling = ALL, **changes: Any) -> dict[str, Span]:
    event = to_interaction(raw(request, **changes), "full")
    return {span.name: span for span in spans_of(event, sampling, SENT)}


def test_router_and_engine_have_the_times_of_the_record_and_the_spool_what_came_after() -> None:
    spans = made(answer=facts(total_ms=40.25))
    ends = BEGINS + 40_250_000
    assert {name: (span.start, span.end) for name, span in spans.items()} == {
        "POST /v1/chat/completions": (BEGINS, ends),
        "chat m": (BEGINS, ends),
        "spool": (ends, SENT[0]),
        "send belay.interactions": SENT,
    }
    assert not any(span.failed for span in spans.values())


def test_a_candidate_that_failed_has_the_span_of_its_failing_and_base_is_asked_after_it() -> None:
    event = to_interaction(raw(fallback="timeout", fell_back_ms=250.0, answer=facts(total_ms=10.0)), "full")
    router, candidate, base, *_ = spans_of(event, Sampling(), SENT)
    between = BEGINS + 250_000_000
    assert (candidate.start, candidate.end, candidate.failed) == (BEGINS, between, True)
    assert candidate.context.span_id == role_id(event.event_id, "candidate")
    assert candidate.attributes["error.type"] == "timeout"
    assert (base.start, base.end, base.failed) == (between, between + 10_000_000, False)
    assert base.context.span_id == role_id(event.event_id, "control")
    assert (router.start, router.end) == (BEGINS, base.end)


def test_one_that_its_breaker_kept_away_was_not_asked() -> None:
    event = to_interaction(raw(fallback="breaker", fell_back_ms=0.0), "full")
    assert [span.kind for span in spans_of(event, Sampling(), SENT)].count("client") == 1


@pytest.mark.parametrize(
    ("answer", "kind", "router_failed"),
    [
        (facts(status=500), "500", True),
        (facts(status=400), "400", False),
        (facts(status=0, error="refused: sk-secret in words"), "failed", True),
        (facts(error="cut after a secret word"), "failed", False),
    ],
)
def test_a_failure_is_told_by_one_word_and_never_by_an_engines_own(
    answer: dict[str, Any], kind: str, router_failed: bool
) -> None:
    spans = made(answer=answer)
    assert (spans["chat m"].failed, spans["chat m"].attributes["error.type"]) == (True, kind)
    assert spans["POST /v1/chat/completions"].failed is router_failed
    assert "secret" not in repr(spans)


def test_parameters_are_told_where_they_are_numbers_and_no_text_ever() -> None:
    told = made(
        chat_request(
            "a secret", max_tokens=7, top_p=0.5, seed=3, stop=["a secret"], temperature="a secret", n=True
        )
    )["chat m"].attributes
    named = {name.removeprefix("gen_ai.request."): value for name, value in told.items() if "request" in name}
    assert named == {"model": "m", "max_tokens": 7, "top_p": 0.5, "seed": 3}
    assert "secret" not in repr(told)


def test_a_streams_first_byte_is_told_and_a_whole_answers_is_none() -> None:
    name = "gen_ai.response.time_to_first_chunk"
    assert made(answer=facts(streamed=True, first_byte_ms=12.5))["chat m"].attributes[name] == 0.0125
    assert name not in made()["chat m"].attributes


def test_a_shadow_ends_when_its_record_says_and_hangs_below_the_router() -> None:
    whole = to_interaction(raw(), "full")
    shadow = to_shadow_answer(raw_shadow(whole.event_id, shadow=facts(total_ms=30.0)), "full")
    asked, sent = spans_of(shadow, Sampling(), SENT)
    assert (asked.end - asked.start, asked.end) == (30_000_000, BEGINS)
    assert asked.parent is not None
    assert asked.parent.span_id == role_id(whole.event_id, "router")
    assert (sent.context, sent.parent) == (sent_context(shadow, Sampling()), asked.context)


def test_nothing_is_told_of_a_trace_that_is_not_kept() -> None:
    assert made(sampling=Sampling(0.0)) == {}
    client = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    assert made(traceparent=client) == {}


def test_a_clock_that_went_back_makes_no_span_that_ends_before_it_began() -> None:
    late = (TIME + timedelta(hours=1)).isoformat()
    spool = made(time=late)["spool"]
    assert spool.end == spool.start
