"""Does the assignment follow the share? An anytime-valid check of the sample ratio, by subject.

Every interaction says with what chance pi its subject should have met the candidate, whether it has a score or not.
Where arms come more or less often than that, the assignment is broken and no comparison of the arms can be believed.
(Scores that are missing for one arm are another matter, with a name of its own: `missing`.)
Each component bets on the odds of the candidate being r times what they should be: with p the probability at
those odds, W_r <- W_r * (p/pi if candidate else (1-p)/(1-pi)), a likelihood ratio, so an e-process
(Lindon and Malek 2022, "Anytime-valid inference for multinomial count data"). The same test runs for each
subject source and each router, to tell where the fault lies.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Final

from evaluator.watch.evidence.sequential import CEILING

ODDS: Final = (0.2, 0.7, 1.4, 5.0)
ALPHA: Final = 0.001
"""Chance of ever stopping a rollout whose assignment is right."""
SUSPICION: Final = 20.0
"""Evidence from which on nothing is promoted any more."""
MOST_GROUPS: Final = 64
"""Routers beyond this many are counted together, so that the state stays small."""
ALL: Final = "all subjects"


@dataclass(frozen=True, slots=True)
class Imbalance:
    """How one group of subjects was assigned. `expected` is the number of candidates that the shares call for."""

    where: str
    units: int
    candidates: int
    expected: float
    e_value: float

    def __str__(self) -> str:
        met = f"{self.candidates} of {self.units} subjects met the candidate"
        return f"{self.where}: {met}, expected {self.expected:.1f}"


@functools.lru_cache(maxsize=256)  # a rollout has few shares, and three groups or more bet on each subject
def _bets(pi: float, candidate: bool) -> tuple[tuple[float, float], ...]:
    """What each component's wealth is multiplied by, and divided by.

    p/pi = r/(1 - pi + r*pi) and (1-p)/(1-pi) = 1/(1 - pi + r*pi).
    """
    rest = 1.0 - pi
    return tuple((r if candidate else 1.0, rest + r * pi) for r in ODDS)


class RatioProcess:
    """The test of one group."""

    __slots__ = ("candidates", "expected", "units", "wealth")

    def __init__(self) -> None:
        self.units = 0
        self.candidates = 0
        self.expected = 0.0
        self.wealth = [1.0 / len(ODDS)] * len(ODDS)

    def add(self, pi: float, candidate: bool) -> None:
        """Take in one subject that was drawn with P(candidate) = pi."""
        self.units += 1
        self.candidates += candidate
        self.expected += pi
        self.wealth = [
            CEILING if (now := w * above / below) > CEILING else now
            for w, (above, below) in zip(self.wealth, _bets(pi, candidate), strict=True)
        ]

    @property
    def e_value(self) -> float:
        """Evidence against the assignment; 1 at the start."""
        return sum(self.wealth)


class RatioCheck:
    """The check over all subjects, over each subject source and over each router."""

    __slots__ = ("_groups", "_peak")

    def __init__(self) -> None:
        self._groups: dict[str, RatioProcess] = {ALL: RatioProcess()}
        self._peak = 1.0

    def add(self, pi: float, candidate: bool, source: str, router: str | None) -> None:
        """Take in one subject's draw."""
        whole = self._groups[ALL]
        whole.add(pi, candidate)
        self._peak = max(self._peak, whole.e_value)
        self._group(f"subject source {source}").add(pi, candidate)
        if router is not None:
            self._group(f"router {router}").add(pi, candidate)

    def _group(self, name: str) -> RatioProcess:
        found = self._groups.get(name)
        if found is None:
            name = name if len(self._groups) < MOST_GROUPS else "other routers"
            found = self._groups.setdefault(name, RatioProcess())
        return found

    @property
    def broken(self) -> bool:
        """Whether it is proven that the assignment does not follow the share."""
        return self._peak >= 1.0 / ALPHA

    @property
    def suspicious(self) -> bool:
        """Whether promoting should wait."""
        return self._peak >= SUSPICION

    def imbalances(self) -> list[Imbalance]:
        """All subjects first, then the groups, strongest evidence first."""
        rest = sorted((g for g in self._groups.items() if g[0] != ALL), key=lambda g: (-g[1].e_value, g[0]))
        return [
            Imbalance(name, p.units, p.candidates, p.expected, p.e_value)
            for name, p in [(ALL, self._groups[ALL]), *rest]
        ]

    def explain(self) -> str:
        """Where subjects were not assigned by the share, in one sentence."""
        whole, *groups = self.imbalances()
        places = [g for g in groups if g.e_value >= SUSPICION][:3]
        return "; ".join([f"arms do not follow the share: {whole}", *(str(place) for place in places)])

    def to_dict(self) -> dict[str, Any]:
        """Every number, for a snapshot."""
        groups = {n: [p.units, p.candidates, p.expected, *p.wealth] for n, p in self._groups.items()}
        return {"peak": self._peak, "groups": groups}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> RatioCheck:
        """The check that `to_dict` wrote."""
        new = cls()
        new._peak = float(state["peak"])
        for name, numbers in state["groups"].items():
            process = new._groups[name] = RatioProcess()
            process.units, process.candidates = int(numbers[0]), int(numbers[1])
            process.expected = float(numbers[2])
            process.wealth = [float(w) for w in numbers[3:]]
        return new
