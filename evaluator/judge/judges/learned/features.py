"""What is known of an answer without a reference: agreement with base, similarity, length, and signs of damage. Pure.

Nothing here says which arm answered. Where the answer is base's own, agreement is complete and the rest describes
base's answer, so that the two answers of a pair that say the same have the same features but for their wording.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import log
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluator.judge.judges.agreement import agree
from evaluator.judge.judges.case import Case
from evaluator.judge.judges.likelihood import Likelihood
from evaluator.verifiers import check_prompt
from evaluator.verifiers.bounds import bounds
from evaluator.verifiers.signals import signals
from evaluator.verifiers.text import normalise, words

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to unit vectors, one row a text."""

NAMES: Final = (
    "same words",
    "same value",
    "another value",
    "similarity to base",
    "similarity to the prompt",
    "similarity to the prompt, of base",
    "shorter than base",
    "longer than base",
    "length",
    "length of base",
    "base's words in it",
    "its words in base",
    "its words in the prompt",
    "new numbers",
    "refusal",
    "base refuses",
    "repetition",
    "cut off",
    "other language",
    "empty",
    "breaks what the prompt asks",
    "base breaks what the prompt asks",
)
LIKELIHOOD_NAMES: Final = (
    "likelihood",
    "likelihood of base's own",
    "lowest likelihood of a token",
    "lowest likelihood of a token of base's own",
)
"""What base's engine adds where it was asked: in nats, of the answer and of base's."""
_NUMBER: Final = re.compile(r"\d+")
_MOST: Final = 3.0
"""Of a log ratio of lengths: a twentieth or twenty times as long is as far as it gets."""


def features(
    cases: Sequence[Case], embed: Embed, verifier: str | None, options: Mapping[str, Any]
) -> NDArray[np.float64]:
    """One row a case, one column a name of `NAMES`; all cases are of one capability, whose verifier it is.

    Each case needs `base`. The texts are embedded together.
    """
    prompts = embed([case.prompt for case in cases]).astype(np.float64)
    answers = embed([case.answer for case in cases]).astype(np.float64)
    bases = embed([_base(case) for case in cases]).astype(np.float64)
    cosines = zip(
        (answers * bases).sum(axis=1),
        (answers * prompts).sum(axis=1),
        (bases * prompts).sum(axis=1),
        strict=True,
    )
    asked = {(case.prompt, text) for case in cases for text in (case.answer, _base(case))}
    broken = {one for one in asked if check_prompt(*one).value == 0.0}
    rows = [
        _row(case, agree(verifier, options, case.answer, _base(case)), broken, *map(float, near))
        for case, near in zip(cases, cosines, strict=True)
    ]
    return np.array(rows).reshape(len(cases), len(NAMES))


def certain(
    cases: Sequence[Case], verifier: str | None, options: Mapping[str, Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lowest score of each case's answer and the width up to its highest, whatever the reference.

    What is learnt is where between the two a score lies: a prediction p stands for low + width * p.
    """
    found = [bounds(verifier, options, case.prompt, case.answer) for case in cases]
    low = np.array([one.low for one in found], dtype=np.float64)
    return low, np.array([one.high for one in found], dtype=np.float64) - low


def likelihood_features(told: Sequence[tuple[Likelihood, Likelihood]]) -> NDArray[np.float64]:
    """One row for each answer and base's to the same prompt, one column a name of `LIKELIHOOD_NAMES`."""
    rows = [[own.mean, base.mean, own.lowest, base.lowest] for own, base in told]
    return np.array(rows, dtype=np.float64).reshape(len(told), len(LIKELIHOOD_NAMES))


def _row(
    case: Case,
    agrees: bool | None,
    broken: set[tuple[str, str]],
    to_base: float,
    to_prompt: float,
    of_base: float,
) -> list[float]:
    """`broken` holds the prompts and texts of which the text breaks what its prompt asks."""
    said, other, asked = words(case.answer), words(_base(case)), set(words(case.prompt))
    found = signals(case.prompt, case.answer, case.finish_reason)
    ratio = log((len(said) + 1) / (len(other) + 1))
    new = set(_NUMBER.findall(case.answer)) - set(_NUMBER.findall(case.prompt + " " + _base(case)))
    return [
        float(normalise(case.answer) == normalise(_base(case))),
        float(agrees is True),
        float(agrees is False),
        to_base if agrees is not True else 1.0,
        to_prompt,
        of_base,
        min(max(-ratio, 0.0), _MOST),
        min(max(ratio, 0.0), _MOST),
        log(len(said) + 1.0),
        log(len(other) + 1.0),
        _share(other, set(said)),
        _share(said, set(other)),
        _share(said, asked),
        float(bool(new)),
        float(found.refusal),
        float(signals(case.prompt, _base(case)).refusal),
        max(found.repetition, float(found.loops)),
        float(found.truncated),
        float(found.script_changed or found.language_changed),
        float(found.empty),
        float((case.prompt, case.answer) in broken),
        float((case.prompt, _base(case)) in broken),
    ]


def _share(of: Sequence[str], among: set[str]) -> float:
    return sum(word in among for word in of) / len(of) if of else 0.0


def _base(case: Case) -> str:
    if case.base is None:
        raise ValueError(f"a case of {case.capability!r} without base's answer has no features")
    return case.base
