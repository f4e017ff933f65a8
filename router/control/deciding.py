"""What a decision of the watch asks of a rollout. Pure."""

from __future__ import annotations

from router.control.rollout import Hold, Promote, RollBack, RolloutEvent
from telemetry.events import DecisionMade, RolloutChanged


def event_for(decision: DecisionMade, current: RolloutChanged | None) -> RolloutEvent | str:
    """What a decision asks of the current rollout of its route, or the reason why it asks nothing. Pure.

    A `roll_back` of the current rollout always acts. A `promote` acts where the rollout's policy lets the
    machine promote, and only for the stage that it was decided in: it may come twice. A `hold` says where the
    next shadows go.
    """
    if current is None or current.spec.rollout_id != decision.rollout_id:
        return "it is about another rollout"
    told = {"actor": decision.source, "reason": decision.reason, "decision_id": decision.event_id}
    if decision.action == "roll_back":
        return RollBack(**told)
    if decision.action == "hold":
        return Hold(**told, allotment=decision.allotment)
    if current.spec.advance == "manual":
        return "this rollout is promoted by hand"
    if decision.stage != current.stage:
        return f"it was made in stage {decision.stage}, the rollout is in {current.stage}"
    return Promote(**told)
