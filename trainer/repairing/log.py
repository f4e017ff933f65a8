"""What Kafka holds of a rollout that was rolled back: the decision, and what users asked."""

from __future__ import annotations

from collections.abc import Iterator

from evaluator.watch.worker.replay import ProofFile
from telemetry import codec, topics
from telemetry.bus.catching_up import read_to_end
from telemetry.bus.protocols import Bus
from telemetry.errors import UnreadableRecord, UsageError
from telemetry.events import DecisionMade, InteractionRecorded
from trainer.repairing.repair import Harvest, harvest


def rolled_back(bus: Bus, wanted: str) -> DecisionMade:
    """The decision to roll back that has this event id, or the last one of this rollout. UsageError without any."""
    decisions = [e for e in _events(bus, topics.DECISIONS) if isinstance(e, DecisionMade)]
    found = [d for d in decisions if wanted in (d.event_id, d.rollout_id) and d.action == "roll_back"]
    if not found:
        others = sorted({d.rollout_id for d in decisions if d.action == "roll_back"})
        raise UsageError(
            f"{topics.DECISIONS} holds no decision to roll back {wanted!r}; "
            f"it holds those of {', '.join(others) or 'no rollout'}",
            hint="Give a rollout's id, or the event id of the decision that rolled it back.",
        )
    return found[-1]


def gathered(bus: Bus, proof: ProofFile, limit: int) -> Harvest:
    """What the interactions that the decision saw give to rehearse, at most `limit` prompts a capability.

    Raises as `harvest`.
    """
    wanted = {score.interaction_id for _, score in proof.scores}
    interactions = {
        event.event_id: event
        for event in _events(bus, topics.INTERACTIONS)
        if isinstance(event, InteractionRecorded) and event.event_id in wanted
    }
    scores = [score for _, score in proof.scores]
    return harvest(proof.spec, proof.decision, scores, interactions, limit)


def _events(bus: Bus, topic: str) -> Iterator[object]:
    """The readable events that the topic holds now."""
    with bus.reader([topic]) as reader:
        for record in read_to_end(reader):
            try:
                yield codec.decode(record)
            except UnreadableRecord:
                continue
