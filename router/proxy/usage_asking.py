"""Whether an arm's engine is asked for the usage of streams: as long as it is not known to refuse that.

The field is part of OpenAI's API, and vLLM, SGLang and llama.cpp take it. An engine that refuses what it does not know
would refuse every stream; so one that answers 400 or 422 before it was seen to take the field is asked again without.
"""

from __future__ import annotations

import logging
from typing import Final

from router.proxy.wire.usage_taken import Fingerprint
from telemetry.events import Arm

log = logging.getLogger(__name__)

_REFUSALS: Final = frozenset({400, 422})


class UsageAsking:
    """What is known of a route's engines."""

    __slots__ = ("_on", "_takes", "fingerprints")

    def __init__(self, *, on: bool) -> None:
        self._on = on
        self._takes: dict[Arm, bool] = {}
        self.fingerprints: dict[Arm, Fingerprint] = {"control": Fingerprint(), "candidate": Fingerprint()}

    def asks(self, arm: Arm) -> bool:
        """Whether to ask."""
        return self._on and self._takes.get(arm, True)

    def took(self, arm: Arm) -> None:
        """The engine streams, and was asked."""
        self._takes[arm] = True

    def may_be_why(self, arm: Arm, status: int) -> bool:
        """Whether an engine that was asked may have refused a request because of that."""
        return status in _REFUSALS and arm not in self._takes

    def is_why(self, arm: Arm) -> None:
        """The engine refused a request with the field, and answered the same one without."""
        self._takes[arm] = False
        log.warning(
            "the engine of %s refuses stream_options: usage is recorded where clients ask for it", arm
        )
