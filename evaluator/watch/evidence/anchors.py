"""Whether a judge is still the one that was measured: answers it scored in the audit, scored by it again.

A judge behind an endpoint may be another one tomorrow, under the same name. So answers whose score by this judge the
audit recorded (anchors) are sent to it again now and then, beside the scores of traffic (`AnchorJudged`). They say
nothing of the candidate: nothing but the judge can move them. With x = today's score - the audit's, of one anchor, a
judge that did not change would give either score as soon at the one time as at the other:

    H0: the two scores of an anchor may be swapped, so that E[x | past] = 0

Two processes bet on it by the arithmetic of pairs (`sequential.DropProcess`, threshold 0), one that x is above 0 on
average (a judge grown lenient) and one that it is below (grown strict): E = (E_up + E_down)/2, and P(E ever reaches
1/alpha | H0) <= alpha. It is exact because each anchor is used once a rollout and its recorded score enters no bet
before it is settled: used twice, the record would be known, and its noise would pass for drift.

`ALPHA` is of each judge. What is found never rolls back and never promotes: it takes the say from the capabilities
whose interactions the judge scores.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from evaluator.watch.evidence.sequential import DropProcess, History
from telemetry.events import AnchorJudged, JudgeAnchors

ALPHA: Final = 0.01
"""Chance of ever calling a judge drifted that did not change."""
BAR: Final = 1.0 / ALPHA
MOST: Final = 4_096
"""Anchors of one judge that are taken in: their names are kept, each 16 characters of a snapshot."""


class DriftProcess:
    """The two-sided test of one judge. `add` the anchors in the order of the log."""

    __slots__ = ("best", "down", "past", "up")

    def __init__(self) -> None:
        self.up, self.down = DropProcess(0.0), DropProcess(0.0)
        self.past = History()
        self.best = 1.0

    def add(self, shift: float) -> None:
        """Take in one anchor's score today less the recorded one; bets are set by those before it."""
        self.up.pair(self.past, shift)
        self.down.pair(self.past, -shift)
        self.past.pairs += 1.0
        self.past.pair_squares += shift * shift
        self.best = max(self.best, self.e_value)

    @property
    def e_value(self) -> float:
        """Evidence that the judge changed; 1 at the start."""
        return 0.5 * (self.up.e_value + self.down.e_value)

    def to_dict(self) -> dict[str, Any]:
        """Every number, for a snapshot."""
        past = [self.past.pairs, self.past.pair_squares]
        return {"past": past, "best": self.best, "up": self.up.to_list(), "down": self.down.to_list()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `to_dict` wrote."""
        self.past.pairs, self.past.pair_squares = (float(x) for x in state["past"])
        self.best = float(state["best"])
        self.up.restore(state["up"])
        self.down.restore(state["down"])


class AnchoredJudge:
    """One judge: its test, the anchors that it had, and the capabilities whose interactions it scores."""

    __slots__ = ("capabilities", "process", "seen", "shifts")

    def __init__(self) -> None:
        self.process = DriftProcess()
        self.seen: set[str] = set()
        self.capabilities: set[str] = set()
        self.shifts = 0.0

    @property
    def drifted(self) -> bool:
        """Whether it is proven that the judge changed."""
        return self.process.best >= BAR

    def add(self, anchor: AnchorJudged) -> None:
        """Take in an anchor, each once."""
        short = hashlib.blake2b(anchor.name.encode(), digest_size=8).hexdigest()
        if short in self.seen or len(self.seen) >= MOST:
            return
        self.seen.add(short)
        self.shifts += anchor.value - anchor.expected
        self.process.add(anchor.value - anchor.expected)


class AnchorCheck:
    """The check of one rollout. `add` every anchor with the capability beside whose score it came."""

    __slots__ = ("_judges", "found")

    def __init__(self) -> None:
        self._judges: dict[str, AnchoredJudge] = {}
        self.found = False
        """Whether any judge drifted: asked after every score."""

    def add(self, anchor: AnchorJudged, capability: str) -> None:
        """Take in one anchor. Records of before name no capabilities: then it is the one beside whose score it came."""
        judge = self._judges.setdefault(anchor.judge, AnchoredJudge())
        judge.capabilities.update((capability, *anchor.capabilities))
        judge.add(anchor)
        self.found = self.found or judge.drifted

    def drifted(self) -> tuple[str, ...]:
        """The judges that are proven to have changed."""
        return tuple(name for name, judge in sorted(self._judges.items()) if judge.drifted)

    def blind(self) -> frozenset[str]:
        """The capabilities that a judge which changed has scores of."""
        judges = self._judges.values()
        return frozenset(name for judge in judges if judge.drifted for name in judge.capabilities)

    def explain(self) -> str:
        """Which judges changed, by how much, and what is not seen any more."""
        told = [one.told() for one in self.summary() if one.drifted]
        return f"{'; '.join(told)}: nothing is seen of {', '.join(sorted(self.blind()))}"

    def summary(self) -> tuple[JudgeAnchors, ...]:
        """Every judge's check, as the proof shows it."""
        return tuple(
            JudgeAnchors(
                judge=name,
                anchors=len(judge.seen),
                shift=judge.shifts / len(judge.seen) if judge.seen else 0.0,
                e_value=judge.process.e_value,
                bar=BAR,
                drifted=judge.drifted,
                capabilities=tuple(sorted(judge.capabilities)),
            )
            for name, judge in sorted(self._judges.items())
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything, for a snapshot."""
        return {
            name: {
                "process": judge.process.to_dict(),
                "seen": sorted(judge.seen),
                "capabilities": sorted(judge.capabilities),
                "shifts": judge.shifts,
            }
            for name, judge in sorted(self._judges.items())
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> AnchorCheck:
        """The check that `to_dict` wrote."""
        new = cls()
        for name, known in state.items():
            judge = new._judges[name] = AnchoredJudge()
            judge.process.restore(known["process"])
            judge.seen = {str(short) for short in known["seen"]}
            judge.capabilities = {str(capability) for capability in known["capabilities"]}
            judge.shifts = float(known["shifts"])
            new.found = new.found or judge.drifted
        return new
