"""Whether an arm's engine is asked for the usage of streams: as long as it is not known to refuse that."""

from __future__ import annotations

from router.proxy.additions import Addition
from router.proxy.wire.usage_taken import Fingerprint
from telemetry.events import Arm


class UsageAsking(Addition):
    """What is known of a route's engines."""

    __slots__ = ("fingerprints",)

    def __init__(self, *, on: bool) -> None:
        super().__init__("stream_options", "usage is recorded where clients ask for it", on=on)
        self.fingerprints: dict[Arm, Fingerprint] = {"control": Fingerprint(), "candidate": Fingerprint()}
