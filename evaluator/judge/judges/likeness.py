"""The judge `agreement`: how far an answer says what base says. Base's own answer agrees with itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluator.judge.judges.agreement import agree
from evaluator.judge.judges.case import Case
from evaluator.judge.judges.learned.features import Embed
from evaluator.verifiers.judgement import EMPTY, Judgement, unscored


def likeness(case: Case, verifier: str | None, options: Mapping[str, Any], embed: Embed) -> Judgement:
    """1 where the answer has base's value or words, 0 where it has another value, else their cosine, cut at 0.

    It says how much changed, not whether that is bad: nothing is rolled back for it unless an audit measured how far
    it may be believed.
    """
    if case.base is None:
        return unscored("base's answer is not there", "no_pair", "agreement")
    if not case.answer.strip():
        return EMPTY
    agrees = agree(verifier, options, case.answer, case.base)
    if agrees is not None:
        said = "says what base says" if agrees else "says something else than base"
        return Judgement(float(agrees), said, basis="agreement")
    answer, base = embed([case.answer, case.base])
    return Judgement(min(max(float(answer @ base), 0.0), 1.0), "likeness to base's answer", basis="agreement")
