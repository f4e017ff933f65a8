"""The judge `agreement`: how far an answer says what base says. Base's own answer agrees with itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluator.judge.judges.agreement import agree
from evaluator.judge.judges.case import Case
from evaluator.judge.judges.learned.features import Embed
from evaluator.judge.judges.yardstick import SecondAnswers
from evaluator.verifiers.judgement import EMPTY, NO_JUDGEMENT, Judgement, unscored


def likeness(
    case: Case, verifier: str | None, options: Mapping[str, Any], embed: Embed, yardstick: str | None = None
) -> Judgement:
    """1 where the answer has base's value or words, 0 where it has another value, else their cosine, cut at 0.

    With a `yardstick`, base's second answer, it is measured by that, and so is base's own answer. It says how much
    changed, not whether that is bad: nothing is rolled back for it unless an audit measured how far it may be believed.
    """
    if case.base is None:
        return unscored("base's answer is not there", "no_pair", "agreement")
    if not case.answer.strip():
        return EMPTY
    base = case.base if yardstick is None else yardstick
    agrees = agree(verifier, options, case.answer, base)
    if agrees is not None:
        said = "says what base says" if agrees else "says something else than base"
        return Judgement(float(agrees), said, basis="agreement")
    ours, theirs = embed([case.answer, base])
    return Judgement(min(max(float(ours @ theirs), 0.0), 1.0), "likeness to base's answer", basis="agreement")


def by_second_answer(
    case: Case, verifier: str | None, options: Mapping[str, Any], embed: Embed, seconds: SecondAnswers
) -> Judgement:
    """As `likeness`, by base's second answer to the same request; without one there is no judgement.

    Whether there is one follows from the request and base's engine alone, so that both arms have it or neither.
    """
    reply = seconds.to(case)
    if reply.failure is not None:
        said = f"{NO_JUDGEMENT}{reply.failure.judge}: {reply.failure.reason}"
        return Judgement(None, said, reply.failure, basis="agreement", code=reply.code or "failed")
    if reply.text is None:
        return unscored(f"base gave no second answer: {reply.why}", "base_failed", "agreement")
    return likeness(case, verifier, options, embed, yardstick=reply.text)
