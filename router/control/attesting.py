"""Who answers at the URLs of others' engines, asked again and again while a rollout is live.

A model folder is hashed before it is served. Behind a URL somebody may put another model at any time; then neither
the audit nor the evidence is about what users get, so the rollout is rolled back.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from router.control.actor import Control
from router.control.health import Pulse
from router.control.rollout import RollBack
from serving.engines.address import ModelAddress
from serving.engines.identity import Comparison
from serving.engines.identity_probes import check_identity, load_identity
from serving.models.store import ModelStore, StoredModel
from telemetry.errors import BelayError
from telemetry.events import RolloutChanged

log = logging.getLogger(__name__)

ACTOR: Final = "attestation"
IN_A_ROW: Final = 2
"""Mismatches that are needed: one alone may be an engine that is being restarted."""

Check = Callable[[StoredModel], Comparison]


def ask_who_answers(model: StoredModel) -> Comparison:
    """Compare what answers at a model's URL with what was adopted. Raises EngineFailed and AttestationError."""
    engine = model.manifest.engine
    if engine is None:
        raise ValueError(f"{model.name} is no model of others")
    return check_identity(ModelAddress.of(engine), load_identity(model.folder))


class Attesting:
    """Asks about the models of the live rollouts that others run; `models` is where the model folders lie."""

    def __init__(
        self, control: Control, models: Path, check: Check = ask_who_answers, pulse: Pulse | None = None
    ) -> None:
        self._control, self._store, self._check = control, ModelStore(models), check
        self._pulse = pulse or Pulse("attesting")
        self._strangers: dict[tuple[str, str], int] = {}

    def run(self, every_s: float, stop: threading.Event) -> None:
        """Look every `every_s` seconds until `stop`, whatever a look runs into."""
        while not stop.wait(every_s):
            try:
                self.look()
            except BelayError as error:
                log.warning("nobody could be asked who answers: %s", error)
            except Exception as error:  # noqa: BLE001 - counted and logged by the alarm; the next look may fare better
                self._pulse.alarm("nobody could be asked who answers", error)
            # A look that failed is a round too: what hangs is what falls silent.
            self._pulse.beat()

    def look(self) -> None:
        """Ask once, and roll back where another model has answered `IN_A_ROW` times."""
        live = [state for state in self._control.standing if state.live]
        kept = {state.spec.rollout_id for state in live}
        self._strangers = {key: seen for key, seen in self._strangers.items() if key[0] in kept}
        for state in live:
            self._look_at(state)

    def _look_at(self, state: RolloutChanged) -> None:
        for model in self._of_others(state):
            try:
                found = self._check(model)
            except BelayError as error:
                # An engine that is away is seen by the router, which falls back to base.
                log.warning("%s could not be asked who it is: %s", model.name, error.message)
                continue
            self._weigh(state, model, found)

    def _weigh(self, state: RolloutChanged, model: StoredModel, found: Comparison) -> None:
        key = (state.spec.rollout_id, model.name)
        seen = self._strangers[key] = 0 if found.same else self._strangers.get(key, 0) + 1
        if found.same:
            return
        log.warning("another model answers for %s (%d in a row): %s", model.name, seen, found.told)
        if seen >= IN_A_ROW:
            reason = f"another model answers for {model.name} than the one that was audited: {found.told}"
            try:
                self._control.act(state.spec.rollout_id, RollBack(ACTOR, reason))
            except BelayError as error:  # the next look asks again, and other rollouts have their turn
                log.error("rollout %s is not rolled back: %s", state.spec.rollout_id, error)  # noqa: TRY400 - the message says it all

    def _of_others(self, state: RolloutChanged) -> Iterator[StoredModel]:
        wanted = {state.spec.base.sha256, state.spec.candidate.sha256}
        for model in self._store.every():
            if model.manifest.engine is not None and model.manifest.sha256 in wanted:
                yield model
