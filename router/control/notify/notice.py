"""What people are told of a change: in one line, in numbers, and where to look. Pure.

One sign everywhere: a change below 0 is worse for the candidate.
"""

from __future__ import annotations

from urllib.parse import quote

from pydantic import AwareDatetime

from telemetry.events import (
    DEFAULT_ROUTE,
    CapabilityEvidence,
    DecisionMade,
    RolloutChanged,
    Value,
    derived_id,
)

_SAID = {
    "shadow": "began in shadow", "ramping": "is at {share:.0%}", "paused": "is paused at {share:.0%}",
    "promoted": "is fully rolled out", "rolled_back": "was rolled back", "closed": "is closed",
}  # fmt: skip


class Blamed(Value):
    """A capability that a decision blames: mean scores, their change in points, and how many units stand behind it."""

    capability: str
    control: float | None
    candidate: float | None
    change_points: float | None
    threshold_points: float
    units: int
    pairs: int


class Notice(Value):
    """One thing to tell. `id` is the same whenever the same change is told, so that a receiver can tell it once."""

    id: str
    time: AwareDatetime
    rollout: str
    route: str = DEFAULT_ROUTE
    status: str
    stage: int
    share: float
    revision: int
    actor: str
    reason: str
    blamed: tuple[Blamed, ...] = ()
    link: str | None = None

    @property
    def headline(self) -> str:
        """The change in one line."""
        where = "" if self.route == DEFAULT_ROUTE else f" on {self.route}"
        return f"Rollout {self.rollout}{where} {_SAID[self.status].format(share=self.share)}"

    @property
    def text(self) -> str:
        """All of it, for people."""
        lines = [f"{self.headline}, by {self.actor}: {self.reason}"]
        lines += [_line(each) for each in self.blamed]
        if self.link is not None:
            lines.append(self.link)
        return "\n".join(lines)


def notice_of(state: RolloutChanged, decision: DecisionMade | None, link: str | None) -> Notice:
    """The notice of a state; `decision` is the one that led to it, where one did."""
    return Notice(
        # Not of the revision: what only moves shadows tells nobody anything.
        id=derived_id(
            "notice", state.spec.rollout_id, state.status, str(state.stage), state.since.isoformat()
        ),
        time=state.time,
        rollout=state.spec.rollout_id,
        route=state.spec.route,
        status=state.status,
        stage=state.stage,
        share=state.share,
        revision=state.revision,
        actor=state.actor,
        reason=state.reason,
        blamed=_blamed(decision) if decision is not None and decision.event_id == state.decision_id else (),
        link=f"{link.rstrip('/')}/#/rollouts/{quote(state.spec.rollout_id, safe='')}" if link else None,
    )


def _blamed(decision: DecisionMade) -> tuple[Blamed, ...]:
    by_name = {evidence.capability: evidence for evidence in decision.proof.evidence}
    return tuple(_numbers(by_name[name]) for name in decision.proof.blamed if name in by_name)


def _numbers(evidence: CapabilityEvidence) -> Blamed:
    control, candidate = evidence.control.mean, evidence.candidate.mean
    change = (
        -evidence.pair_gap if evidence.pair_gap is not None else None
    )  # a gap is what control is ahead by
    if change is None and control is not None and candidate is not None:
        change = candidate - control
    return Blamed(
        capability=evidence.capability,
        control=control,
        candidate=candidate,
        change_points=None if change is None else round(100 * change, 2),
        threshold_points=round(100 * evidence.threshold, 2),
        units=evidence.control.n + evidence.candidate.n,
        pairs=evidence.pairs,
    )


def _line(blamed: Blamed) -> str:
    change = "no change known" if blamed.change_points is None else f"{blamed.change_points:+.1f} points"
    means = ", ".join(
        f"{arm} {mean:.2f}"
        for arm, mean in (("control", blamed.control), ("candidate", blamed.candidate))
        if mean is not None
    )
    return (
        f"{blamed.capability}: {change}, tolerated {-blamed.threshold_points:.1f}"
        f"{f' ({means})' if means else ''}; {blamed.units} units, {blamed.pairs} pairs"
    )
