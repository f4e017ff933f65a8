"""The model's name where an engine knows it by another one: replaced on the way out, and on the way back.

And whether an answer is by the model of that name at all.
"""

from __future__ import annotations

import json
import re

from router.proxy.wire.headers import Headers


def rename_request(body: bytes, engine_model: str) -> tuple[bytes, str | None]:
    """The body with the engine's model name, and the name that the client used.

    A body that is not a JSON object, names no model or is nested too deep stays as it is: the engine will say what
    is wrong.
    """
    try:
        fields = json.loads(body)
        alias = fields.get("model") if isinstance(fields, dict) else None
        if not isinstance(alias, str):
            return body, None
        fields["model"] = engine_model
        renamed = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return body, None
    return renamed.encode("utf-8", "surrogatepass"), alias


class Renamer:
    """Puts the client's name for the model back into an answer, so that it does not tell the arm.

    Only the key `"model"` is touched: within a JSON string its quotes would be escaped. Of a stream it takes whole
    lines, because the name may lie across two reads.
    """

    def __init__(self, engine_model: str, alias: str) -> None:
        self._pattern = re.compile(rb'("model"\s*:\s*)"(?:' + _written(engine_model) + b')"')
        self._alias = json.dumps(alias).encode()

    def whole(self, body: bytes) -> bytes:
        """A complete JSON answer, or whole lines of a stream."""
        return self._pattern.sub(lambda found: found[1] + self._alias, body)


class ExpectedName:
    """The name that an engine's answers must have. What is dated (`gpt-4o-2024-08-06`) is the model that it dates."""

    def __init__(self, name: str) -> None:
        self.name = name
        dated = rb"(?:-[0-9]{4}-?[0-9]{2}-?[0-9]{2})?"
        self._pattern = re.compile(rb'"model"\s*:\s*"(?:' + _written(name) + b")" + dated + b'"')

    def other_in(self, said: bytes, *, streamed: bool) -> str | None:
        """Another name that the answer has instead; None where it has this one, or none. A stream's may be cut off."""
        if self._pattern.search(said):
            return None
        named = (
            _model_of(text.removeprefix(b"data:")) for text in (said.splitlines() if streamed else [said])
        )
        return next(filter(None, named), None)


def _written(name: str) -> bytes:
    """A pattern of the name as JSON may have it, without its quotes."""
    written = (json.dumps(name, ensure_ascii=escaped)[1:-1] for escaped in (True, False))
    return b"|".join(re.escape(one.encode("utf-8", "surrogatepass")) for one in written)


def _model_of(text: bytes) -> str | None:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return None
    name = fields.get("model") if isinstance(fields, dict) else None
    return name if isinstance(name, str) else None


def with_length(headers: Headers, length: int) -> Headers:
    """The headers with the content-length that the renamed body has."""
    return [(name, b"%d" % length if name == b"content-length" else value) for name, value in headers]


def without_length(headers: Headers) -> Headers:
    """The headers of a stream: what is put back or taken out of it changes a length that was announced."""
    return [pair for pair in headers if pair[0] != b"content-length"]
