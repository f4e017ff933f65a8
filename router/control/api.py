"""Control over HTTP: start, look, promote, pause, resume, roll back, close.

Who asks is found out before a request comes here (`router.control.gate`); their name counts, not the body's `actor`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Final, NamedTuple

from fastapi import Depends, FastAPI, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exception_handlers import request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from pydantic import AwareDatetime, Field

from router.control.access import Caller, require
from router.control.actor import Control, UnknownRollout
from router.control.answers import Answered
from router.control.audit_log import AuditLog
from router.control.board.api import add_board
from router.control.board.board import Board
from router.control.desk import Asked, Desk, refusal
from router.control.drafting_api import Drafting, add_drafting
from router.control.gate import caller_of
from router.control.health import HealthStatus, Pulse, health
from router.control.openapi_page import openapi_page
from router.control.planning import Planner
from router.control.planning_api import add_planning
from router.control.review_api import Reviewing, add_review
from router.control.rollout import Close, Pause, Promote, Resume, RollBack, RolloutEvent, Start
from router.control.verdict_api import add_verdicts
from telemetry.errors import BelayError, UsageError
from telemetry.events import RolloutChanged, RolloutSpec, Status, Value

Text = Annotated[str, Field(min_length=1, max_length=500)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]
Who = Annotated[Caller, Depends(caller_of)]
Route = Annotated[str | None, Query(max_length=200)]
IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=40)]

_ACTIONS: Final[dict[str, Callable[[str, str], RolloutEvent]]] = {
    "rollback": RollBack,
    "promote": Promote,
    "pause": Pause,
    "resume": Resume,
    "close": Close,
}


class Forms(NamedTuple):
    """What stands behind the page's forms, where whoever starts control hands it in."""

    planner: Planner | None = None
    drafting: Drafting | None = None


NO_FORMS: Final = Forms()


class Word(Value):
    """Why something is asked for, which is recorded. `revision` is the one that its author has seen and changes.

    `actor` is who asks, where nobody signs in; otherwise it is passed over.
    """

    actor: Text | None = None
    reason: Text
    revision: Annotated[int, Field(ge=1)] | None = None


def create_app(
    control: Control,
    pulses: Sequence[Pulse] = (),
    desk: Desk | None = None,
    audit: AuditLog | None = None,
    board: Board | None = None,
    reviewing: Callable[[], Reviewing | None] = lambda: None,
    forms: Forms = NO_FORMS,
) -> FastAPI:
    """The API and the page over one control; `pulses` are the signs of life of the threads behind it.

    Without a `board` that is fed the page knows what control knows, and no evidence. `reviewing` is who knows which
    answers people are shown, `forms` what plans and drafts.

    `/healthz` is 503 where nothing would be rolled back by itself, `/livez` only where a new process would help.
    """
    app = FastAPI(title="Belay control", docs_url=None, redoc_url=None)

    @app.exception_handler(BelayError)
    async def _refuse(_: Request, error: BelayError) -> JSONResponse:
        return _response(refusal(error))

    @app.exception_handler(RequestValidationError)
    async def _misread(request: Request, error: RequestValidationError) -> Response:
        if audit is not None and request.method != "GET":
            told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            await run_in_threadpool(audit.refused, caller_of(request), f"POST {request.url.path}", told)
        return await request_validation_exception_handler(request, error)

    @app.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    async def _docs() -> str:
        return openapi_page(app.openapi())

    _add_health(app, control, pulses)
    _add_views(app, control)
    add_verdicts(app, control)
    desk = desk or Desk(control, audit=audit)
    _add_changes(app, control, desk)
    add_review(app, control, desk, reviewing)
    if audit is not None:
        _add_history(app, audit)
    add_planning(app, forms.planner)
    add_drafting(app, control, forms.drafting)
    add_board(app, board or Board(control), forms.planner)
    return app


def _add_health(app: FastAPI, control: Control, pulses: Sequence[Pulse]) -> None:
    def _health(*, bad: tuple[HealthStatus, ...]) -> JSONResponse:
        found = health(pulses)
        told = {
            **found._asdict(),
            "rollouts": {state.spec.route: state.spec.rollout_id for state in control.standing},
            "unpublished": len(control.outbox),
        }
        return JSONResponse(told, 503 if found.status in bad else 200)

    @app.get("/healthz")
    async def _healthz() -> JSONResponse:
        return _health(bad=("no_broker", "dead"))

    @app.get("/livez")
    async def _livez() -> JSONResponse:
        return _health(bad=("dead",))


class Brief(Value):
    """A rollout on one line."""

    rollout_id: str
    route: str
    candidate: str
    status: Status
    stage: int
    stages: int
    share: float
    revision: int
    since: AwareDatetime
    actor: str
    reason: str

    @classmethod
    def of(cls, state: RolloutChanged) -> Brief:
        """The line of a state."""
        same = {
            name: getattr(state, name) for name in cls.model_fields if name in RolloutChanged.model_fields
        }
        spec = state.spec
        names = {"rollout_id": spec.rollout_id, "route": spec.route, "candidate": spec.candidate.name}
        return cls(**names, stages=len(spec.stages), **same)


def _add_views(app: FastAPI, control: Control) -> None:
    @app.get("/rollouts")
    def _rollouts(route: Route = None) -> list[Brief]:
        latest = sorted(control.rollouts, key=lambda state: state.since, reverse=True)
        return [Brief.of(state) for state in latest if route is None or state.spec.route == route]

    @app.get("/rollouts/current")
    def _current(response: Response, route: Route = None) -> RolloutChanged:
        current = control.current(route)
        if current is None:
            where = "" if route is None else f" on route {route!r}"
            raise UnknownRollout(f"no rollout has been started{where}", hint="POST /rollouts starts one.")
        return _tagged(response, current)

    @app.get("/rollouts/{rollout_id}")
    def _rollout(rollout_id: str, response: Response) -> RolloutChanged:
        return _tagged(response, control.rollout(rollout_id))


def _add_history(app: FastAPI, audit: AuditLog) -> None:
    @app.get("/history", response_class=PlainTextResponse)
    def _history(who: Who) -> Response:
        require(who, "history")
        return PlainTextResponse(
            "".join(f"{line}\n" for line in audit.lines()), media_type="application/x-ndjson"
        )


def _add_changes(app: FastAPI, control: Control, desk: Desk) -> None:
    @app.post("/rollouts", status_code=201, response_model=RolloutChanged)
    def _start(
        spec: RolloutSpec,
        who: Who,
        key: Key = None,
        actor: Annotated[Text | None, Query()] = None,
        reason: Annotated[Text, Query()] = "started",
    ) -> Response:
        event = Start(spec, who.name or actor or "operator", reason)
        needs = "override" if spec.audit.verdict != "pass" else "start"
        body = f"{spec.model_dump_json()}{reason}"
        asked = Asked(who, "start", spec.rollout_id, event.actor, body, key, needs, spec.route)
        return _response(desk.serve(asked, lambda: control.start(spec, event.actor, event.reason), 201))

    for name, event in _ACTIONS.items():
        _add_action(app, control, desk, name, event)


def _add_action(
    app: FastAPI, control: Control, desk: Desk, name: str, event: Callable[[str, str], RolloutEvent]
) -> None:
    @app.post(f"/rollouts/{{rollout_id}}/{name}", response_model=RolloutChanged, name=name)
    def _act(rollout_id: str, word: Word, who: Who, key: Key = None, if_match: IfMatch = None) -> Response:
        revision = _revision(word, if_match)
        actor = who.name or word.actor
        if not actor:
            raise BadRequest("actor: nobody signs in at this control, so a request has to say who asks")
        asked = Asked(who, name, rollout_id, actor, f"{word.model_dump_json()}{revision}", key)
        return _response(
            desk.serve(asked, lambda: control.act(rollout_id, event(actor, word.reason), revision))
        )


def _revision(word: Word, if_match: str | None) -> int | None:
    """The revision that a request changes: in its body, or as the entity tag that a GET gave. Raises UsageError."""
    if if_match is None or if_match.strip() == "*":
        return word.revision
    found = re.fullmatch(r'\s*"?(\d{1,18})"?\s*', if_match)
    if found is None or word.revision not in (None, int(found[1])):
        raise BadRequest(
            f'If-Match is {if_match!r} and `revision` {word.revision}, expected one revision such as "3"'
        )
    return int(found[1])


class BadRequest(UsageError):
    """A request contradicts itself, or has what cannot be read."""


def _tagged(response: Response, state: RolloutChanged) -> RolloutChanged:
    response.headers["etag"] = f'"{state.revision}"'
    return state


def _response(answered: Answered) -> JSONResponse:
    return JSONResponse(answered.content, answered.status)
