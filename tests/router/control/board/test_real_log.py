"""The tail and the way of an interaction on real brokers."""

from __future__ import annotations

import time
from uuid import uuid4

from router.control.board.tail.tail import Tail, Told
from router.control.board.tail.wanted import Wanted
from router.control.board.way.finding import Finder
from telemetry.bus.kafka_bus import BusSettings, KafkaBus
from telemetry.events import ShadowDraw
from tests.router.control.board.tail.values import interaction, score, shadow
from tests.router.control.board.values import publish

DRAWN = ShadowDraw(capability="support", fraction=0.2, drawn=True)


def test_what_a_broker_holds_is_followed_and_found_again_by_its_id(broker: str) -> None:
    bus = KafkaBus(BusSettings(bootstrap_servers=broker))
    bus.ensure_topics()
    name, rollout = uuid4().hex, uuid4().hex
    tail = Tail(bus, lambda _: ())
    tail.look(Wanted(), texts=True)
    asked = interaction(name, rollout_id=rollout, draw=DRAWN)
    answered = shadow(name, rollout_id=rollout)
    judged = score(name, rollout_id=rollout, draw=DRAWN, other_value=0.5)
    publish(bus, asked, answered, judged)
    (row,) = seen(tail, rollout).rows
    assert (row.interaction_id, row.outcome, row.value, row.other_value) == (name, "complete", 0.75, 0.5)
    tail.end()
    for place, scored_at in ((None, None), (row.where, row.scored_at)):
        trail = Finder(bus, name).find(place, scored_at)
        assert (trail.interaction, trail.shadow, trail.score) == (asked, answered, judged)
        assert (trail.interaction_at.place, trail.score_at and trail.score_at.place) == (
            row.where,
            row.scored_at,
        )


def seen(tail: Tail, rollout: str) -> Told:
    """What the tail tells of this rollout as soon as it knows the score."""
    until = time.monotonic() + 20
    told = tail.look(Wanted(rollout=rollout), texts=True)
    while time.monotonic() < until and not any(row.scored and row.outcome for row in told.rows):
        time.sleep(0.05)
        told = tail.look(Wanted(rollout=rollout), texts=True)
    return told
