"""What a judge says of an answer, what it is where none could be had, and the shape that all verifiers share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, Protocol

Basis = Literal[
    "reference", "prompt", "form", "learned", "agreement", "likelihood", "model", "rule", "person"
]
"""What a judgement rests on.

The item's reference, what the prompt itself asks, the form of the answer alone; what an audit taught, agreement with
base, how likely base finds it, a model's grade; a rule that was fixed beforehand (whoever fails scores 0, and what a
model would not grade has the value that the brief settles); a person's grade.
"""

Code = Literal[
    "cannot_tell",
    "failed",
    "no_reference",
    "prompt_not_checkable",
    "form_only",
    "bad_options",
    "no_grade",
    "no_judge",
    "no_pair",
    "not_sampled",
    "base_failed",
    "hashed_text",
    "no_evidence",
    "untagged",
    "client_left",
    "router_stopped",
    "declined",
    "over_budget",
]
"""Why there is no value, to be counted: few and fixed, unlike the words of `reason`.

`no_reference`: nobody wrote down what is right. `prompt_not_checkable`: and the prompt asks for nothing that a program
can work out. `form_only`: what it asks for was met, which is necessary and not enough. `bad_options`: the verifier's
options, or the item's reference, cannot be used. `no_grade`: a judge replied without one. `declined`: it would not look
at this answer. `failed`: nobody judged. `over_budget`: nobody was asked, since an hour's requests were used up.
`no_judge`: the brief has none for it. `no_pair`: whoever judges needs base's answer too, and nobody asked base, or, as
`base_failed`, base did not answer. `hashed_text`: there is nothing to read. `no_evidence`: whoever asked has a key that
does not count. `untagged`: it belongs to no capability. `client_left`: in the middle of the answer. `router_stopped`:
likewise. `not_sampled`: the interaction is none of those that are judged.
`cannot_tell`: anything else.
"""

NO_JUDGEMENT: Final = "no judgement: "
"""How the reason of a failure begins, wherever it is read: that of a result never does."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a judgement could not be had: which judge failed, what came instead, and when. It says nothing of the answer.

    `judge` is as people are told of it, with its model and URL. `at` is in UTC, when it began to fail. One that is
    `given_up` has failed for so long that it is not asked any more.
    """

    judge: str
    reason: str
    at: datetime
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """The quality of one answer in [0, 1], or None; `reason` says why.

    None is a result where the judge cannot tell, and may be kept. With a `failure` it is none: nobody judged, and
    whoever needs the judgement asks again. `basis` says what it rests on. `code` is None exactly where there is a
    value; left out, it is `failed` with a failure and `cannot_tell` else.

    >>> Judgement(None, "nobody knows").code
    'cannot_tell'
    >>> Judgement(1.5, "too good")
    Traceback (most recent call last):
    ValueError: a judgement lies in [0, 1] or is None, got 1.5 (too good)
    """

    value: float | None
    reason: str
    failure: Failure | None = None
    basis: Basis = "reference"
    code: Code | None = None

    def __post_init__(self) -> None:
        if self.value is not None and not 0.0 <= self.value <= 1.0:
            raise ValueError(f"a judgement lies in [0, 1] or is None, got {self.value} ({self.reason})")
        if self.value is not None and self.failure is not None:
            raise ValueError(
                f"a judgement that failed has no value, got {self.value} ({self.failure.reason})"
            )
        if self.value is not None and self.code is not None:
            raise ValueError(f"a judgement with a value has no code, got {self.value} and {self.code!r}")
        if self.value is None and self.code is None:
            object.__setattr__(self, "code", "failed" if self.failure is not None else "cannot_tell")


class Verifier(Protocol):
    """Judges one answer. `reference` is the item's, None where there is none; `options` are the brief's."""

    def __call__(self, answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
        """The judgement of `answer`; the same arguments give the same judgement."""
        ...


def unscored(reason: str, code: Code = "cannot_tell", basis: Basis = "reference") -> Judgement:
    """The judgement of a verifier that cannot tell."""
    return Judgement(None, reason, basis=basis, code=code)


def failed(failure: Failure) -> Judgement:
    """The place of a judgement that could not be had."""
    return Judgement(None, f"{NO_JUDGEMENT}{failure.judge}: {failure.reason}", failure)


def passed(ok: bool, reason: str, basis: Basis = "reference") -> Judgement:
    """1 where `ok`, else 0."""
    return Judgement(1.0 if ok else 0.0, reason, basis=basis)


EMPTY = Judgement(0.0, "the answer is empty")
