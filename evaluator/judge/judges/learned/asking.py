"""How likely base finds answers and its own to the same prompts, for the features; asked several at a time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from evaluator.judge.judges.case import Case
from evaluator.judge.judges.likelihood import Likelihood, Telling

AT_ONCE: Final = 16
"""Questions to base's engine at a time, where many answers are learnt from."""

Both = tuple[Likelihood, Likelihood]
"""Of an answer, and of base's to the same prompt."""


def both_of(case: Case, likelihoods: Telling) -> Both | None:
    """The likelihoods of a case's answer and of base's; None where one of them could not be had."""
    if case.base is None:
        return None
    base = likelihoods.of(replace(case, answer=case.base)).likelihood
    own = base if case.answer == case.base else likelihoods.of(case).likelihood
    return None if own is None or base is None else (own, base)


def pair_of(cases: Sequence[Case], likelihoods: Telling) -> list[Both] | None:
    """Of all answers to one prompt; None where one is missing, so that no arm is judged otherwise than the other.

    An empty answer is 0 whatever it is thought of; base's stand in for its.
    """
    found: list[Both] = []
    for case in cases:
        one = both_of(case if case.answer.strip() else replace(case, answer=case.base or ""), likelihoods)
        if one is None:
            return None
        found.append(one)
    return found


def all_of(cases: Sequence[Case], likelihoods: Telling) -> list[Both | None]:
    """Of many cases, in their order."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="likelihood") as threads:
        return list(threads.map(lambda case: both_of(case, likelihoods), cases))
