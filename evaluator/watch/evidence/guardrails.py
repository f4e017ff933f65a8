"""Guardrails: errors, refusals and latency as bounded scores in the same test, over all traffic.

They need no judge, so a guardrail's unit is a subject's first interaction whatever it is about, while a
capability's is the first that could be scored. The two follow different records of the past, so their evidence
is neither multiplied nor averaged: alpha is shared out. A rollback is due where
max((1 - PART) * M of the capabilities, PART * mean of the guardrails' E) reaches 1/alpha, which under the null
happens with a chance of at most (1 - PART)*alpha + PART*alpha (Ville for each, and the union bound).

Where the rollout bounds what one API key weighs (`of_keys`), it bounds it here too: all guardrails take in the same
units, so they have one window. Whoever provokes errors on one arm is then so much of the evidence and no more.
"""

from __future__ import annotations

from typing import Any, Final

from evaluator.watch.evidence.sequential import DropProcess, History
from telemetry.events import ArmCount, CapabilityEvidence, Guardrail, ScoreRecorded

PART: Final = 0.1
"""What the guardrails have of alpha; it costs the capabilities log(1/.9) nats, about 2% of their samples."""


def guarded_value(rail: Guardrail, score: ScoreRecorded) -> float | None:
    """The score of one interaction under a guardrail, None where it says nothing.

    A failed interaction is 0 for errors and for latency: an error that comes fast is not a fast answer.
    """
    if rail.kind == "refusals":
        return 0.0 if score.refused else 1.0
    if score.failed or rail.kind == "errors":
        return 0.0 if score.failed else 1.0
    if score.total_ms is None or rail.limit_ms is None:
        return None
    return max(0.0, 1.0 - score.total_ms / rail.limit_ms)


class GuardrailFold:
    """One guardrail's part of the fold."""

    __slots__ = ("_sums", "_units", "drop", "past", "rail", "set_aside", "weight")

    def __init__(self, rail: Guardrail, weight: float) -> None:
        self.rail = rail
        self.weight = weight
        self.past = History()
        self.drop = DropProcess(rail.threshold)
        self._units = [0, 0]
        self._sums = [0.0, 0.0]
        self.set_aside = 0

    @property
    def name(self) -> str:
        """What the proof calls it."""
        return f"guardrail:{self.rail.kind}"

    def settle(self, pi: float, candidate: bool, value: float) -> None:
        """Take in one unit."""
        self.drop.unpaired(self.past, pi, candidate, value)
        self.past.add(candidate, value)
        self._units[candidate] += 1
        self._sums[candidate] += value

    def summary(self) -> CapabilityEvidence:
        """The guardrail's evidence as the proof shows it."""
        control, candidate = (
            ArmCount(n=n, mean=total / n if n else None)
            for n, total in zip(self._units, self._sums, strict=True)
        )
        return CapabilityEvidence(
            capability=self.name,
            watched=True,
            threshold=self.rail.threshold,
            weight=self.weight,
            e_value=self.drop.e_value,
            control=control,
            candidate=candidate,
            pairs=0,
            pair_gap=None,
            unscored=0,
            set_aside=self.set_aside,
        )

    def to_dict(self) -> dict[str, Any]:
        """Every number, for a snapshot."""
        return {
            "past": self.past.to_list(),
            "drop": self.drop.to_list(),
            "units": list(self._units),
            "sums": list(self._sums),
            "set_aside": self.set_aside,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `to_dict` wrote."""
        self.past = History.from_list([float(x) for x in state["past"]])
        self.drop.restore(state["drop"])
        self._units = [int(n) for n in state["units"]]
        self._sums = [float(s) for s in state["sums"]]
        self.set_aside = int(state.get("set_aside", 0))  # snapshots had none once
