"""Lessons: answers with a verified score beside base's, those that came and those damaged on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.judges.case import Case
from evaluator.judge.judges.learned.damage import damaged
from evaluator.verifiers import Judgement

Source = Literal["control", "candidate", "other", "damage"]
Verify = Callable[[str, str, str], Judgement]
"""Capability, prompt and answer to a verified judgement."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What base and another model answered to one item, with verified scores. `group` keeps kin in one fold."""

    capability: str
    group: str
    prompt: str
    base: str
    base_score: float
    other: str
    other_score: float


@dataclass(frozen=True, slots=True)
class Lesson:
    """One answer to learn from; `pair` is the number of its pair, -1 where it is not of this audit."""

    pair: int
    source: Source
    capability: str
    group: str
    case: Case
    score: float


def lessons_of(
    loaded: LoadedBrief, pairs: Sequence[Pair], others: Sequence[Pair], verify: Verify
) -> Iterable[Lesson]:
    """The lessons of an audit's pairs, of those of other candidates, and of damaged forms of base's answers."""
    target = [p.other for p in pairs if p.capability == loaded.brief.target.name]
    spoken = {c.name: [p.base for p in pairs if p.capability == c.name] for c in loaded.brief.capabilities}
    for at, pair in enumerate(pairs):
        yield Lesson(at, "control", pair.capability, pair.group, _case(pair, pair.base), pair.base_score)
        yield Lesson(at, "candidate", pair.capability, pair.group, _case(pair, pair.other), pair.other_score)
        rest = [text for text in spoken[pair.capability] if text != pair.base]
        for _, text in damaged(pair.base, rest, target, f"{pair.capability} {pair.group} {pair.prompt}"):
            said = verify(pair.capability, pair.prompt, text)
            if said.value is not None:
                yield Lesson(at, "damage", pair.capability, pair.group, _case(pair, text), said.value)
    for pair in others:
        yield Lesson(-1, "other", pair.capability, pair.group, _case(pair, pair.other), pair.other_score)


def _case(pair: Pair, answer: str) -> Case:
    return Case(pair.capability, pair.prompt, answer, base=pair.base)
