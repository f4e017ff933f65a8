"""What asking a model costs beside its own time: the client's judgements a second, and the calls that it saves.

The stub answers at once from a process of its own, so that what is measured is nearly all client and server; a model
takes seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
from _shape import Figure, Result

from _judge import stubs
from evaluator.briefs.brief import JudgeEndpoint
from evaluator.judge.judges.client import JudgeClient
from evaluator.judge.judges.endpoint_judge import EndpointJudge, conversation
from evaluator.judge.judges.fence import nonce_of

AT_ONCE = 8
DEADLINE_S = 1.0
SAME = 200


def costs(result: Result) -> None:
    """Judgements a second, what the cache saves, and whether a deadline holds."""
    with stubs.served() as url:
        settings = JudgeEndpoint(url=url, model="stub", rubric="It is right.")
        _speed(result, settings)
        _saved(result, settings)
    with stubs.served("--drip") as url:
        _deadline(result, url)


def _speed(result: Result, settings: JudgeEndpoint) -> None:
    count, rounds = (300, 2) if result.quick else (1_000, 5)
    ours, theirs = [], []
    for turn in range(rounds):
        asked = [(f"What is {number} + {turn}?", f"It is {number}.") for number in range(count)]
        judge = EndpointJudge(settings, JudgeClient(settings.url, settings.model))
        ours.append(_per_second(asked, lambda one, by=judge: by.judge(*one).value))
        with httpx.Client() as bare:
            theirs.append(_per_second(asked, lambda one, by=bare: _posted(by, settings, *one)))
    best, peer = max(ours), max(theirs)
    result.add(
        Figure(
            "judgements_per_second",
            best,
            "1/s",
            best,
            peer,
            None,
            "higher",
            f"{AT_ONCE} threads, {count} distinct answers, best of {rounds}; the stub has a process of its own on the "
            "same two cores. Theirs: httpx.Client alone, with connections kept open, without a deadline, a "
            "bound on the reply, or reading it",
        )
    )


def _saved(result: Result, settings: JudgeEndpoint) -> None:
    judge = EndpointJudge(settings, JudgeClient(settings.url, settings.model))
    with ThreadPoolExecutor(AT_ONCE) as threads:
        values = set(threads.map(lambda _: judge.judge("What is 2 + 2?", "It is 4.").value, range(SAME)))
    calls = SAME - judge.saved
    result.add(
        Figure(
            "calls_for_the_same_answer",
            calls,
            "calls",
            calls,
            SAME,
            1.0,
            "lower",
            f"the same answer to the same question {SAME} times, {AT_ONCE} at once, {len(values)} distinct scores; "
            "theirs: without remembering",
        )
    )


def _deadline(result: Result, url: str) -> None:
    client = JudgeClient(url, "stub", deadline_s=DEADLINE_S)
    settings = JudgeEndpoint(url=url, model="stub", rubric="It is right.")
    began = time.monotonic()
    found = EndpointJudge(settings, client).judge("What is 2 + 2?", "It is 4.")
    took = time.monotonic() - began
    if found.failure is None:
        result.miss("deadline_overrun", f"the reply came whole: {found.reason}")
        return
    result.add(
        Figure(
            "deadline_overrun",
            took / DEADLINE_S,
            "ratio",
            took,
            None,
            1.5,
            "lower",
            f"a judge that sends a byte each half second, a deadline of {DEADLINE_S:g} s; seconds until the failure",
        )
    )


def _per_second(asked: list[tuple[str, str]], judge: Callable[[tuple[str, str]], float | None]) -> float:
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        done = sum(value is not None for value in threads.map(judge, asked))
    if done != len(asked):
        raise RuntimeError(f"{len(asked) - done} of {len(asked)} judgements failed")
    return done / (time.monotonic() - began)


def _posted(client: httpx.Client, settings: JudgeEndpoint, prompt: str, answer: str) -> int:
    asked = conversation(settings, prompt, answer, None, nonce_of([prompt, answer]))
    body = {
        "model": settings.model,
        "messages": [one.model_dump() for one in asked],
        "max_tokens": settings.max_tokens,
    }
    return client.post(f"{settings.url}/v1/chat/completions", json=body).status_code
