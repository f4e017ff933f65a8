"""Which answers a person is shown, and in which order: settled by ids, before any answer is looked at. Pure.

What a person sees of a case is its conversation and its answer. Both answers of a shadow pair are cases of their own,
each as good as the other in looks and place, so that nothing tells the arm but the answer itself.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from evaluator.judge.judges.sampling import sampled
from telemetry.errors import UsageError
from telemetry.events import REFUSED, Answer, Arm, InteractionRecorded, Message, ScoreRecorded

Passed = Literal["hashed", "empty", "failed", "client_left"]
"""Why nobody is asked about an answer: its text is not there, or a rule says what it is worth."""
_PERSON: Final = b"belay.review"
_ID_BYTES: Final = 10


@dataclass(frozen=True, slots=True)
class ReviewCase:
    """One answer to be graded. `id` says neither the interaction nor the arm; `fraction` is the chance it had."""

    interaction_id: str
    arm: Arm
    capability: str
    fraction: float
    messages: tuple[Message, ...]
    answer: str

    @property
    def id(self) -> str:
        """What the case is called wherever a person or a file meets it."""
        return case_id(self.interaction_id, self.arm)


@dataclass(frozen=True, slots=True)
class Drawing:
    """Which interactions are shown: `fraction` of all, or about `each` of every capability; of pairs alone, if so said.

    Raises UsageError for a fraction outside (0, 1], and for fewer than one of a capability.
    """

    fraction: float = 1.0
    each: int | None = None
    pairs: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.fraction <= 1.0:
            raise UsageError(
                f"the fraction that is shown lies above 0 and at most at 1, it is {self.fraction:g}"
            )
        if self.each is not None and self.each < 1:
            raise UsageError(f"of each capability at least 1 interaction is shown, not {self.each}")

    def fractions(self, scores: Iterable[ScoreRecorded]) -> dict[str, float]:
        """The chance of an interaction to be shown, by capability: a number of ids, and of nothing that was answered.

        `scores` are one of each interaction. Those of a smaller fraction are among those of every larger one.
        """
        there = Counter(s.capability for s in scores if s.capability is not None and self.takes(s))
        if self.each is None:
            return dict.fromkeys(there, self.fraction)
        return {name: min(1.0, self.each / n) for name, n in there.items()}

    def takes(self, score: ScoreRecorded) -> bool:
        """Whether an interaction is one of those to draw from: its router settled that before it asked an arm."""
        return is_evidence(score) and (not self.pairs or is_pair(score))


def is_evidence(score: ScoreRecorded) -> bool:
    """Whether who asked may decide anything: not where strangers have the key."""
    return score.unscored != "no_evidence"


def is_pair(score: ScoreRecorded) -> bool:
    """Whether both arms were asked, or were to be."""
    return score.other_value is not None or (score.draw is not None and score.draw.drawn)


def case_id(interaction_id: str, arm: Arm) -> str:
    """An id of an answer from which neither its interaction nor its arm can be read (BLAKE2b, hex)."""
    text = f"{interaction_id}\x1f{arm}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=_ID_BYTES, person=_PERSON).hexdigest()


def cases_of(interaction: InteractionRecorded, capability: str, fraction: float) -> list[ReviewCase] | Passed:
    """The answers of an interaction that a person can grade: none where it was not drawn, else why there are none.

    An interaction whose own arm failed, refused, or was broken off by the client is passed over whole, as is hashed
    text. A shadow that failed leaves the other answer: what failed is worth 0 by rule, and is nobody's to grade.
    """
    if not sampled(interaction.event_id, fraction):
        return []
    if interaction.text_policy == "hashed":
        return "hashed"
    if interaction.fallback is not None or lost(interaction.answer):
        return "failed"
    if interaction.client_left and interaction.answer.finish_reason is None:
        return "client_left"
    arm = interaction.assignment.arm
    other: Arm = "candidate" if arm == "control" else "control"
    given = [(arm, interaction.answer), (other, interaction.shadow)]
    found = [
        ReviewCase(interaction.event_id, who, capability, fraction, interaction.messages, text)
        for who, answer in given
        if answer is not None and not lost(answer) and (text := text_of(answer))
    ]
    return found or "empty"


def lost(answer: Answer) -> bool:
    """Whether there is no answer of the model's own: an error, or an engine that would not."""
    return answer.error is not None or answer.status >= 400 or answer.finish_reason == REFUSED


def text_of(answer: Answer) -> str:
    """What is shown of an answer: its text, and the calls of tools behind it; empty where it has neither."""
    parts = (answer.text.strip(), answer.tool_calls or "")
    return "\n\n".join(part for part in parts if part)


def in_order(cases: Iterable[ReviewCase]) -> list[ReviewCase]:
    """The order in which cases are shown: by their ids, and no two answers to one prompt behind each other.

    Where all cases are of one interaction they cannot be kept apart.
    """
    found: list[ReviewCase] = []
    held: ReviewCase | None = None
    for case in sorted(cases, key=lambda one: one.id):
        if found and found[-1].interaction_id == case.interaction_id:
            held = case
            continue
        found.append(case)
        if held is not None:
            found.append(held)
            held = None
    if held is not None:
        found.insert(0 if found[0].interaction_id != held.interaction_id else len(found), held)
    return found
