"""Control's hands: what turns a decision or a person's word into the rollout's next state.

The order that matters:
1. the table says what follows (`router.control.rollout`); a start pins its models first (`router.control.pinning`);
2. the route's file is written (`router.control.standing`): from here on routers act on it, broker or no broker;
3. the state waits in the outbox until the broker has it (`router.control.loop`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from router.control import rollout
from router.control.deciding import event_for
from router.control.heard import Heard
from router.control.journal import Journal
from router.control.models_here import check_models
from router.control.pinning import Pinning
from router.control.policy import why_blind, why_not_yet
from router.control.rollout import Expire, Pause, Promote, RollBack, RolloutEvent, Start
from router.control.spec_checks import check_kept
from router.control.standing import Standing, meant
from telemetry.errors import InfrastructureError, TransitionRefused, UsageError
from telemetry.events import DEFAULT_ROUTE, DecisionMade, RolloutChanged, RolloutSpec, now
from telemetry.log_fields import known

log = logging.getLogger(__name__)

Follower = Callable[[RolloutChanged | None, RolloutChanged], None]
"""Takes the state before (None where there was none) and after."""


class NotThere(UsageError):
    """What was asked for is not there."""


class UnknownRollout(NotThere):
    """No rollout has this id."""


class StaleRevision(TransitionRefused):
    """The revision that was to be changed is not the last one."""


class Control:
    """The rollouts and their latest states, one at a time on each route; safe to use from several threads.

    `rollout_file` is the default route's; those of other routes lie beside it.
    `outbox` holds the states that the broker does not have yet, oldest first. `followers` are told of each change of
    status, stage or share once it is in force, in order; none of them may fail or take long. `models` is where the
    model folders lie on this machine: those of a rollout are pinned there as long as it may be rolled back. `keep_days`
    is how long its topics keep scores and decisions, None without a broker.
    """

    def __init__(
        self,
        rollout_file: Path,
        journal: Path,
        clock: Callable[[], datetime] = now,
        models: Path | None = None,
        keep_days: float | None = None,
    ) -> None:
        self._standing = Standing(rollout_file)
        self._keep_days = keep_days
        self._journal = Journal(journal)
        self._models, self._pinning = models, Pinning(models)
        self._clock = clock
        self._lock = threading.RLock()
        self._states: dict[str, RolloutChanged] = {}
        # Which revision of a rollout last changed its status, stage or share. The latest known after a restart.
        self._moved: dict[str, int] = {}
        self._decided: set[str] = set()
        self.outbox: deque[RolloutChanged] = deque()
        self.followers: list[Follower] = []
        self.before_start: list[Callable[[RolloutSpec], None]] = []
        self.heard = Heard(clock)
        for state in self._standing.read():
            self._states[state.spec.rollout_id] = state
            self._pinning.follow(state)

    def start(self, spec: RolloutSpec, actor: str = "operator", reason: str = "started") -> RolloutChanged:
        """Start a rollout.

        Raises TransitionRefused where one on the same route still has subjects, or this one has been, and whatever
        `before_start` raises, which is asked last and may take its time: a rollback does not wait for it.
        """
        event = Start(spec, actor, reason)
        with self._lock:
            self._startable(event)
        for check in self.before_start:
            check(spec)
        with self._lock:
            state = self._startable(event)
            self._pinning.require(state)
            try:
                return self._take_on(state)
            except InfrastructureError:
                self._pinning.withdraw(state)
                raise

    def _startable(self, event: Start) -> RolloutChanged:
        spec = event.spec
        check_kept(spec, self._keep_days)
        self._standing.require_room(spec)
        if spec.rollout_id in self._states:
            raise TransitionRefused(f"Start of {spec.rollout_id!r} is refused: there has been one by that id")
        state = rollout.transition(None, event, self._clock())
        check_models(self._models, spec)
        return state

    def current(self, route: str | None = None) -> RolloutChanged | None:
        """The rollout that stands on a route, None where there is none; without a route the only one there is.

        Raises SeveralRollouts where nobody can tell which is meant.
        """
        return meant(self.standing, route)

    @property
    def standing(self) -> tuple[RolloutChanged, ...]:
        """The rollout of each route that has one."""
        with self._lock:
            return self._standing.every()

    @property
    def rollouts(self) -> tuple[RolloutChanged, ...]:
        """The latest state of every rollout that is known."""
        with self._lock:
            return tuple(self._states.values())

    def act(self, rollout_id: str, event: RolloutEvent, revision: int | None = None) -> RolloutChanged:
        """Apply an event that a person asks for; `revision` is the one that they have seen, None where they do not say.

        Raises UnknownRollout, TransitionRefused, and StaleRevision where the rollout was moved since. A rollback is
        never too late, and that shadows went elsewhere makes nothing stale.
        """
        read_at = time.time_ns()
        with self._lock:
            state = self.rollout(rollout_id)
            if revision is not None and not isinstance(event, RollBack):
                self._compare(state, event, revision)
            after = self._apply(state, event)
        self._journal.write(
            read_at, None, type(event).__name__, rollout_id, _outcome(state, after), after.revision
        )
        return after

    def decide(self, decision: DecisionMade) -> None:
        """Act on a decision, once. Why one asks nothing of the rollout goes into the journal too.

        Raises InfrastructureError where a file cannot be written; the decision may come again then.
        """
        read_at = time.time_ns()
        with self._lock:
            if decision.event_id in self._decided:
                return
            known, state = self._states.get(decision.rollout_id), None
            if known is not None:
                self._standing.require_learnt(known.spec.route)
                state = self._standing.on(known.spec.route)
            event = event_for(decision, state)
            outcome = f"ignored: {event}"
            self.heard.decided(decision)  # whoever is told of the change is told what it rests on
            if state is not None and not isinstance(event, str):
                outcome = self._asked_for(state, event)
            self._decided.add(decision.event_id)
            after = self._states.get(decision.rollout_id)
            revision = after.revision if after is not None else 0
        self._journal.write(
            read_at, decision.event_id, decision.action, decision.rollout_id, outcome, revision
        )

    def _asked_for(self, state: RolloutChanged, event: RolloutEvent) -> str:
        """Do what a decision asks for; how that went."""
        waits = why_not_yet(state, self._clock()) if isinstance(event, Promote) and state.live else None
        if waits is not None:
            return f"waits: {waits}"
        try:
            return _outcome(state, self._apply(state, event))
        except TransitionRefused as refused:
            return f"refused: {refused.message}"

    def tick(self) -> None:
        """Do what time makes due: close a window that has passed, pause what nobody watches, promote what waited.

        What fails on one route is raised when all others have had their turn.
        """
        failed: list[Exception] = []
        for state in self.standing:
            try:
                self._tick(state.spec.route)
            except Exception as error:  # noqa: BLE001 - raised below
                failed.append(error)
        if failed:
            raise failed[0]

    def _tick(self, route: str) -> None:
        self.expire(route)
        with self._lock:
            state = self._standing.on(route)
            if state is None or not state.live:
                return
            blind = why_blind(state, self.heard.sight(state), self._clock())
            if blind is not None:
                ids = {"rollout_id": state.spec.rollout_id}
                log.warning("rollout %s is paused: its watch is blind: %s", *ids.values(), blind, extra=ids)
                self._apply(state, Pause(rollout.SOURCE, f"the watch is blind: {blind}"))
                return
            self._promote_what_waited(state)

    def why_blind(self, state: RolloutChanged) -> str | None:
        """Why the watch of this rollout is taken for blind; None where it sees, or its file does not ask."""
        with self._lock:
            return why_blind(state, self.heard.sight(state), self._clock())

    def _promote_what_waited(self, state: RolloutChanged) -> None:
        found = self.heard.promotion(state)
        if found is None or state.status not in ("shadow", "ramping") or state.spec.advance == "manual":
            return
        decision, objection = found
        if objection is None and why_not_yet(state, self._clock()) is None:
            read_at = time.time_ns()
            after = self._apply(state, Promote(decision.source, decision.reason, decision.event_id))
            said = (decision.event_id, decision.action, decision.rollout_id, "applied after it had waited")
            self._journal.write(read_at, *said, after.revision)

    def expire(self, route: str = DEFAULT_ROUTE) -> None:
        """Close the rollback window of a route's promoted rollout where it has passed."""
        with self._lock:
            state = self._standing.on(route)
            if state is None or state.status != "promoted" or self._clock() < rollout.rollback_until(state):
                return
            self._apply(state, Expire())

    def rollout(self, rollout_id: str) -> RolloutChanged:
        """The latest state of a rollout. Raises UnknownRollout."""
        with self._lock:
            if rollout_id not in self._states:
                known = ", ".join(map(repr, self._states)) or "none"
                raise UnknownRollout(f"no rollout {rollout_id!r}; known are {known}")
            return self._states[rollout_id]

    def restore(self, published: list[RolloutChanged]) -> None:
        """Take on what the topic knows and the files do not, and publish what only they know.

        Raises InfrastructureError for a file that could not be written, when all else is done.
        """
        with self._lock:
            for state in published:
                self._note(state)
            for state in self._standing.learn(published):
                self._pinning.follow(state)
            # A state must not come after a newer one that the topic has: compaction keeps the last.
            waiting = [state for state in self.outbox if _is_news(state, published)]
            waiting += [
                newest
                for newest in self._standing.every()
                if _is_news(newest, published) and newest not in waiting
            ]
            self.outbox = deque(waiting)
            self._standing.require_learnt()

    def _compare(self, state: RolloutChanged, event: RolloutEvent, revision: int) -> None:
        rollout_id = state.spec.rollout_id
        if self._moved.get(rollout_id, state.revision) <= revision <= state.revision:
            return
        raise StaleRevision(
            f"{type(event).__name__} of rollout {rollout_id!r} at revision {revision} is refused: it is {state.status} "
            f"at stage {state.stage}, revision {state.revision}, by {state.actor}: {state.reason}",
            hint="Look at it again, and ask again with its revision if you still want that.",
        )

    def _note(self, state: RolloutChanged) -> None:
        known = self._states.get(state.spec.rollout_id)
        if known is None or state.revision > known.revision:
            self._states[state.spec.rollout_id] = state
            self._moved[state.spec.rollout_id] = state.revision

    def _apply(self, state: RolloutChanged, event: RolloutEvent) -> RolloutChanged:
        after = rollout.transition(state, event, self._clock())
        if after is state:
            return state
        current, rollout_id = self._standing.on(state.spec.route), state.spec.rollout_id
        if current is not None and current.spec.rollout_id != rollout_id:
            raise TransitionRefused(
                f"{type(event).__name__} of rollout {rollout_id!r} is refused: "
                f"{current.spec.rollout_id!r} has taken its place"
            )
        return self._take_on(after)

    def _take_on(self, state: RolloutChanged) -> RolloutChanged:
        self._standing.take_on(state)
        rollout_id = state.spec.rollout_id
        before = self._states.get(rollout_id)
        self._states[rollout_id] = state
        self.outbox.append(state)
        self._pinning.follow(state)
        log.info(
            "rollout %s is %s at share %g: %s",
            rollout_id,
            state.status,
            state.share,
            state.reason,
            extra=known(rollout_id=rollout_id, decision_id=state.decision_id),
        )
        if not _only_shadows_moved(before, state):
            self._moved[rollout_id] = state.revision
            self._tell(before, state)
        return state

    def _tell(self, before: RolloutChanged | None, after: RolloutChanged) -> None:
        for follower in self.followers:
            try:
                follower(before, after)
            except Exception:
                log.exception("revision %d of %s was not told on", after.revision, after.spec.rollout_id)


def _is_news(state: RolloutChanged, published: list[RolloutChanged]) -> bool:
    """Whether nothing of this rollout has been published that is as new as this state."""
    return all(
        known.revision < state.revision
        for known in published
        if known.spec.rollout_id == state.spec.rollout_id
    )


def _only_shadows_moved(before: RolloutChanged | None, after: RolloutChanged) -> bool:
    return before is not None and (before.status, before.stage, before.share) == (
        after.status,
        after.stage,
        after.share,
    )


def _outcome(before: RolloutChanged, after: RolloutChanged) -> str:
    return "unchanged" if after is before else "applied"
