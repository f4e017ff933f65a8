"""Belay as the judge of those who shift traffic by themselves: Argo Rollouts' web metric and Flagger's webhooks.

Argo takes everything but a 200 for an error, so a verdict is always a 200. Flagger takes everything above 202 for a
failure; its `rollback` hook acts on success and `confirm-traffic-increase` goes on with success, hence two addresses.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final

from fastapi import FastAPI, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from router.control.actor import Control, UnknownRollout
from router.control.verdict import Passes, RolloutVerdict, unknown, verdict_of
from telemetry.events import RolloutChanged, now

CURRENT: Final = "current"
NO: Final = 403
"""What Flagger's own load tester says at a closed gate."""


class Hook(BaseModel):
    """What Flagger posts; `metadata` is what the Canary's manifest has there: `rollout`, the current one without it."""

    name: str
    namespace: str
    phase: str = ""
    checksum: str = ""
    metadata: dict[str, str] | None = Field(default=None)


def add_verdicts(app: FastAPI, control: Control, clock: Callable[[], datetime] = now) -> None:
    """Add the addresses that other controllers ask at."""
    passes, lock = Passes(), threading.Lock()

    def verdict(rollout_id: str, stage: int | None = None) -> RolloutVerdict:
        state = _state(control, rollout_id)
        return unknown(rollout_id) if state is None else verdict_of(state, control.heard, clock(), stage)

    @app.get("/verdict/{rollout_id}")
    def _verdict(rollout_id: str, stage: Annotated[int | None, Query(ge=0)] = None) -> RolloutVerdict:
        return verdict(rollout_id, stage)

    @app.post("/flagger/confirm-traffic-increase", response_model=RolloutVerdict)
    def _confirm(hook: Hook) -> JSONResponse:
        rollout_id = (hook.metadata or {}).get("rollout", CURRENT)
        found, state = verdict(rollout_id), _state(control, rollout_id)
        who = (rollout_id, hook.namespace, hook.name, hook.checksum)
        with lock:
            passes_now = state is not None and found.verdict != "roll_back" and passes.let_through(who, state)
        return _told(found, yes=passes_now)

    @app.post("/flagger/rollback", response_model=RolloutVerdict)
    def _roll_back(hook: Hook) -> JSONResponse:
        found = verdict((hook.metadata or {}).get("rollout", CURRENT))
        return _told(found, yes=found.verdict == "roll_back")


def _state(control: Control, rollout_id: str) -> RolloutChanged | None:
    if rollout_id == CURRENT:
        return control.current
    try:
        return control.rollout(rollout_id)
    except UnknownRollout:
        return None


def _told(found: RolloutVerdict, *, yes: bool) -> JSONResponse:
    return JSONResponse(found.model_dump(mode="json"), 200 if yes else NO)
