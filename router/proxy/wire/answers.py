"""The few answers that are the router's own, in the shapes that OpenAI's clients know."""

from __future__ import annotations

import re
from typing import Final

from router.proxy.wire.headers import Headers
from serving.refusals import body_too_large, error_body

Answer = tuple[int, Headers, bytes]
JSON: Final = (b"content-type", b"application/json")
_BLANK: Final = re.compile(rb"\n\r?\n|\r\r")


class Refused(Exception):
    """The router itself refuses a request; `answer` is what its client is told."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"refused with {answer[0]}")
        self.answer = answer


def unauthorized(message: str) -> Answer:
    """Nobody knows who asks: 401."""
    said = f"{message} Send it as `Authorization: Bearer KEY`."
    body = error_body(401, "invalid_request_error", said, "invalid_api_key")
    return 401, [JSON, (b"www-authenticate", b"Bearer")], body


def forbidden(route: str) -> Answer:
    """The key is known, and may not use this route: 403."""
    said = f"The API key may not use the model `{route}`."
    return 403, [JSON], error_body(403, "invalid_request_error", said, "permission_denied")


def rate_limited(kind: str, message: str, retry_after_s: int, headers: Headers) -> Answer:
    """The key has used up what it may have for now: 429. `kind` is `requests` or `tokens`."""
    body = error_body(429, kind, message, "rate_limit_exceeded")
    return 429, [JSON, (b"retry-after", b"%d" % retry_after_s), *headers], body


def base_down(why: str, retry_after_s: int) -> tuple[int, Headers, bytes]:
    """Nobody answers: 503, and when to come again."""
    body = error_body(503, "ServiceUnavailableError", f"The model is not available at this moment: {why}.")
    return 503, [JSON, (b"retry-after", b"%d" % retry_after_s)], body


def overloaded(retry_after_s: int) -> Answer:
    """More is being answered than the router may bear: 503 at once, so that nobody waits in vain."""
    body = error_body(503, "ServiceUnavailableError", "Too many requests are being answered at this moment.")
    return 503, [JSON, (b"retry-after", b"%d" % retry_after_s)], body


def stopping(retry_after_s: int) -> tuple[int, Headers, bytes]:
    """The router ends before the answer is there: 503, and another one will answer."""
    body = error_body(503, "ServiceUnavailableError", "The router stops; ask again.")
    return 503, [JSON, (b"retry-after", b"%d" % retry_after_s), (b"connection", b"close")], body


def too_large(limit: int) -> tuple[int, Headers, bytes]:
    """The request's body is larger than the router keeps in memory."""
    return 413, [JSON, (b"connection", b"close")], error_body(*body_too_large(limit))


def too_deep() -> tuple[int, Headers, bytes]:
    """The request's body is nested deeper than can be parsed."""
    return 400, [JSON], error_body(400, "BadRequestError", "The request's JSON is nested too deep.")


def our_mistake() -> tuple[int, Headers, bytes]:
    """The router has a mistake; what it was stands in its log."""
    return 500, [JSON], error_body(500, "InternalServerError", "The router could not handle the request.")


def crooked_path() -> Answer:
    """A path that two servers may read in two ways: 400."""
    said = "The path has dots, slashes or backslashes that could be read in two ways."
    return 400, [JSON], error_body(400, "BadRequestError", said)


def not_found(path: str) -> tuple[int, Headers, bytes]:
    """A path that is neither the engine's nor the router's."""
    return 404, [JSON], error_body(404, "NotFoundError", f"There is nothing at {path}.")


def no_such_model(model: str | None) -> tuple[int, Headers, bytes]:
    """No route takes the request: 404, as OpenAI says it of a model that is not there."""
    said = "The request names no model." if model is None else f"The model `{model[:200]}` does not exist."
    return 404, [JSON], error_body(404, "invalid_request_error", said, "model_not_found")


def stream_error(sent: bytes, why: str) -> bytes:
    """The last event of a stream whose engine died; `sent` is the end of what went out before it, in whole lines.

    An event that has its data is ended first; one that has none yet becomes the error, since an event without data is
    one that OpenAI's clients cannot parse.
    """
    begun = _BLANK.split(sent)[-1]
    gap = b"\n\n" if any(line.startswith(b"data") for line in begun.splitlines()) else b""
    return gap + b"data: " + error_body(502, "UpstreamError", f"The stream was cut: {why}.") + b"\n\n"
