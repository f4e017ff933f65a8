"""What became of answers is told by the arm whose answer it is, and how long they took."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from router.proxy.capture import Heard
from router.proxy.metrics import Metrics
from router.proxy.outcomes import OUTCOMES, Outcomes, outcome_of
from router.proxy.workers.sums import counts_of, summed
from telemetry.events import CUT_BY_ROUTER
from tests.exported import exported
from tests.router.proxy.fakes import BODY, CHAT, STREAM, Asked, answers, reply, rolling, says, until

FILTERED = b'data: {"choices":[{"index":0,"delta":{},"finish_reason": "content_filter"}]}\n\n'


def heard(*chunks: bytes, status: int = 200, error: str | None = None) -> Heard:
    return Heard("control", status=status, first_byte_ms=3.0, total_ms=40.0, error=error, chunks=list(chunks))


@pytest.mark.parametrize(
    ("answer", "left", "outcome"),
    [
        (heard(b'{"choices":[{"finish_reason":"stop"}]}'), False, "complete"),
        (heard(b'{"choices":[{"finish_reason":"content_filter"}],"usage":{}}'), False, "refused"),
        (heard(b"data: {}\n\n", FILTERED, b"data: [DONE]\n\n"), False, "refused"),
        (heard(b'{"choices":[{"message":{"content":"\\"finish_reason\\":\\"content_filter\\""}}]}'), False, "complete"),
        (heard(b"{}", status=422), False, "client_error"),
        (heard(b"{}", status=500), False, "server_error"),
        (heard(status=503, error="nobody answers"), False, "failed"),
        (heard(b"half", error="it was cut"), False, "failed"),
        (heard(b"half", error=CUT_BY_ROUTER), False, "cut"),
        (heard(b"half"), True, "client_left"),
    ],
)  # fmt: skip
def test_how_an_answer_ended_is_one_of_a_few_words(answer: Heard, left: bool, outcome: str) -> None:
    assert outcome_of(answer, left=left) == outcome
    assert outcome in OUTCOMES


def test_how_long_all_of_it_took_counts_where_there_is_all_of_it() -> None:
    outcomes = Outcomes()
    outcomes.count(heard(b"{}"), left=False)
    outcomes.count(heard(b"{", error="it was cut"), left=False)
    assert (outcomes.first_byte.count, outcomes.total.count) == (2, 1)


def test_several_workers_numbers_add_up() -> None:
    outcomes = Outcomes()
    outcomes.count(heard(b"{}"), left=False)
    status = {"routes": {"default": {"answers": {"control": outcomes.told()}}}}
    found = summed([status, status], counts_of(status))["routes"]["default"]["answers"]["control"]
    assert found["ended"]["complete"] == 3
    assert (found["first_byte"]["0.005"], found["first_byte"]["sum_us"]) == (3, 9000)
    assert (found["total"]["0.05"], found["total"]["sum_us"]) == (3, 120_000)


async def test_the_arm_that_answered_is_told_and_base_where_it_did_so_for_the_candidate(
    tmp_path: Path,
) -> None:
    turns = iter((answers(reply(500, b"{}")), says("yes"), says("no")))

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await next(turns)(asked, writer)

    async with rolling(tmp_path, behave) as (router, _, _, http):
        for body in (BODY, BODY, STREAM):
            await http.post(CHAT, json=body)
        await until(lambda: sum(router.gateway.status()["answers"]["candidate"]["ended"].values()) == 2)
        found = exported(Metrics(router.gateway.status))
    assert found["belay_answers_total", "control", "complete", "default"] == 1
    assert found["belay_answers_total", "candidate", "complete", "default"] == 2
    assert found["belay_answers_total", "candidate", "failed", "default"] == 0
    assert found["belay_fallbacks_total", "status_500", "default"] == 1
    assert found["belay_answer_seconds_count", "candidate", "default"] == 2
    first = found["belay_first_byte_seconds_sum", "candidate", "default"]
    assert 0 < first <= found["belay_answer_seconds_sum", "candidate", "default"]
