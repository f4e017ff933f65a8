"""The model's name where an engine knows it by another one: replaced on the way out, and on the way back."""

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
        written = (json.dumps(engine_model, ensure_ascii=escaped) for escaped in (True, False))
        names = b"|".join(re.escape(name.encode("utf-8", "surrogatepass")) for name in written)
        self._pattern = re.compile(rb'("model"\s*:\s*)(?:' + names + b")")
        self._alias = json.dumps(alias).encode()

    def whole(self, body: bytes) -> bytes:
        """A complete JSON answer, or whole lines of a stream."""
        return self._pattern.sub(lambda found: found[1] + self._alias, body)


def with_length(headers: Headers, length: int) -> Headers:
    """The headers with the content-length that the renamed body has."""
    return [(name, b"%d" % length if name == b"content-length" else value) for name, value in headers]
