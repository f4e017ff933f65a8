"""The tail over HTTP: what there is, and a stream of what comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, FastAPI, Query, Response
from fastapi.responses import JSONResponse, StreamingResponse

from router.control.access import NEEDED, Caller, may
from router.control.board.tail.tail import FIRST_ROWS, MOST_CLIENTS, Tail, Told
from router.control.board.tail.wanted import Wanted
from router.control.gate import caller_of


def add_tail(app: FastAPI, tail: Tail) -> None:
    """Add `/api/tail` and `/api/tail/stream`. What was asked is shown to whom `texts` are."""

    @app.get("/api/tail")
    async def _tail(wanted: Annotated[Wanted, Query()], who: Annotated[Caller, Depends(caller_of)]) -> Told:
        return tail.look(wanted, texts=sees_texts(who), most=FIRST_ROWS)

    @app.get("/api/tail/stream", response_class=StreamingResponse)
    async def _stream(
        wanted: Annotated[Wanted, Query()], who: Annotated[Caller, Depends(caller_of)]
    ) -> Response:
        if tail.clients >= MOST_CLIENTS:
            told = {"error": f"{MOST_CLIENTS} live tails are open already", "hint": "Close some of them."}
            return JSONResponse(told, 503)
        return StreamingResponse(
            _frames(tail, wanted, texts=sees_texts(who)),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )


def sees_texts(who: Caller) -> bool:
    """Whether somebody may read what was asked and answered in any interaction."""
    return may(who.role, NEEDED["texts"])


async def _frames(tail: Tail, wanted: Wanted, *, texts: bool) -> AsyncIterator[bytes]:
    async for frame in tail.frames(wanted, texts=texts):
        yield frame
