"""The board over HTTP: JSON to read (`/api`), the stream, and the page's files. Nothing here changes a rollout."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Annotated, Final

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from router.control.access import NEEDED, Caller, may
from router.control.actor import NotThere
from router.control.board.board import Board
from router.control.board.outlook import Outlook, Outlooks
from router.control.board.reports.api import add_reports
from router.control.board.stream import MOST_CLIENTS
from router.control.board.tail.api import add_tail, sees_texts
from router.control.board.told import Decision, Me, Overview, Rollout, Texts
from router.control.board.way.told import Way
from router.control.gate import caller_of
from router.control.planning import Planner

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_HEADERS: Final = {
    # Whatever text an interaction holds: it runs nothing and loads nothing.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


class NotOnTheBoard(NotThere):
    """The board does not know of it."""


def add_board(app: FastAPI, board: Board, planner: Planner | None = None) -> None:
    """Add the page at `/`, its files at `/page`, and what it asks for at `/api`; a planner tells the outlook."""
    pages = _page()

    @app.get("/", include_in_schema=False)
    async def _index(request: Request) -> Response:
        return _file(request, *pages["index.html"])

    @app.get("/page/{name:path}", include_in_schema=False)
    async def _asset(request: Request, name: str) -> Response:
        if name not in pages:
            return Response(status_code=404)
        return _file(request, *pages[name])

    _add_reading(app, board, Outlooks(planner))
    add_tail(app, board.tail)
    add_reports(app, board.shelf)

    @app.get("/api/stream", response_class=StreamingResponse)
    async def _stream(rollout: str | None = None) -> Response:
        if board.stream.clients >= MOST_CLIENTS:
            return JSONResponse(
                {"error": f"{MOST_CLIENTS} pages are open already", "hint": "Close some of them."}, 503
            )
        return StreamingResponse(
            _frames(board, rollout),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )


def _add_reading(app: FastAPI, board: Board, outlooks: Outlooks) -> None:
    @app.get("/api/me")
    async def _me(who: Annotated[Caller, Depends(caller_of)]) -> Me:
        return Me(
            name=who.name,
            role=who.role,
            may=tuple(what for what, role in NEEDED.items() if may(who.role, role)),
        )

    @app.get("/api/overview")
    async def _overview() -> Overview:
        return board.overview()

    @app.get("/api/rollouts/{rollout_id}")
    async def _rollout(rollout_id: str) -> Rollout:
        found = board.rollout(rollout_id)
        if found is None:
            raise NotOnTheBoard(f"no rollout {rollout_id!r} is known")
        return found

    @app.get("/api/rollouts/{rollout_id}/outlook")
    def _outlook(rollout_id: str) -> Outlook:
        found = board.view.outlook(rollout_id, outlooks)
        if found is None:
            raise NotOnTheBoard(f"no rollout {rollout_id!r} is known")
        return found

    @app.get("/api/rollouts/{rollout_id}/decisions/{decision_id}")
    async def _decision(rollout_id: str, decision_id: str) -> Decision:
        found = board.view.decision(rollout_id, decision_id)
        if found is None:
            raise NotOnTheBoard(
                f"decision {decision_id!r} of rollout {rollout_id!r} is not among the last ones",
                hint="Every decision is in belay.decisions; `belay replay` finds it there.",
            )
        return found

    @app.get("/api/rollouts/{rollout_id}/interactions/{interaction_id}")
    def _texts(rollout_id: str, interaction_id: str) -> Texts:
        found = board.texts(rollout_id, interaction_id)
        if found is None:
            raise NotOnTheBoard(
                f"interaction {interaction_id!r} is not among those of {rollout_id!r} that weighed most"
            )
        return found

    @app.get("/api/interactions/{interaction_id}")
    def _way(interaction_id: str, who: Annotated[Caller, Depends(caller_of)]) -> Way:
        return board.ways.way(interaction_id, texts=sees_texts(who))


async def _frames(board: Board, rollout: str | None) -> AsyncIterator[bytes]:
    async for frame in board.stream.frames(rollout):
        yield frame


def _page() -> dict[str, tuple[str, bytes, str]]:
    """The page's files by name: type, content, and the tag by which a browser knows that it has it."""
    found: dict[str, tuple[str, bytes, str]] = {}
    root = files("router.control.board").joinpath("page")
    folders = [("", root), ("vendor/", root.joinpath("vendor"))]
    for prefix, folder in folders:
        for file in folder.iterdir():
            kind = _TYPES.get("." + file.name.rpartition(".")[2])
            if kind is not None and file.is_file():
                content = file.read_bytes()
                found[prefix + file.name] = kind, content, f'"{hashlib.sha256(content).hexdigest()[:20]}"'
    return found


def _file(request: Request, kind: str, content: bytes, tag: str) -> Response:
    headers = _HEADERS | {"etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)
