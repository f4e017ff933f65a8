"""Belay as the judge of those who shift traffic by themselves: Argo Rollouts' web metric and Flagger's webhooks.

Argo takes everything but a 200 for an error, so a verdict is always a 200. Flagger takes everything above 202 for a
failure; its `rollback` hook acts on success and `confirm-traffic-increase` goes on with success, hence two addresses.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final, NamedTuple

from fastapi import FastAPI, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from router.control.actor import Control, UnknownRollout
from router.control.standing import SeveralRollouts
from router.control.verdict import Passes, RolloutVerdict, unknown, verdict_of
from telemetry.events import RolloutChanged, now

CURRENT: Final = "current"
NO: Final = 403
"""What Flagger's own load tester says at a closed gate."""


class Hook(BaseModel):
    """What Flagger posts.

    `metadata` is what the Canary's manifest has there: `rollout`, or the `route` whose current one is meant.
    """

    name: str
    namespace: str
    phase: str = ""
    checksum: str = ""
    metadata: dict[str, str] | None = Field(default=None)


def add_verdicts(app: FastAPI, control: Control, clock: Callable[[], datetime] = now) -> None:
    """Add the addresses that other controllers ask at."""
    passes, lock = Passes(), threading.Lock()

    def verdict(asked: _Asked, stage: int | None = None) -> tuple[RolloutVerdict, RolloutChanged | None]:
        state = _state(control, asked)
        if isinstance(state, str):
            return unknown(asked.rollout_id, state), None
        return verdict_of(state, control.heard, clock(), stage), state

    @app.get("/verdict/{rollout_id}")
    def _verdict(
        rollout_id: str,
        stage: Annotated[int | None, Query(ge=0)] = None,
        route: Annotated[str | None, Query(max_length=200)] = None,
    ) -> RolloutVerdict:
        return verdict(_Asked(rollout_id, route), stage)[0]

    @app.post("/flagger/confirm-traffic-increase", response_model=RolloutVerdict)
    def _confirm(hook: Hook) -> JSONResponse:
        asked = _Asked.of(hook)
        found, state = verdict(asked)
        who = (asked.rollout_id, asked.route or "", hook.namespace, hook.name, hook.checksum)
        with lock:
            passes_now = state is not None and found.verdict != "roll_back" and passes.let_through(who, state)
        return _told(found, yes=passes_now)

    @app.post("/flagger/rollback", response_model=RolloutVerdict)
    def _roll_back(hook: Hook) -> JSONResponse:
        found, _ = verdict(_Asked.of(hook))
        return _told(found, yes=found.verdict == "roll_back")


class _Asked(NamedTuple):
    """A rollout that is asked about: by its id, or as the current one, of a route where one is named."""

    rollout_id: str
    route: str | None

    @classmethod
    def of(cls, hook: Hook) -> _Asked:
        said = hook.metadata or {}
        return cls(said.get("rollout", CURRENT), said.get("route"))


def _state(control: Control, asked: _Asked) -> RolloutChanged | str:
    """The rollout's state, or why there is none to judge."""
    try:
        if asked.rollout_id != CURRENT:
            return control.rollout(asked.rollout_id)
        return control.current(asked.route) or "no rollout has been started"
    except UnknownRollout:
        return "no such rollout is known"
    except SeveralRollouts as several:
        return several.message


def _told(found: RolloutVerdict, *, yes: bool) -> JSONResponse:
    return JSONResponse(found.model_dump(mode="json"), 200 if yes else NO)
