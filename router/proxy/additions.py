"""Fields that the router adds to requests, and whether an arm's engine takes them.

Those that it adds are part of OpenAI's API, and vLLM, SGLang and llama.cpp take them. An engine that refuses what it
does not know would refuse every request with one; so one that answers 400 or 422 before it was seen to take the field
is asked the same again without.
"""

from __future__ import annotations

import logging
from typing import Final

from telemetry.events import Arm

log = logging.getLogger(__name__)

_REFUSALS: Final = frozenset({400, 422})


class Addition:
    """What is known of a route's engines about one field. `lost` says what goes without it."""

    __slots__ = ("_field", "_lost", "_on", "_takes")

    def __init__(self, field: str, lost: str, *, on: bool) -> None:
        self._field, self._lost, self._on = field, lost, on
        self._takes: dict[Arm, bool] = {}

    def asks(self, arm: Arm) -> bool:
        """Whether to add it."""
        return self._on and self._takes.get(arm, True)

    def took(self, arm: Arm) -> None:
        """The engine answered with it."""
        self._takes[arm] = True

    def may_be_why(self, arm: Arm, status: int) -> bool:
        """Whether an engine that was asked may have refused a request because of that."""
        return status in _REFUSALS and arm not in self._takes

    def is_why(self, arm: Arm) -> None:
        """The engine refused a request with the field, and answered the same one without."""
        self._takes[arm] = False
        log.warning("the engine of %s refuses %s: %s", arm, self._field, self._lost)
