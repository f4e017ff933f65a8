"""Whether scores are missing for one arm more than for the other: an anytime-valid check with its own name.

A score may be missing because of the prompt (no reference, no capability) or of a draw made beforehand. Then it is
missing for both arms alike and costs nothing but samples. Where a judge looked at the answer and gave none, whether it
did may depend on the arm, and a candidate could make its failures disappear. So among the subjects' first
interactions that were to be scored, those without a score are looked at: if missing does not depend on the arm,

    P(candidate | no score, past) = pi,

which is the null of the sample-ratio test (`ratio.RatioProcess`), taken over those interactions alone. It is asked over
all of them and in each capability; half of `ALPHA` is for all, half is shared by the capabilities (union bound).

Missing scores prove nothing about answers, so they never roll back: they hold, under the name `missing:scores`.
A difference below `LEAST` cannot hide a drop that matters and is left alone, however certain it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from evaluator.watch.evidence.ratio import RatioProcess
from evaluator.watch.evidence.units import Drawn, Draws
from telemetry.events import ArmCount, CapabilityEvidence, ScoreRecorded

NAME: Final = "missing:scores"
ALPHA: Final = 0.01
"""Chance of ever holding a rollout whose scores are missing for both arms alike."""
SUSPICION: Final = 20.0
"""Evidence that keeps a stage from being promoted for as long as it lasts."""
LEAST: Final = 0.005
"""The smallest difference in the part of missing scores that is spoken of."""
PROMPT_CODES: Final = frozenset(
    {
        "hashed_text",
        "no_evidence",
        "untagged",
        "no_reference",
        "prompt_not_checkable",
        "form_only",
        "bad_options",
        "no_pair",
        "not_sampled",
        "over_budget",
        "no_judge",
        "base_failed",
    }
)
"""Reasons that are settled by the prompt, by a draw or by base, whichever arm was assigned. All others are under test:
`client_left` too, since clients leave sooner where answers are slow or bad, and `no_judge`, which a judge may also say
after it saw the answer."""
ALL: Final = ""
"""The group of all capabilities; no capability has this name."""


class MissingGroup:
    """One capability, or all: interactions that were to be scored, those without a score, and the test on these."""

    __slots__ = ("asked", "best", "missing", "process")

    def __init__(self) -> None:
        self.asked = [0, 0]
        self.missing = [0, 0]
        self.process = RatioProcess()
        self.best = 1.0

    def add(self, pi: float, candidate: bool, missing: bool) -> None:
        """Take in one interaction whose subject was drawn with P(candidate) = pi."""
        self.asked[candidate] += 1
        if missing:
            self.missing[candidate] += 1
            self.process.add(pi, candidate)
            self.best = max(self.best, self.process.e_value)

    def rate(self, candidate: bool) -> float:
        """The part of one arm's scores that is missing; 0 where none was asked for."""
        asked = self.asked[candidate]
        return self.missing[candidate] / asked if asked else 0.0

    @property
    def matters(self) -> bool:
        """Whether the difference could hide anything."""
        return abs(self.rate(candidate=True) - self.rate(candidate=False)) >= LEAST

    def __str__(self) -> str:
        arms = ("control", "candidate")
        more = self.rate(candidate=True) > self.rate(candidate=False)
        first, second = (more, not more)
        return (
            f"scores of {arms[first]} are missing more often: {self.missing[first]} of {self.asked[first]} "
            f"({self.rate(first):.1%}), of {arms[second]} {self.missing[second]} of {self.asked[second]} "
            f"({self.rate(second):.1%})"
        )


class MissingCheck:
    """The check of one rollout. `add` every score with its subject, in the order of the log."""

    __slots__ = ("_groups", "_reached")

    def __init__(self, capabilities: Iterable[str]) -> None:
        self._groups = {name: MissingGroup() for name in (ALL, *capabilities)}
        self._reached = 0.0

    def add(self, score: ScoreRecorded, who: Drawn, draws: Draws) -> None:
        """Take in one score.

        A subject counts once a draw, with the first interaction that was to be scored: what a first prompt is about
        does not depend on the arm that answers it.
        """
        if score.capability is None or (score.value is None and score.unscored in PROMPT_CODES):
            return
        pi = draws.draw("asked", who)
        if pi is None:
            return
        for name in (ALL, score.capability):
            group = self._groups[name]
            group.add(pi, score.assignment.arm == "candidate", score.value is None)
            self._reached = max(self._reached, self._part(name) * group.best)

    def _part(self, name: str) -> float:
        """The group's part of `ALPHA`."""
        return 0.5 if name == ALL else 0.5 / max(len(self._groups) - 1, 1)

    def _strongest(self, *, ever: bool) -> tuple[float, str]:
        """The weighed evidence of the group that matters and has most of it, and its name."""
        if self._reached < SUSPICION:  # so it is nearly always, and asked after every score
            return 0.0, ALL
        found = [
            (self._part(name) * (group.best if ever else group.process.e_value), name)
            for name, group in self._groups.items()
            if group.matters
        ]
        return max(found, default=(0.0, ALL))

    @property
    def proven(self) -> bool:
        """Whether missing depends on the arm, at some time so far, by what is still `LEAST` or more."""
        return self._strongest(ever=True)[0] >= 1.0 / ALPHA

    @property
    def suspicious(self) -> bool:
        """Whether promoting should wait."""
        return self.proven or self._strongest(ever=False)[0] >= SUSPICION

    def explain(self) -> str:
        """Whose scores are missing more often, by how much, and where."""
        places = [n for n, g in self._groups.items() if n and g.matters and g.best >= SUSPICION]
        places.sort(key=lambda n: -self._groups[n].best)
        _, name = self._strongest(ever=True)
        where = f"; most evidence: {', '.join(places[:3])}" if places else ""
        return f"{self._groups[name]}{where}"

    def summary(self) -> CapabilityEvidence:
        """The check as the proof shows it: of each arm how many scores were due, and which part of them came."""
        group = self._groups[ALL]
        control, candidate = (
            ArmCount(n=group.asked[arm], mean=1.0 - group.rate(bool(arm)) if group.asked[arm] else None)
            for arm in (0, 1)
        )
        return CapabilityEvidence(
            capability=NAME,
            watched=False,
            threshold=LEAST,
            weight=0.5,
            e_value=group.process.e_value,
            control=control,
            candidate=candidate,
            pairs=0,
            pair_gap=None,
            unscored=sum(group.missing),
            unwatched="missing scores hold and never roll back",
        )

    def to_dict(self) -> dict[str, Any]:
        """Every number, for a snapshot."""
        return {
            name: [
                *g.asked,
                *g.missing,
                g.best,
                g.process.units,
                g.process.candidates,
                g.process.expected,
                *g.process.wealth,
            ]
            for name, g in self._groups.items()
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> MissingCheck:
        """The check that `to_dict` wrote."""
        new = cls(name for name in state if name != ALL)
        for name, numbers in state.items():
            group = new._groups[name]
            group.asked, group.missing = [int(n) for n in numbers[:2]], [int(n) for n in numbers[2:4]]
            group.best = float(numbers[4])
            process = group.process
            process.units, process.candidates = int(numbers[5]), int(numbers[6])
            process.expected = float(numbers[7])
            process.wealth = [float(w) for w in numbers[8:]]
            new._reached = max(new._reached, new._part(name) * group.best)
        return new
