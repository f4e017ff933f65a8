"""Whether the engines of a rollout's arms serve its models: asked before it starts, and again while it is live.

A model folder is hashed before it is served. Behind a URL somebody may put another model at any time, and an adapter
may never have been applied; then neither the audit nor the evidence is about what users get. So a rollout of it does
not start, and one that is live is rolled back.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from router.control.actor import Control
from router.control.health import Pulse
from router.control.rollout import RollBack
from router.control.settings import ArmsOfRoute, AttestationPolicy
from router.control.spec_checks import SpecRefused
from serving.engines.address import ModelAddress
from serving.engines.arms import addresses_of
from serving.engines.attestation import Attestation
from serving.engines.who_answers import Served, attest_served
from serving.models.store import ModelStore, StoredModel
from telemetry.errors import AttestationError, BelayError
from telemetry.events import Arm, RolloutChanged, RolloutSpec

log = logging.getLogger(__name__)

ACTOR: Final = "attestation"
IN_A_ROW: Final = 2
"""Mismatches that are needed while it is live: one alone may be an engine that is being restarted."""
FIRST_S: Final = 30.0

Check = Callable[[Served], Attestation]


class Attesting:
    """Asks about the models of rollouts; `models` is where their folders lie, `arms` are the engines of each route.

    An arm of whose engine nothing is said is asked where its model is one that others run. What nobody can tell is
    logged, and with the policy `require` it is reason enough not to start.
    """

    def __init__(
        self,
        control: Control,
        models: Path,
        check: Check = attest_served,
        pulse: Pulse | None = None,
        *,
        arms: Mapping[str, ArmsOfRoute] | None = None,
        policy: AttestationPolicy = "warn",
    ) -> None:
        self._control, self._store, self._check = control, ModelStore(models), check
        self._pulse = pulse or Pulse("attesting")
        self._arms, self._policy = arms or {}, policy
        self._strangers: dict[tuple[str, str], int] = {}

    def require(self, spec: RolloutSpec) -> None:
        """Raise SpecRefused where an engine of the rollout's arms serves another model than its arm's."""
        for served in self._served(spec):
            try:
                found = self._check(served)
            except AttestationError as error:  # the reference is not what the manifest says
                found = Attestation(state="refused", told=error.message)
            except BelayError as error:
                found = Attestation(state="unknown", told=error.message)
            if found.state == "refused" or (found.state == "unknown" and self._policy == "require"):
                raise SpecRefused(
                    f"Start of {spec.rollout_id!r}: {served}: {found.told}", hint=_HINTS[found.state]
                )
            level = logging.INFO if found.state == "attested" else logging.WARNING
            log.log(level, "start of %s: %s is %s: %s", spec.rollout_id, served, found.state, found.told)

    def run(self, every_s: float, stop: threading.Event) -> None:
        """Look every `every_s` seconds until `stop`, whatever a look runs into; the first time soon after a restart."""
        wait_s = min(every_s, FIRST_S)
        while not stop.wait(wait_s):
            wait_s = every_s
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
        for served in self._served(state.spec):
            try:
                found = self._check(served)
            except BelayError as error:
                # An engine that is away is seen by the router, which falls back to base.
                log.warning("%s could not be asked who it is: %s", served, error.message)
                continue
            self._weigh(state, served, found)

    def _weigh(self, state: RolloutChanged, served: Served, found: Attestation) -> None:
        key = (state.spec.rollout_id, str(served))
        seen = self._strangers[key] = self._strangers.get(key, 0) + 1 if found.state == "refused" else 0
        if not seen:
            return
        log.warning("another model than %s answers (%d in a row): %s", served, seen, found.told)
        if seen >= IN_A_ROW:
            reason = f"another model answers than the one that was audited, {served}: {found.told}"
            try:
                self._control.act(state.spec.rollout_id, RollBack(ACTOR, reason))
            except BelayError as error:  # the next look asks again, and other rollouts have their turn
                log.error("rollout %s is not rolled back: %s", state.spec.rollout_id, error)  # noqa: TRY400 - the message says it all

    def _served(self, spec: RolloutSpec) -> Iterator[Served]:
        """What should answer, and where: each replica of base, then of the candidate."""
        here = {model.manifest.sha256: model for model in self._store.every()}
        base, candidate = here.get(spec.base.sha256), here.get(spec.candidate.sha256)
        bases = [] if base is None else [Served(base, at) for at in self._addresses(spec, base, "control")]
        yield from bases
        if candidate is None:
            return
        beside = bases[0] if bases and candidate != base else None
        for address in self._addresses(spec, candidate, "candidate"):
            served = Served(candidate, address, beside)
            if served not in bases:
                yield served

    def _addresses(self, spec: RolloutSpec, model: StoredModel, arm: Arm) -> list[ModelAddress]:
        if (arms := self._arms.get(spec.route)) is not None:
            return addresses_of(arms.control if arm == "control" else arms.candidate, spec.model_alias)
        others = model.manifest.engine
        return [] if others is None else [ModelAddress.of(others)]


_HINTS: Final = {
    "refused": "See what its engine was started with: the adapter, or the merged folder, that was audited.",
    "unknown": "Control's `attestation` is `require`. Audit the candidate, and record the baseline, with this version.",
}
