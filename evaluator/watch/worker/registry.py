"""The rollouts that a decider knows: which it settles, which ended, which nothing can watch, which nobody announced."""

from __future__ import annotations

import logging

from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.evidence.units import Draws
from evaluator.watch.worker.saving import Keeper
from evaluator.watch.worker.stored import Stored
from evaluator.watch.worker.tracked import KEPT_ENDED, Tracked, Unannounced
from telemetry.errors import SettingsError
from telemetry.events import RolloutChanged

log = logging.getLogger(__name__)


class Registry:
    """`tracked` are those in memory, `refused` has for each that nothing can watch the reason. Used by one thread."""

    def __init__(self) -> None:
        self.tracked: dict[str, Tracked] = {}
        self.refused: dict[str, str] = {}
        self.unannounced = Unannounced()
        self._forgotten: set[str] = set()

    def live(self) -> list[Tracked]:
        """Those whose scores are settled."""
        return [tracked for tracked in self.tracked.values() if tracked.live]

    def forgotten(self, rollout_id: str) -> bool:
        """Whether it ended so long ago that it is not even shown."""
        return rollout_id in self._forgotten

    def announced(self, state: RolloutChanged) -> Tracked | None:
        """Take note of a rollout's state; the rollout where it is a new one."""
        rollout = state.spec.rollout_id
        known = self.tracked.get(rollout)
        if rollout in self._forgotten:
            return None
        if known is None:
            return self._track(state)
        known.heard_of(state)
        return None

    def restored(self, state: RolloutChanged, stored: Stored) -> Tracked | None:
        """Take on a rollout with the evidence that its snapshot holds; of one that ended to be looked at only."""
        tracked = self._track(state)
        if tracked is None:
            return None
        tracked.over = tracked.ended
        found = stored.restore(state.spec, to_look_at=tracked.over)
        if found is not None:
            tracked.evidence, tracked.keeper, tracked.begins = found.evidence, found.keeper, found.offset + 1
            tracked.topic_id = found.topic_id
            tracked.saved = found.evidence.settled
            tracked.begins = max(tracked.begins, stored.next_of(state.spec.rollout_id, tracked.saved))
        self.forget()
        return tracked

    def let_go(self, tracked: Tracked) -> None:
        """Keep of a rollout only what is shown."""
        tracked.over = True
        tracked.evidence.draws = Draws()

    def forget(self) -> None:
        """Of those that ended keep the last ones."""
        over = [rollout for rollout, tracked in self.tracked.items() if tracked.over]
        for rollout in over[:-KEPT_ENDED]:
            del self.tracked[rollout]
            self._forgotten.add(rollout)

    def _track(self, state: RolloutChanged) -> Tracked | None:
        """Take on a rollout; None where no evidence can be made for its spec, which is said once."""
        spec = state.spec
        try:
            evidence = RolloutEvidence(spec)
        except SettingsError as error:
            if spec.rollout_id not in self.refused:
                ids = {"rollout_id": spec.rollout_id}
                log.error("rollout %s is not watched: %s", spec.rollout_id, error.message, extra=ids)  # noqa: TRY400 - the message says it all
            self.refused[spec.rollout_id] = error.message
            return None
        tracked = self.tracked[spec.rollout_id] = Tracked(state, evidence, Keeper(spec.rollout_id))
        return tracked
