"""What Kafka holds of a rollout that was rolled back: the decision, and what users asked.

What lies there and is no event goes to `unreadable`: one damaged record is no reason to repair nothing.
"""

from __future__ import annotations

from evaluator.watch.worker.replay import ProofFile
from telemetry import topics
from telemetry.bus.protocols import Bus
from telemetry.errors import UsageError
from telemetry.events import DecisionMade, InteractionRecorded
from telemetry.reading import Unreadable, events_in
from trainer.repairing.repair import Harvest, harvest


def rolled_back(bus: Bus, wanted: str, unreadable: Unreadable) -> DecisionMade:
    """The decision to roll back that has this event id, or the last one of this rollout. UsageError without any."""
    decisions = [e for _, e in events_in(bus, topics.DECISIONS, unreadable) if isinstance(e, DecisionMade)]
    found = [d for d in decisions if wanted in (d.event_id, d.rollout_id) and d.action == "roll_back"]
    if not found:
        others = sorted({d.rollout_id for d in decisions if d.action == "roll_back"})
        raise UsageError(
            f"{topics.DECISIONS} holds no decision to roll back {wanted!r}; "
            f"it holds those of {', '.join(others) or 'no rollout'}",
            hint="Give a rollout's id, or the event id of the decision that rolled it back.",
        )
    return found[-1]


def gathered(bus: Bus, proof: ProofFile, limit: int, unreadable: Unreadable) -> Harvest:
    """What the interactions that the decision saw give to rehearse, at most `limit` prompts a capability.

    Raises as `harvest`.
    """
    wanted = {score.interaction_id for _, score in proof.scores}
    interactions = {
        event.event_id: event
        for _, event in events_in(bus, topics.INTERACTIONS, unreadable)
        if isinstance(event, InteractionRecorded) and event.event_id in wanted
    }
    scores = [score for _, score in proof.scores]
    return harvest(proof.spec, proof.decision, scores, interactions, limit)
