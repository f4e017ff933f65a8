"""What the topics have said, of bounded size: fed with events, asked for what the page shows. Safe from any thread.

Everything in here can be had again from Kafka, but the paths of the evidence (`points`), which are on control's disk.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from router.control.board import shown
from router.control.board.outlook import Outlook, Outlooks
from router.control.board.points import CURVES, Histories, Point, Step, drawn
from router.control.board.seen import Seen, Worker
from router.control.board.told import Decision, Overview, Rollout, Source
from router.control.board.verdict import is_rail, part
from router.control.board.words import told
from telemetry.events import (
    DecisionMade,
    Event,
    RolloutChanged,
    WatchReported,
    Weighed,
    WorkerReported,
    now,
)

MOST_ROLLOUTS: Final = 100
MOST_WORKERS: Final = 50
OTHER: Final = "other"


class View:
    """The board's memory. `version` grows with everything that it learns; `on_change` is called then, by any thread."""

    def __init__(self, histories: Histories, clock: Callable[[], datetime] = now) -> None:
        self.version = 0
        self.on_change: Callable[[], None] = lambda: None
        self._histories, self._clock = histories, clock
        self._lock = threading.Lock()
        self._rollouts: dict[str, Seen] = {}
        self._workers: dict[str, Worker] = {}
        self._source = Source(state="reading", why="the broker has not been reached yet", since=clock())

    # --- what it learns -------------------------------------------------------------------------------

    def take(self, event: Event) -> None:
        """Learn from an event; one that is known already, or older than what is known, changes nothing."""
        with self._lock:
            news = self._learn(event)
            self.version += news
        if news:
            self.on_change()

    def know(self, state: RolloutChanged) -> None:
        """Learn what control itself knows: no part of the path while the log is there to tell it in order."""
        with self._lock:
            if self._source.state == "away":
                news = self._on_state(state)
            else:
                seen = self._seen(state.spec.rollout_id)
                news = seen.state is None or state.revision > seen.state.revision
                if news:
                    seen.state = state
            self.version += news
        if news:
            self.on_change()

    def source_is(self, source: Source) -> None:
        """Where the data comes from now."""
        with self._lock:
            if (source.state, source.why) == (self._source.state, self._source.why):
                return
            self._source = source
            self.version += 1
        self.on_change()

    def _learn(self, event: Event) -> bool:
        if isinstance(event, RolloutChanged):
            return self._on_state(event)
        if isinstance(event, WatchReported):
            return self._on_report(event)
        if isinstance(event, WorkerReported):
            return self._on_worker(event)
        if isinstance(event, DecisionMade):
            return self._on_decision(event)
        return False

    def _on_state(self, state: RolloutChanged) -> bool:
        seen = self._seen(state.spec.rollout_id)
        before = seen.logged
        if before is not None and state.revision <= before.revision:
            return False
        seen.logged = state
        if seen.state is None or state.revision > seen.state.revision:
            seen.state = state
        moved = before is None or (before.status, before.stage, before.share) != (
            state.status,
            state.stage,
            state.share,
        )
        if moved:
            seen.history.add(_point(state.time.timestamp(), state, seen.report, _step(state)))
        self._forget()
        return True

    def _on_report(self, report: WatchReported) -> bool:
        seen = self._seen(report.rollout_id)
        if seen.report is not None and report.time <= seen.report.time:
            return False
        seen.report = report
        then = seen.logged or seen.state
        if then is not None:
            seen.history.add(_point(report.time.timestamp(), then, report, None))
        self._forget()
        return True

    def _on_worker(self, report: WorkerReported) -> bool:
        known = self._workers.get(report.worker)
        if known is not None and report.time <= known.report.time:
            return False
        grew = report.interactions > (0 if known is None else known.report.interactions)
        moved = report.time if grew else None if known is None else known.moved
        self._workers[report.worker] = Worker(report, moved)
        if len(self._workers) > MOST_WORKERS:
            del self._workers[min(self._workers, key=lambda name: self._workers[name].report.time)]
        return True

    def _on_decision(self, decision: DecisionMade) -> bool:
        seen = self._seen(decision.rollout_id)
        kept = seen.holds if decision.action == "hold" else seen.others
        if any(known.event_id == decision.event_id for known in kept):
            return False
        kept.append(decision)
        self._forget()
        return True

    def _seen(self, rollout_id: str) -> Seen:
        found = self._rollouts.get(rollout_id)
        if found is None:
            found = self._rollouts[rollout_id] = Seen(self._histories(rollout_id))
        return found

    def _forget(self) -> None:
        """Let go of the rollout that was last heard of longest ago, those that ended first."""
        while len(self._rollouts) > MOST_ROLLOUTS:
            del self._rollouts[min(self._rollouts, key=lambda name: _last_of(self._rollouts[name]))]

    # --- what it is asked -----------------------------------------------------------------------------

    def overview(self) -> Overview:
        """All rollouts."""
        with self._lock:
            return shown.overview(self._rollouts, self._workers, self._source, self._clock())

    def rollout(self, rollout_id: str, *, whole: bool = True) -> Rollout | None:
        """One rollout; None where it is unknown. Unless it is `whole`, its path has its last moment alone."""
        with self._lock:
            seen = self._rollouts.get(rollout_id)
            if seen is None or seen.state is None:
                return None
            return shown.rollout(seen, self._workers, self._source, self._clock(), whole=whole)

    def outlook(self, rollout_id: str, outlooks: Outlooks) -> Outlook | None:
        """How long drops would live from now on; None where the rollout is unknown."""
        with self._lock:
            seen = self._rollouts.get(rollout_id)
            if seen is None or seen.state is None:
                return None
            state, report, points = seen.state, seen.report, seen.history.points
        return outlooks.of(state, report, points)  # it takes its time, and nobody waits for it

    def decision(self, rollout_id: str, decision_id: str) -> Decision | None:
        """A decision that is kept; None where there is none."""
        with self._lock:
            seen = self._rollouts.get(rollout_id)
            found = [] if seen is None else [d for d in seen.decisions if d.event_id == decision_id]
        return told(found[0]) if found else None

    def weighed(self, rollout_id: str, interaction_id: str) -> Weighed | None:
        """An interaction among those that weighed most; None where it is none of them."""
        with self._lock:
            seen = self._rollouts.get(rollout_id)
            report = None if seen is None else seen.report
        heaviest = () if report is None else report.heaviest
        return next((one for one in heaviest if one.interaction_id == interaction_id), None)

    def heavy(self, interaction_id: str) -> Weighed | None:
        """An interaction among those that weighed most in any rollout; None where it is none of them."""
        with self._lock:
            names = list(self._rollouts)
        found = (self.weighed(name, interaction_id) for name in names)
        return next((one for one in found if one is not None), None)

    def evidence_of(self, rollout_id: str) -> tuple[int | None, list[DecisionMade]]:
        """The last offset of the scores that a rollout's evidence has, as last reported, and its decisions."""
        with self._lock:
            seen = self._rollouts.get(rollout_id)
            if seen is None:
                return None, []
            return None if seen.report is None else seen.report.last_offset, seen.decisions


def _step(state: RolloutChanged) -> Step:
    return Step(
        revision=state.revision,
        status=state.status,
        stage=state.stage,
        actor=state.actor,
        reason=state.reason[:500],
    )


def _point(at: float, state: RolloutChanged, report: WatchReported | None, step: Step | None) -> Point:
    evidence = [] if report is None else [one for one in report.evidence if one.watched and not is_rail(one)]
    most = sorted(evidence, key=part, reverse=True)[:CURVES]
    return Point(
        at=at,
        settled=0 if report is None else report.settled,
        share=state.share,
        combined=drawn(1.0 if report is None else report.e_value),
        evidence={one.capability: drawn(part(one)) for one in most},
        traffic={} if report is None else _most(report.traffic),
        step=step,
    )


def _most(traffic: Mapping[str, int]) -> dict[str, int]:
    """The capabilities with the most prompts, those of no capability, and the sum of all others as `other`."""
    if len(traffic) <= CURVES:
        return dict(traffic)
    named = sorted((name for name in traffic if name), key=lambda name: -traffic[name])[:CURVES]
    kept = {name: traffic[name] for name in ("", *named) if name in traffic}
    rest = sum(traffic.values()) - sum(kept.values())
    return kept | {OTHER: rest + kept.get(OTHER, 0)}


def _last_of(seen: Seen) -> tuple[bool, datetime]:
    """What sorts rollouts by how little they are missed."""
    times = [
        event.time for event in (seen.state, seen.report, *seen.holds, *seen.others) if event is not None
    ]
    live = seen.state is not None and seen.state.status not in ("rolled_back", "closed")
    return live, max(times)
