"""Whether the model that answers at a URL is still the one that was adopted: pure comparison of what it said.

A model that others run has no files that could be hashed. What can be held fast is what it answers to fixed prompts:
the log-probabilities of the first token of each answer and the greedily chosen tokens ("identity probes": Chauvin et
al. 2025, arXiv:2512.03816; arXiv:2602.11083). The log-probabilities move with any change of the weights, of the chat
template or of the quantisation; engines add noise by batching, so an adoption measures how much.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from telemetry.events import Value

NOISE_FACTOR: Final = 4.0
"""A gap is a difference from so many times the noise on."""
LEAST_TOLERANCE: Final = 0.02
"""Nats: the tolerance where an engine answers twice exactly alike."""
LEAST_ALIKE: Final = 0.75
"""The fraction of greedy answers that have to be alike where the engine tells no log-probabilities."""


class ProbeAnswer(Value):
    """The answer to one probe: its text, and the likeliest first tokens with their log-probabilities in nats.

    `first` is empty where the engine tells none.
    """

    text: str
    first: dict[str, float]


class Identity(Value):
    """What a model answered to the probes when it was adopted.

    `noise` is the gap of the engine to itself, alone and under load, in nats; `alike` the fraction of greedy answers
    that stayed the same. `version` names the probes, each of which is answered by at most `tokens` tokens.
    """

    version: str
    engine: str
    answers: tuple[ProbeAnswer, ...]
    noise: float
    alike: float
    tokens: int = 16

    @property
    def tells_logprobs(self) -> bool:
        """Whether first tokens can be compared; else greedy answers alone are."""
        return all(answer.first for answer in self.answers)

    @property
    def tolerance(self) -> float:
        """The largest gap, in nats, that is still the same model."""
        return max(LEAST_TOLERANCE, NOISE_FACTOR * self.noise)


class Comparison(Value):
    """The outcome. `gap` is in nats, None without log-probabilities; `alike` a fraction; `told` says it in words."""

    same: bool
    gap: float | None
    alike: float
    told: str


def gap_between(ours: Sequence[ProbeAnswer], theirs: Sequence[ProbeAnswer]) -> float:
    """The mean over probes of the largest difference among the first tokens that both name, in nats.

    A token that one side does not name is at most as likely as the least likely that it does name; that bound counts.
    """
    if not ours:
        return 0.0
    return sum(_largest(a.first, b.first) for a, b in zip(ours, theirs, strict=True)) / len(ours)


def alike_in(ours: Sequence[ProbeAnswer], theirs: Sequence[ProbeAnswer]) -> float:
    """The fraction of greedy answers that are the same to the letter."""
    if not ours:
        return 1.0
    return sum(a.text == b.text for a, b in zip(ours, theirs, strict=True)) / len(ours)


def compare(known: Identity, now: Sequence[ProbeAnswer]) -> Comparison:
    """Whether `now` was said by the model that `known` is of."""
    alike = alike_in(known.answers, now)
    if not known.tells_logprobs or not all(answer.first for answer in now):
        least = min(LEAST_ALIKE, known.alike)
        told = f"{alike:.0%} of {len(now)} greedy answers as adopted, at least {least:.0%} expected"
        if known.tells_logprobs:
            told = f"the engine tells no log-probabilities any more; {told}"
        return Comparison(same=alike >= least, gap=None, alike=alike, told=told)
    gap = gap_between(known.answers, now)
    told = (
        f"first tokens are {gap:.3g} nats from those adopted, tolerance {known.tolerance:.3g}; "
        f"{alike:.0%} of {len(now)} greedy answers alike"
    )
    return Comparison(same=gap <= known.tolerance, gap=gap, alike=alike, told=told)


def _largest(ours: dict[str, float], theirs: dict[str, float]) -> float:
    if not ours or not theirs:
        return 0.0 if ours == theirs else float("inf")
    floors = min(ours.values()), min(theirs.values())
    gaps = [0.0]
    for token in ours.keys() | theirs.keys():
        if token in ours and token in theirs:
            gaps.append(abs(ours[token] - theirs[token]))
        elif token in ours:
            gaps.append(ours[token] - floors[1])
        else:
            gaps.append(theirs[token] - floors[0])
    return max(gaps)
