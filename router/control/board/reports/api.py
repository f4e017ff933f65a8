"""Audits and trainings over HTTP: lists, and the pages that they left."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, FastAPI, Response
from fastapi.responses import PlainTextResponse

from router.control.access import Caller
from router.control.board.reports.shelf import Shelf
from router.control.board.reports.told import Audits, Trainings
from router.control.board.tail.api import sees_texts
from router.control.gate import caller_of

HEADERS: Final = {
    # A report shows what models wrote: it runs nothing, loads nothing, and is no page of this origin.
    "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


def add_reports(app: FastAPI, shelf: Shelf) -> None:
    """Add `/api/audits`, `/api/trainings`, and the pages that they name. Pages are for whoever may see texts."""

    @app.get("/api/audits")
    def _audits(who: Annotated[Caller, Depends(caller_of)]) -> Audits:
        return shelf.audits(pages=sees_texts(who))

    @app.get("/api/trainings")
    def _trainings(who: Annotated[Caller, Depends(caller_of)]) -> Trainings:
        return shelf.trainings(pages=sees_texts(who))

    @app.get("/report/{kind}/{name}/{lapses}/{key}", include_in_schema=False)
    def _page(kind: str, name: str, lapses: int, key: str) -> Response:
        if not shelf.tickets.opens(kind, name, lapses, key):
            told = "This address has lapsed, or is none. The dashboard's pages of audits and trainings have new ones.\n"
            return PlainTextResponse(told, 403, HEADERS)
        content = shelf.page(kind, name)
        if content is None:
            return PlainTextResponse("This report is not there any more.\n", 404, HEADERS)
        return Response(content, media_type="text/html; charset=utf-8", headers=HEADERS)
