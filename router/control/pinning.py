"""Which models a rollout's state pins, and for how long (`serving.models.pins`)."""

from __future__ import annotations

import logging
from pathlib import Path

from router.control import rollout
from serving.models.pins import Pin, release_pin, write_pin
from telemetry.events import RolloutChanged

log = logging.getLogger(__name__)


def pin_of(state: RolloutChanged) -> Pin | None:
    """The pin that a state calls for, None where it calls for none. Pure.

    Base and candidate are both needed: the rollback goes to base, and until then the candidate serves.
    """
    if not state.live:
        return None
    spec = state.spec
    return Pin(
        rollout_id=spec.rollout_id,
        models=(spec.base, spec.candidate),
        since=state.since,
        until=rollout.rollback_until(state) if state.status == "promoted" else None,
    )


class Pinning:
    """Keeps the pins beside the models as the rollouts' states have them; does nothing without a folder."""

    def __init__(self, models: Path | None) -> None:
        self._models = models

    def require(self, state: RolloutChanged) -> None:
        """Pin what a rollout needs before it starts. Raises InfrastructureError."""
        pin = pin_of(state)
        if self._models is not None and pin is not None:
            write_pin(self._models, pin)

    def withdraw(self, state: RolloutChanged) -> None:
        """Take back what `require` pinned for a rollout that did not start after all; what fails is logged."""
        if self._models is None:
            return
        try:
            release_pin(self._models, state.spec.rollout_id)
        except OSError as error:
            log.error("rollout %s did not start and still pins its models: %s", state.spec.rollout_id, error)  # noqa: TRY400 - the message says it all

    def follow(self, state: RolloutChanged) -> None:
        """Pin or release by the state. Never in the way of a rollback: what fails is logged."""
        if self._models is None:
            return
        try:
            pin = pin_of(state)
            if pin is not None:
                write_pin(self._models, pin)
            elif release_pin(self._models, state.spec.rollout_id):
                log.info("rollout %s is over: its models are pinned no more", state.spec.rollout_id)
        except Exception as error:  # noqa: BLE001 - a state that others wrote may hold any date; no mistake here may cost a rollback
            log.error("the pins of rollout %s are not up to date: %s", state.spec.rollout_id, error)  # noqa: TRY400 - the message says it all
