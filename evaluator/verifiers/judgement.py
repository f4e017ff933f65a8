"""What a verifier says, and the shape that all verifiers share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Judgement:
    """The quality of one answer in [0, 1], or None where the verifier cannot tell; `reason` says why.

    >>> Judgement(1.5, "too good")
    Traceback (most recent call last):
    ValueError: a judgement lies in [0, 1] or is None, got 1.5 (too good)
    """

    value: float | None
    reason: str

    def __post_init__(self) -> None:
        if self.value is not None and not 0.0 <= self.value <= 1.0:
            raise ValueError(f"a judgement lies in [0, 1] or is None, got {self.value} ({self.reason})")


class Verifier(Protocol):
    """Judges one answer. `reference` is the item's, None where there is none; `options` are the brief's."""

    def __call__(self, answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
        """The judgement of `answer`; the same arguments give the same judgement."""
        ...


def unscored(reason: str) -> Judgement:
    """The judgement of a verifier that cannot tell."""
    return Judgement(None, reason)


def passed(ok: bool, reason: str) -> Judgement:
    """1 where `ok`, else 0."""
    return Judgement(1.0 if ok else 0.0, reason)


EMPTY = Judgement(0.0, "the answer is empty")
