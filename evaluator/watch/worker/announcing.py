"""What a decider says: decisions, each once, and dead letters. What is not flushed is not said."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Final

from evaluator.watch.evidence.decide import decide, stopped
from evaluator.watch.worker.saving import SOURCE
from evaluator.watch.worker.tracing import DecisionTraces
from evaluator.watch.worker.tracked import Tracked
from telemetry import codec
from telemetry.bus.protocols import Encoded, Publisher, Record
from telemetry.dead_letters import bury
from telemetry.events import DecisionMade
from telemetry.tracing.export import NO_TRACES, Traces

log = logging.getLogger(__name__)

REMEMBERED: Final = 5_000
"""Decisions whose ids are kept, so that none is sent twice."""


class Announcer:
    """Publishes for one decider. `dead` counts dead letters; `close` it."""

    def __init__(self, publisher: Publisher, traces: Traces = NO_TRACES) -> None:
        self.dead = 0
        self.traces = DecisionTraces(traces)
        self._publisher = publisher
        self._published: dict[str, None] = {}

    def remember(self, decisions: Iterable[str]) -> None:
        """Take these for sent."""
        self._published.update(dict.fromkeys(decisions))

    def decide(self, tracked: Tracked) -> None:
        """Let the decision leave that falls due with the last settled score, if one does."""
        began = time.time_ns()
        decision = decide(tracked.evidence)
        if decision is not None:
            self._say(tracked, decision, began)
            tracked.decisions += 1
            tracked.last_decision = decision

    def stop(self, tracked: Tracked, reason: str) -> None:
        """Settle no more of a rollout, and say so as a decision does."""
        began = time.time_ns()
        tracked.stopped = reason
        rollout = tracked.state.spec.rollout_id
        log.error("rollout %s is watched no more: %s", rollout, reason, extra={"rollout_id": rollout})
        decision = stopped(tracked.evidence, reason, tracked.state.since)
        self._say(tracked, decision, began)
        tracked.last_decision = decision

    def bury(self, record: Record, reason: str) -> None:
        """Send a record to the dead letters."""
        bury(self._publisher, record, reason, SOURCE)
        self.dead += 1

    def send(self, records: Iterable[Encoded]) -> None:
        """Publish records, in their order."""
        some = False
        for record in records:
            self._publisher.send(record)
            some = True
        if some:
            self._publisher.flush()

    def close(self) -> None:
        """Let go of the broker."""
        self._publisher.close()

    def _say(self, tracked: Tracked, decision: DecisionMade, began: int) -> None:
        if decision.event_id in self._published:
            return
        last = tracked.evidence.last_score
        span = self.traces.of(decision, last)
        self.send([codec.encode(decision, span.traceparent if span is not None else None)])
        self.traces.said(decision, last, tracked.evidence.weighed(), began)
        self._published[decision.event_id] = None
        tracked.said[decision.action] += 1
        ids = {"rollout_id": decision.rollout_id, "decision_id": decision.event_id}
        level = logging.DEBUG if decision.action == "hold" else logging.INFO
        log.log(
            level, "%s of rollout %s: %s", decision.action, decision.rollout_id, decision.reason, extra=ids
        )
        if len(self._published) > REMEMBERED:
            del self._published[next(iter(self._published))]
