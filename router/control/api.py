"""Control over HTTP: start, look, promote, roll back.

It asks nobody who they are, so it belongs on a private address (the default is 127.0.0.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Annotated

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import Field

from router.control.actor import Control, UnknownRollout
from router.control.health import HealthStatus, Pulse, health
from router.control.rollout import Close, Promote, RollBack
from router.control.spec_checks import SpecRefused
from telemetry.errors import BelayError, TransitionRefused
from telemetry.events import RolloutChanged, RolloutSpec, Value

Text = Annotated[str, Field(min_length=1, max_length=500)]

_STATUS: tuple[tuple[type[BelayError], int], ...] = (
    (UnknownRollout, 404),
    (SpecRefused, 422),
    (TransitionRefused, 409),
)


class Word(Value):
    """Who asks for something, and why. Both are recorded."""

    actor: Text
    reason: Text


def create_app(control: Control, pulses: Sequence[Pulse] = ()) -> FastAPI:
    """The API and the page over one control; `pulses` are the signs of life of the threads behind it.

    `/healthz` is 503 where nothing would be rolled back by itself, `/livez` only where a new process would help.
    """
    app = FastAPI(title="Belay control", docs_url=None, redoc_url=None)
    page = files("router.control").joinpath("page.html").read_text(encoding="utf-8")

    @app.exception_handler(BelayError)
    async def _refuse(_: Request, error: BelayError) -> JSONResponse:
        status = next((code for kind, code in _STATUS if isinstance(error, kind)), 503)
        return JSONResponse({"error": error.message, "hint": error.hint}, status)

    @app.get("/", response_class=HTMLResponse)
    async def _page() -> str:
        return page

    def _health(*, bad: tuple[HealthStatus, ...]) -> JSONResponse:
        found, current = health(pulses), control.current
        told = {
            **found._asdict(),
            "rollout": current.spec.rollout_id if current is not None else None,
            "unpublished": len(control.outbox),
        }
        return JSONResponse(told, 503 if found.status in bad else 200)

    @app.get("/healthz")
    async def _healthz() -> JSONResponse:
        return _health(bad=("no_broker", "dead"))

    @app.get("/livez")
    async def _livez() -> JSONResponse:
        return _health(bad=("dead",))

    @app.post("/rollouts", status_code=201)
    def _start(spec: RolloutSpec) -> RolloutChanged:
        return control.start(spec)

    @app.get("/rollouts/current")
    async def _current() -> RolloutChanged:
        if control.current is None:
            raise UnknownRollout("no rollout has been started", hint="POST /rollouts starts one.")
        return control.current

    @app.get("/rollouts/{rollout_id}")
    def _rollout(rollout_id: str) -> RolloutChanged:
        return control.rollout(rollout_id)

    @app.post("/rollouts/{rollout_id}/rollback")
    def _roll_back(rollout_id: str, word: Word) -> RolloutChanged:
        return control.act(rollout_id, RollBack(word.actor, word.reason))

    @app.post("/rollouts/{rollout_id}/promote")
    def _promote(rollout_id: str, word: Word) -> RolloutChanged:
        return control.act(rollout_id, Promote(word.actor, word.reason))

    @app.post("/rollouts/{rollout_id}/close")
    def _close(rollout_id: str, word: Word) -> RolloutChanged:
        return control.act(rollout_id, Close(word.actor, word.reason))

    return app
