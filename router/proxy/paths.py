"""Which paths reach an engine. Pure.

An engine's API has more than is for clients: vLLM loads adapters under /v1 where it is told to. And a path that two
servers may read in two ways (dots, encoded slashes, backslashes) is passed on by none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from router.proxy.wire import answers
from router.proxy.wire.answers import Answer

DEFAULT: Final = (
    "/v1/models",
    "/v1/models/*",
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/responses/*",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/embeddings",
    "/v1/rerank",
    "/v1/score",
    "/v1/audio/transcriptions",
    "/v1/audio/translations",
)
"""What clients of OpenAI's and Anthropic's API ask vLLM for."""

PATTERN: Final = r"^/v1(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+(/\*)?$"
_CROOKED: Final = re.compile(
    rb"""
    %2[ef] | %5c | %00                # a dot, a slash, a backslash, an end, each encoded
    | [\\\x00-\x20\x7f-\xff]          # what no path has that was written as one
    | //                              # a part that is empty
    | /\.{1,2} (?: / | ; | $ )        # this folder, or the one above
    """,
    re.IGNORECASE | re.VERBOSE,
)


class Paths:
    """The paths of an allow-list: each as it is, or one that ends in `/*` for all below it."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self._exact = frozenset(path.encode() for path in allowed if not path.endswith("/*"))
        self._above = tuple(path.removesuffix("*").encode() for path in allowed if path.endswith("/*"))

    def refusal(self, raw: bytes) -> Answer | None:
        """Why a request for this path, as it was written and without its query, goes to no engine; None where it may.

        400 for a path that could be read in two ways, 404 for one that is not on the list.
        """
        if raw in self._exact:  # nearly every request's
            return None
        if _CROOKED.search(raw) is not None:
            return answers.crooked_path()
        if any(raw.startswith(above) and raw != above for above in self._above):
            return None
        return answers.not_found(raw.decode("ascii"))
