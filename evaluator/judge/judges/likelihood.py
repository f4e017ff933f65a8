"""How likely base finds an answer: the log-probabilities that its engine gives to the answer's tokens, prefill alone.

The engine is sent the conversation with the answer as its unfinished last turn and says what it thought of every token
(`prompt_logprobs`, which vLLM offers); how many of them are the conversation's, it says of the conversation alone. An
engine that does not know what it is asked, or leaves it out, is asked no more.

A low likelihood says that base would not have said this. It does not say that it is wrong, and on the target it is
what a fine-tune is for: there it is no verdict, which the brief's schema holds to.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Protocol

from evaluator.judge.judges.case import Case, conversation_of
from evaluator.judge.judges.client import JudgeClient, Reply
from evaluator.judge.judges.remembered import Remembered
from evaluator.verifiers.judgement import EMPTY, NO_JUDGEMENT, Code, Failure, Judgement, unscored
from telemetry.events import Message

REMEMBERED: Final = 4096
"""Answers whose likelihood is known again."""
LONGEST: Final = 24_000
"""Characters of a conversation. A longer one is not sent: an engine answers with some 80 bytes for each of its tokens.
Whether it is follows from the request alone."""
READ: Final = 8_000
"""Characters of an answer that are looked at: of a longer one its beginning, so that no arm is too long to be seen."""
_HALVED: Final = 4
"""How often an answer is cut in half that fills the engine's context to its last token, as base's own may."""
_LEAST: Final = -30.0
"""In nats: a token that is less likely than this is as unlikely as this."""
_CLOSED: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "prompt_logprobs": 0,
        "add_generation_prompt": False,
        "continue_final_message": True,
    }
)
_OPEN: Final[Mapping[str, Any]] = MappingProxyType({"add_generation_prompt": True})


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Base's log-probabilities of an answer's tokens, in nats: their mean and the lowest, over `tokens` of them."""

    mean: float
    lowest: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Told:
    """What base's engine told of an answer: its likelihood, or `why` there is none. `failure` where it was not had."""

    likelihood: Likelihood | None
    why: str = ""
    failure: Failure | None = None
    over_budget: bool = False


class Telling(Protocol):
    """Whoever tells how likely base finds answers: its engine, or one that knows what it told."""

    def of(self, case: Case) -> Told:
        """The likelihood of a case's answer, or why there is none."""
        ...


class Likelihoods:
    """Asks base's engine how likely it finds answers; the last `REMEMBERED` are known. Thread-safe.

    Two requests an answer, of which the one about the conversation alone is shared by all answers to it.
    """

    def __init__(self, client: JudgeClient) -> None:
        self._client = client
        self._known: Remembered[Told] = Remembered(REMEMBERED, lambda told: told.failure is None)
        self._lengths: Remembered[int | Told] = Remembered(REMEMBERED, lambda found: isinstance(found, int))
        self._refused: str | None = None

    @property
    def refused(self) -> str | None:
        """Why the engine is asked no more; None as long as it may tell."""
        return self._refused

    def of(self, case: Case) -> Told:
        """The likelihood of a case's answer; never raises for what the engine does."""
        if self._refused is not None:
            return Told(None, self._refused)
        if (unasked := self._client.over_budget()) is not None:
            return self._none(unasked)
        turns, answer = conversation_of(case), case.answer[:READ]
        if sum(len(turn.content) for turn in turns) > LONGEST:
            return Told(None, f"the conversation has more than {LONGEST:,} characters")
        if not answer.strip():
            return Told(None, "the answer is empty")
        return self._known.of(_key([*turns, _said(answer)]), lambda: self._ask(turns, answer))

    def _ask(self, turns: Sequence[Message], answer: str) -> Told:
        before = self._lengths.of(_key(turns), lambda: self._length(turns))
        if isinstance(before, Told):
            return before
        for _ in range(_HALVED):
            reply = self._client.ask([*turns, _said(answer)], 1, keys=_CLOSED)
            if reply.code != "declined" or reply.whole is not None:
                break
            answer = answer[: len(answer) // 2]
        if reply.whole is None:
            return self._none(reply)
        found = reply.whole.get("prompt_logprobs")
        if found is None:
            return self._off("the engine leaves out what it thinks of a prompt's tokens")
        try:
            return Told(likelihood_of(found, before))
        except ValueError as error:
            return Told(None, str(error))

    def _length(self, turns: Sequence[Message]) -> int | Told:
        """Tokens of the conversation up to where an answer begins."""
        reply = self._client.ask(turns, 1, keys=_OPEN)
        if reply.whole is None:
            return self._none(reply)
        usage = reply.whole.get("usage")
        count = usage.get("prompt_tokens") if isinstance(usage, dict) else None
        if not isinstance(count, int):
            return self._off("the engine does not say how many tokens a prompt has")
        return count

    def _none(self, reply: Reply) -> Told:
        if reply.failure is not None:
            return Told(None, reply.failure.reason, reply.failure, reply.code == "over_budget")
        return self._off(reply.why) if reply.refuses_keys else Told(None, reply.why)

    def _off(self, why: str) -> Told:
        self._refused = why
        return Told(None, why)


def likelihood_of(logprobs: Any, before: int) -> Likelihood:
    """What stands in `prompt_logprobs` of the tokens behind the first `before`.

    Each token has an object of one or more candidates, of which the first is the token itself; the very first has none.
    ValueError for anything else, and where no token is left.
    """
    if not isinstance(logprobs, list) or not 0 < before < len(logprobs):
        size = len(logprobs) if isinstance(logprobs, list) else type(logprobs).__name__
        raise ValueError(f"no log-probabilities of an answer behind {before} tokens: {size}")
    values = [_logprob(one) for one in logprobs[before:]]
    return Likelihood(math.fsum(values) / len(values), min(values), len(values))


def judged_by(told: Told) -> Judgement:
    """The judgement by likelihood alone: e to the mean log-probability, the tokens' mean probability (geometric).

    >>> judged_by(Told(Likelihood(mean=-0.5, lowest=-3.0, tokens=12))).value
    0.6065306597126334
    """
    if told.likelihood is not None:
        said = f"base finds its {told.likelihood.tokens} tokens {told.likelihood.mean:.2f} nats likely"
        return Judgement(math.exp(told.likelihood.mean), said, basis="likelihood")
    if told.failure is not None:
        code: Code = "over_budget" if told.over_budget else "failed"
        said = f"{NO_JUDGEMENT}{told.failure.judge}: {told.why}"
        return Judgement(None, said, told.failure, basis="likelihood", code=code)
    return unscored(told.why, "cannot_tell", "likelihood")


def judge_likelihood(case: Case, likelihoods: Telling) -> Judgement:
    """The judge `likelihood`; an empty answer is 0 as everywhere."""
    return judged_by(likelihoods.of(case)) if case.answer.strip() else EMPTY


def _logprob(one: Any) -> float:
    if not isinstance(one, dict) or not one:
        raise ValueError(f"a token without a log-probability: {one!r}")
    first = next(iter(one.values()))
    value = first.get("logprob") if isinstance(first, dict) else None
    if not isinstance(value, int | float) or math.isnan(value):
        raise ValueError(f"a token without a log-probability: {first!r}")
    return max(min(float(value), 0.0), _LEAST)


def _said(answer: str) -> Message:
    return Message(role="assistant", content=answer)


def _key(turns: Sequence[Message]) -> str:
    said = json.dumps([[turn.role, turn.content] for turn in turns])
    return hashlib.sha256(said.encode()).hexdigest()
