"""What our servers say where they refuse: OpenAI's error shape, which its clients can read."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Final, NamedTuple


def error_body(status: int, kind: str, message: str, code: str | None = None) -> bytes:
    """An error as vLLM says it, whose code is the status; OpenAI's own `code` where its clients look for one."""
    error = {"message": message, "type": kind, "param": None, "code": code or status}
    return json.dumps({"error": error}).encode()


class Refusal(NamedTuple):
    """Why a request is not answered: a status of 4xx, or 503 where there is no room."""

    status: int
    kind: str
    message: str

    def written(self) -> bytes:
        """The whole answer as it goes on the wire; it is the connection's last one."""
        body = error_body(*self)
        retry = b"retry-after: 1\r\n" if self.status == HTTPStatus.SERVICE_UNAVAILABLE else b""
        return (
            b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%bconnection: close\r\n\r\n%b"
            % (self.status, HTTPStatus(self.status).phrase.encode(), len(body), retry, body)
        )


class Refused(Exception):
    """Raised within a parser's callback; `refusal` is what the client is told."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


MALFORMED: Final = Refusal(400, "BadRequestError", "The request is not valid HTTP.")
TOO_MANY_AT_ONCE: Final = Refusal(
    400, "BadRequestError", "Too many requests were sent without waiting for answers."
)
MOSTLY_FRAMING: Final = Refusal(
    400, "BadRequestError", "The request's chunks say more of themselves than they hold."
)
CROWDED: Final = Refusal(503, "ServiceUnavailableError", "There are too many connections at this moment.")


def head_too_large(most: int, what: str) -> Refusal:
    """The request's line and headers are more than is kept in memory."""
    return Refusal(431, "RequestTooLargeError", f"The request's head exceeds {most} {what}.")


def trailers_too_large(most: int, what: str) -> Refusal:
    """What stands behind the request's chunks is more than is taken of a head."""
    return Refusal(431, "RequestTooLargeError", f"The request's trailers exceed {most} {what}.")


def body_too_large(most: int) -> Refusal:
    """The request's body is larger than what is kept in memory."""
    return Refusal(413, "RequestTooLargeError", f"The request's body exceeds {most} bytes.")


def too_slow(what: str, seconds: float) -> Refusal:
    """The request's head or body did not come to its end."""
    return Refusal(408, "RequestTimeoutError", f"The request's {what} was not complete within {seconds:g} s.")
