"""GET /v1/models where the router has routes: the models that clients may ask for, as OpenAI's clients read them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from router.proxy.wire import answers
from router.proxy.wire.headers import Headers

_LIST: Final = "/v1/models"


def listed(method: str, path: str, public: Sequence[str], since: int) -> tuple[int, Headers, bytes] | None:
    """The answer to a request that is about the public models; None where it is not, or there are none.

    `since` is when they came to be, in epoch seconds. What the list does not have is not answered here: a default route
    may have it.
    """
    if method != "GET" or not public or not path.startswith(_LIST):
        return None
    if path == _LIST:
        return (
            200,
            [answers.JSON],
            _written({"object": "list", "data": [_model(name, since) for name in public]}),
        )
    name = path.removeprefix(f"{_LIST}/")
    return (200, [answers.JSON], _written(_model(name, since))) if name in public else None


def _model(name: str, since: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": since, "owned_by": "belay"}


def _written(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode()
