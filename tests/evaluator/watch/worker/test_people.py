"""What a person grades comes to the decider through the log, over a restart too."""

from __future__ import annotations

import random

from evaluator.judge.reviewing.serving import Reviews
from evaluator.watch.worker.decider import Decider
from evaluator.watch.worker.replay import collect_proof, replay
from telemetry import topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.events import DecisionMade, InteractionRecorded, LogPlace, RolloutSpec, ScoreRecorded
from telemetry.reading import Unreadable
from tests.evaluator.support.interactions import answer, interaction
from tests.evaluator.support.logs import announced, events, publish
from tests.evaluator.support.scores import rollout, score

PAIRS = 160
ARMS = ("control", "candidate")


def _spec() -> RolloutSpec:
    """Facts have a judge that may only hold; people grade."""
    spec = rollout(("target", "facts"))
    facts = spec.capabilities[1].model_copy(
        update={
            "watched": False,
            "holds": True,
            "weight": 0.0,
            "judged_by": "the model m",
            "unwatched": "no calibration",
        }
    )
    return spec.model_copy(update={"capabilities": (spec.capabilities[0], facts), "people": 0.25})


def _pair(n: int, good: dict[str, bool]) -> tuple[InteractionRecorded, ScoreRecorded]:
    arm, other = ARMS[n % 2], ARMS[1 - n % 2]
    texts = {name: "right" if good[name] else "wrong" for name in ARMS}
    asked = interaction(
        n,
        prompt=f"question {n}",
        arm=arm,
        given=answer(texts[arm], by=arm),
        shadow=answer(texts[other], by=other),
    )
    judged = score(n, arm=arm, value=float(good[arm]), other=float(good[other]))
    return asked, judged.model_copy(update={"logged": LogPlace(partition=0, offset=n)})


def _decided(bus: MemoryBus) -> list[DecisionMade]:
    """What a decider that starts now makes of the log, and all that was decided so far."""
    decider = Decider(bus)
    decider.restore()
    while decider.step(0.0):
        pass
    decider.close()
    return [one for one in events(bus, topics.DECISIONS) if isinstance(one, DecisionMade)]


def test_a_person_rolls_back_what_the_judge_could_only_hold_for() -> None:
    bus, rng = MemoryBus(), random.Random(6)
    bus.ensure_topics()
    made = [_pair(n, {"control": rng.random() < 0.9, "candidate": rng.random() < 0.1}) for n in range(PAIRS)]
    texts = {asked.event_id: asked for asked, _ in made}
    publish(bus, [announced(_spec()), *(judged for _, judged in made)])
    before = _decided(bus)
    assert {one.action for one in before} == {"hold"}
    assert any("a judge whose error does not allow a rollback" in one.reason for one in before)

    reviews = Reviews(bus, lambda interaction_id, _: texts[interaction_id])
    for _ in range(120):
        case = reviews.show("r1", "ada")
        assert case is not None
        reviews.take("r1", case.id, "ada", 1.0 if case.answer == "right" else 0.0)
    last = _decided(bus)[-1]
    assert (last.action, last.proof.blamed) == ("roll_back", ("facts",))
    assert "people's grades say so" in last.reason
    assert replay(collect_proof(bus, last.event_id, Unreadable())).same
