"""The capability suite in this process: base and candidate answer the same tuning items, as few as a verdict takes.

Audit items are never asked here: what chooses a checkpoint, a learning rate or a merge must not be what judges it.
Tuning items are those of the split `tuning`; where a capability has none, those of the split `traffic`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from evaluator.audit.diff.floor import at_floor
from evaluator.audit.diff.item_order import ordered_draws
from evaluator.audit.diff.paired import Draw, Evidence, draw_of, evidence_of
from evaluator.audit.diff.paired_set import PairedSet, Verdict
from evaluator.audit.measures.measure import MeasureItem
from evaluator.briefs.brief import Capability, LoadedBrief
from evaluator.briefs.items import Item, normalised_prompt
from evaluator.judge.judges.judge import judge_all
from evaluator.judge.judges.scorer import Judging
from serving.progress import Report, silent
from telemetry.errors import BriefError
from trainer.scoring.checkpoints import CapabilityScore, Evaluation

ALPHA: Final = 0.05
"""Chance that a checkpoint without any drop beyond a threshold is said to have one, over all capabilities (Holm); and
that one with such a drop is said to have none. The audit is stricter; this only chooses between checkpoints."""
CHUNK: Final = 8
"""Draws of each capability that are asked at a time."""

Scores = list[float | None]


class Question(NamedTuple):
    """One prompt of a capability, and how many tokens the answer may have."""

    capability: str
    prompt: str
    max_tokens: int


Answering = Callable[[Sequence[Question]], Sequence[str]]
"""Asks one model questions; its answers in their order, greedy."""


def tuning_items(loaded: LoadedBrief, capability: str, trained_on: Collection[str] = ()) -> tuple[Item, ...]:
    """The items that a capability may be tuned on, without those whose prompt, normalised, was trained on.

    Raises BriefError where none is left.
    """
    found = loaded.items_of(capability, "tuning") or loaded.items_of(capability, "traffic")
    if not found:
        raise BriefError(
            f"capability {capability!r} has audit items only, and tuning on those would spoil the audit",
            hint="Give it items with split 'tuning', or set checkpoints.items to 0 and leave the sweep out.",
        )
    unseen = tuple(item for item in found if normalised_prompt(item.prompt) not in trained_on)
    if not unseen:
        raise BriefError(
            f"capability {capability!r}: the training data hold all of its {len(found)} tuning items",
            hint="Give it more items with split 'tuning', or set decontaminate.",
        )
    return unseen


def target_prompts(
    loaded: LoadedBrief, most: int, seed: int, trained_on: Collection[str] = ()
) -> tuple[str, ...]:
    """At most `most` prompts that the target may be tuned on, in the order in which `Suite` with this seed asks them.

    Raises BriefError as `tuning_items`.
    """
    name = loaded.brief.target.name
    draws = _drawn(tuning_items(loaded, name, trained_on), most, seed, name)
    return tuple(item.prompt for draw in draws for item in draw)[:most]


class Suite:
    """Scores candidates against base on at most `items` items a capability, drawn by `seed`.

    `base` is asked once, when the suite is made. `only` leaves out all capabilities but these. Items whose normalised
    prompt is in `trained_on` are not asked. JudgeFailed where a judge could not be had: no checkpoint is chosen by what
    nobody judged.
    """

    def __init__(
        self,
        loaded: LoadedBrief,
        judge: Judging,
        base: Answering,
        items: int,
        seed: int,
        *,
        only: Sequence[str] = (),
        trained_on: Collection[str] = (),
    ) -> None:
        self._judge = judge
        self._parts = [
            _Part(c, _drawn(tuning_items(loaded, c.name, trained_on), items, seed, c.name))
            for c in loaded.brief.capabilities
            if not only or c.name in only
        ]
        everything = [(part, [item for draw in part.draws for item in draw]) for part in self._parts]
        for (part, asked), scores in zip(everything, self._scores(base, everything), strict=True):
            part.base = dict(zip([item.id for item in asked], scores, strict=True))
            known = [score for score in scores if score is not None]
            part.floor = (
                at_floor(known, part.capability.chance, part.capability.threshold)
                if known
                else f"not measured: none of {len(scores)} of base's answers was scored"
            )

    def evaluate(
        self, step: int, candidate: Answering, progress: Report = silent, *, whole: bool = False
    ) -> Evaluation:
        """Ask the candidate, some draws of each open capability at a time, until every verdict is certain.

        The target is asked all its items: its score ranks the checkpoints. An adjacent capability at the floor is
        not asked at all. With `whole`, everything is asked.
        """
        runs = [_Run(part, whole) for part in self._parts]
        # Base has answered everything before: what is at the floor takes no part of the error.
        tests = PairedSet(runs, ALPHA, ALPHA, silent_counts=False)
        while open_ones := [run for run in runs if run.open(tests)]:
            asked = [(run.part, run.next_items()) for run in open_ones]
            for run, scores in zip(open_ones, self._scores(candidate, asked), strict=True):
                run.take(scores)
            tests.settle()
            progress(sum(len(run.scores) for run in runs), 0, f"asking the suite at step {step}")
        return Evaluation(
            step=step,
            capabilities=tuple(run.result(tests.verdict(run)) for run in runs),
        )

    def _scores(self, model: Answering, asked: Sequence[tuple[_Part, Sequence[Item]]]) -> list[Scores]:
        """What `model` scores on these items; asked all at once, since answering goes quicker in large batches."""
        questions = [
            Question(part.capability.name, item.prompt, part.capability.max_tokens)
            for part, items in asked
            for item in items
        ]
        answers = iter(model(questions))
        found = []
        for part, items in asked:
            pairs = [(item.prompt, next(answers)) for item in items]
            judged = judge_all(self._judge, part.capability.name, pairs)
            found.append([judgement.value for judgement in judged])
        return found


@dataclass
class _Part:
    """One capability: its items in the draws that they are met in, and what base scores on each.

    `floor` says why nothing can be told of it: base is at the floor, or was not measured.
    """

    capability: Capability
    draws: tuple[tuple[Item, ...], ...]
    base: dict[str, float | None] = field(default_factory=dict)
    floor: str | None = None


@dataclass(eq=False)
class _Run:
    """One capability in one evaluation; `scores` by item, in the order in which they were asked."""

    part: _Part
    whole: bool
    scores: dict[str, float | None] = field(default_factory=dict)
    draws: list[Draw] = field(default_factory=list)

    @property
    def evidence(self) -> Evidence:
        threshold = self.part.capability.threshold
        return evidence_of(self.draws, threshold, threshold)

    @property
    def floor(self) -> str | None:
        return self.part.floor

    @property
    def silent(self) -> bool:
        return self.floor is not None

    def open(self, tests: PairedSet[_Run]) -> bool:
        """Whether more items would tell more."""
        if len(self.draws) == len(self.part.draws):
            return False
        if self.whole or self.part.capability.role == "target":
            return True
        return not self.silent and tests.verdict(self) == "inconclusive"

    def next_items(self) -> list[Item]:
        return [item for draw in self.part.draws[len(self.draws) :][:CHUNK] for item in draw]

    def take(self, scores: Scores) -> None:
        """Take in the scores of `next_items`."""
        fresh = self.part.draws[len(self.draws) :][:CHUNK]
        self.scores |= dict(zip([item.id for draw in fresh for item in draw], scores, strict=True))
        self.draws += [
            draw_of([(self.part.base[item.id], self.scores[item.id]) for item in draw]) for draw in fresh
        ]

    def result(self, verdict: Verdict) -> CapabilityScore:
        capability = self.part.capability
        return CapabilityScore(
            name=capability.name,
            role=capability.role,
            threshold=capability.threshold,
            n=len(self.scores),
            base=_mean([self.part.base[item] for item in self.scores]),
            candidate=_mean(list(self.scores.values())),
            verdict=verdict,
            floor=self.floor,
        )


def _drawn(items: Sequence[Item], most: int, seed: int, capability: str) -> tuple[tuple[Item, ...], ...]:
    """The first draws in random order that have `most` items together, at least one; clusters stay whole."""
    by_id = {item.id: item for item in items}
    order = ordered_draws([MeasureItem(item.id, item.cluster) for item in items], seed, capability)
    chosen: list[tuple[Item, ...]] = []
    for draw in order:
        if chosen and sum(map(len, chosen)) + len(draw) > most:
            break
        chosen.append(tuple(by_id[item] for item in draw))
    return tuple(chosen)


def _mean(scores: Scores) -> float | None:
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known else None
