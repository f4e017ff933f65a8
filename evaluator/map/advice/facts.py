"""What advice follows from: numbers of the brief, of the baseline where one is recorded, of the training data."""

from __future__ import annotations

from collections.abc import Sequence

from evaluator.audit.baseline import Baseline
from evaluator.briefs.brief import Capability, LoadedBrief
from evaluator.briefs.schema import FactsChange, Kind
from evaluator.map.mapping.shares import effective_classes
from telemetry.events import Value

TIGHT = 0.03
"""A threshold of at most so much leaves no room for what fine-tuning usually costs."""
FEW_PROMPTS = 32
"""Fewer retention prompts than this estimate no Fisher information worth the name."""


class Adjacent(Value):
    """What advice needs of one adjacent capability. `watched` is False where base is at the floor: nothing to lose.

    `mean` is base's score, None where no baseline says. `tunable` says whether it has items outside the audit.
    """

    name: str
    share: float
    threshold: float
    critical: bool
    kind: Kind | None
    exemplars: int
    watched: bool = True
    mean: float | None = None
    tunable: bool = True

    @property
    def tight(self) -> bool:
        """Whether a loss here is an incident, or hardly any loss is tolerated."""
        return self.critical or self.threshold <= TIGHT


class TrainingData(Value):
    """The target's training dialogues: how many, and how many different last answers they teach."""

    examples: int
    answers: int


class Facts(Value):
    """Everything that a rule may look at. None is always "nobody said".

    `cot` and `replay` are data files that the user has: chains of thought, and general data to be replayed.
    """

    target: str
    kind: Kind | None
    facts_change: FactsChange | None
    cites: bool
    target_share: float
    target_mean: float | None
    target_tunable: bool
    adjacent: tuple[Adjacent, ...]
    data: TrainingData | None
    has_baseline: bool
    cot: str | None = None
    replay: str | None = None

    @property
    def watched(self) -> tuple[Adjacent, ...]:
        """The adjacent capabilities that something can be lost in."""
        return tuple(a for a in self.adjacent if a.watched)

    @property
    def tight(self) -> tuple[Adjacent, ...]:
        """Those of them where a loss is an incident, or hardly any is tolerated."""
        return tuple(a for a in self.watched if a.tight)

    @property
    def reasoning(self) -> tuple[Adjacent, ...]:
        """Those of them that take several steps of thought."""
        return tuple(a for a in self.watched if a.kind == "reasoning")

    @property
    def kinds_known(self) -> bool:
        """Whether the brief says of any adjacent capability what it takes."""
        return any(a.kind is not None for a in self.adjacent)

    @property
    def prompts(self) -> int:
        """How many prompts of theirs base could rehearse: the exemplars."""
        return sum(a.exemplars for a in self.watched)

    @property
    def tunable(self) -> bool:
        """Whether every capability has items to tune on that no audit asks."""
        return self.target_tunable and all(a.tunable for a in self.adjacent)

    @property
    def breadth(self) -> float:
        """How many equally frequent capabilities would be as broad as this traffic."""
        return effective_classes([self.target_share, *(a.share for a in self.adjacent)])

    @property
    def at_risk(self) -> float:
        """What fraction of all queries gets worse where each watched adjacent capability loses what is tolerated."""
        return sum(a.share * a.threshold for a in self.watched)

    @property
    def break_even(self) -> float:
        """How much the target has to gain, in score points on [0, 1], before that loss is paid for."""
        return self.at_risk / self.target_share


def facts_of(
    loaded: LoadedBrief,
    baseline: Baseline | None,
    data: TrainingData | None,
    *,
    kind: Kind | None = None,
    facts_change: FactsChange | None = None,
    cites: bool | None = None,
    cot: str | None = None,
    replay: str | None = None,
) -> Facts:
    """The facts; what is given here goes before what the brief says of its target."""
    target = loaded.brief.target
    return Facts(
        target=target.name,
        kind=kind or target.kind,
        facts_change=facts_change or target.facts_change,
        cites=target.cites if cites is None else cites,
        target_share=target.share,
        target_mean=baseline.capability(target.name).mean if baseline else None,
        target_tunable=_tunable(loaded, target.name),
        adjacent=tuple(_adjacent(c, loaded, baseline) for c in loaded.brief.capabilities if c is not target),
        data=data,
        has_baseline=baseline is not None,
        cot=cot,
        replay=replay,
    )


def _adjacent(capability: Capability, loaded: LoadedBrief, baseline: Baseline | None) -> Adjacent:
    known = baseline.capability(capability.name) if baseline else None
    return Adjacent(
        name=capability.name,
        share=capability.share,
        threshold=capability.threshold,
        critical=capability.critical,
        kind=capability.kind,
        exemplars=len(capability.exemplars),
        watched=known is None or known.shows_a_drop,
        mean=known.mean if known else None,
        tunable=_tunable(loaded, capability.name),
    )


def _tunable(loaded: LoadedBrief, name: str) -> bool:
    return any(item.split != "audit" for item in loaded.items[name])


def names_of(capabilities: Sequence[Adjacent]) -> str:
    """Their names, as a sentence takes them.

    >>> names_of([Adjacent(name="a", share=1, threshold=0.1, critical=False, kind=None, exemplars=0)])
    'a'
    """
    names = [c.name.replace("_", " ") for c in capabilities]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
