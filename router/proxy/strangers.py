"""Whether the model that answers is the one that an arm was set up with, by the name in its answers.

An engine that was given another model says so in every answer. What a candidate's engine says as another model is for
base to answer; where it is base's engine, nobody could answer better, and it is told. Models that others run are also
asked who they are (`router.control.attesting`).
"""

from __future__ import annotations

import logging
import re
from typing import Final

from router.proxy.capture import Heard
from router.proxy.counters import Counters
from router.proxy.settings import Arms
from router.proxy.wire.exchange import Exchange
from router.proxy.wire.model_name import ExpectedName
from serving.engines.arms import ANY_NAME, Endpoint
from telemetry.events import Arm
from telemetry.rated import Rated

log = logging.getLogger(__name__)

WRONG_MODEL: Final = "wrong_model"
NAMED_WITHIN: Final = 4096
"""Bytes of a stream that are waited for at most until its first event is whole."""
_EVENT: Final = re.compile(rb"\n\r?\n|\r\r")


class Strangers:
    """Looks at the answers of one route's arms, and counts in `wrong_model` those by another model."""

    def __init__(self, arms: Arms, counters: Counters) -> None:
        self._expected = {endpoint.arm: _expected(endpoint) for endpoint in (arms.control, arms.candidate)}
        self._counters = counters
        self._told = {arm: Rated(log) for arm in self._expected}

    def asks(self, arm: Arm) -> bool:
        """Whether it is known under which name this arm answers."""
        return self._expected[arm] is not None

    async def beginning(self, exchange: Exchange) -> bytes:
        """A stream's first event, which names its model, with what came along. Raises UpstreamFailed."""
        begun = b""
        while not _EVENT.search(begun) and len(begun) < NAMED_WITHIN:
            data = await exchange.read()
            begun += data
            if not data or exchange.complete:
                break
        return begun

    def look(self, heard: Heard, begun: bytes = b"") -> str | None:
        """Why an answer is not by its arm's model; None where it is, names none, or is no success.

        `begun` is the beginning of a stream that was not heard yet.
        """
        arm = heard.served_by
        expected = self._expected[arm]
        if expected is None or not 200 <= heard.status < 300:
            return None
        said, streamed = begun or b"".join(heard.chunks), heard.streamed
        other = expected.other_in(said, streamed=streamed)
        if other is None:
            return None
        self._counters.wrong_model[arm] += 1
        why = f"it answers as {other[:200]!r}, expected {expected.name!r}"
        self._told[arm].error(
            "the engine of %s has another model: %s. Is that the same one? Say so: `answers_as` of the arm",
            arm,
            why,
        )
        return why


def _expected(endpoint: Endpoint) -> ExpectedName | None:
    name = endpoint.answers_as or endpoint.model
    return None if name is None or name == ANY_NAME else ExpectedName(name)
