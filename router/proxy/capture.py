"""What happened in one interaction, and how it comes into the spool.

The router writes bytes and facts only; the forwarder parses them and applies the text policy. Neither the
identity nor the authorization is ever among them: what the body says of who asked is left out (`identity`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

from router.proxy.assign import arm_of, digest, key_digest
from router.proxy.counters import Counters
from router.proxy.in_force import InForce
from telemetry.errors import SpoolError
from telemetry.events import Arm, SubjectSource, new_id
from telemetry.rated import Rated
from telemetry.spool.raw_record import RawRecord
from telemetry.spool.writer import Spool
from telemetry.subjects import unit_of

log = logging.getLogger(__name__)

EndpointKind = Literal["chat", "completions"]


@dataclass(slots=True)
class Heard:
    """What one arm answered. Times are milliseconds since its request was sent.

    `retried` is why another replica of the arm had been asked before.
    """

    served_by: Arm
    sent_at: float = field(default_factory=time.perf_counter)
    status: int = 0
    streamed: bool = False
    first_byte_ms: float | None = None
    total_ms: float = 0.0
    error: str | None = None
    retried: str | None = None
    chunks: list[bytes] = field(default_factory=list)

    def begins(self, status: int, *, streamed: bool) -> None:
        """The first byte is there."""
        self.status = status
        self.streamed = streamed
        self.first_byte_ms = self._since()

    def ends(self, error: str | None = None) -> None:
        """The answer is complete, or will never be."""
        self.total_ms = self._since()
        self.error = error

    def facts(self) -> dict[str, Any]:
        """Everything but the body."""
        facts = {
            "served_by": self.served_by,
            "status": self.status,
            "streamed": self.streamed,
            "first_byte_ms": self.first_byte_ms,
            "total_ms": self.total_ms,
            "error": self.error,
        }
        if self.retried is not None:
            facts["retried"] = self.retried
        return facts

    def _since(self) -> float:
        return (time.perf_counter() - self.sent_at) * 1000.0


class Interaction:
    """One request: who it is assigned to under the rollout in force when it came, and what became of it.

    `key` is the name of the API key that it came by, where keys are wanted.
    """

    __slots__ = ("arm", "body", "client_left", "counts", "draw", "endpoint", "event_id", "fallback", "fell_back_ms",
                 "key", "request_id", "rollout", "seed", "source", "subject", "time_ns", "traceparent")  # fmt: skip

    def __init__(
        self, rollout: InForce, found: tuple[str, SubjectSource] | None, endpoint: EndpointKind, body: bytes
    ) -> None:
        self.event_id = new_id()
        self.time_ns = time.time_ns()
        self.rollout = rollout
        identity, self.source = found or (self.event_id, "request")
        self.subject = digest(rollout.salt, identity)
        self.arm: Arm = arm_of(unit_of(self.subject), rollout.share)
        self.endpoint = endpoint
        self.body = body
        self.fallback: str | None = None
        self.fell_back_ms: float | None = None
        self.client_left = False
        self.counts = True
        self.key: str | None = None
        self.draw: dict[str, Any] | None = None
        self.seed: int | None = None
        self.request_id: str | None = None
        self.traceparent: str | None = None

    @property
    def name(self) -> str:
        """What the request is called by clients and engines: as its client calls it, else by its own id."""
        return self.request_id or self.event_id

    def falls_back(self, reason: str, waited_ms: float) -> None:
        """Base is asked in place of a candidate that was waited for so long."""
        self.fallback, self.fell_back_ms = reason, waited_ms

    def record(self, router_id: str, heard: Heard) -> RawRecord:
        """The interaction as it goes into the spool."""
        meta: dict[str, Any] = {
            "event_id": self.event_id,
            "time": _isoformat(self.time_ns),
            "source": router_id,
            "rollout_id": self.rollout.rollout_id,
            "assignment": self._assignment(),
            "endpoint": self.endpoint,
            "answer": heard.facts(),
            "fallback": self.fallback,
            "client_left": self.client_left,
            "shadow": None,
            "draw": self.draw,
        }
        if not self.counts:
            meta["counts"] = False
        if self.request_id is not None:
            meta["request_id"] = self.request_id
        if self.traceparent is not None:
            meta["traceparent"] = self.traceparent
        if self.fell_back_ms is not None:
            meta["fell_back_ms"] = self.fell_back_ms
        if self.key is not None:
            meta["by_key"] = key_digest(self.rollout.salt, self.key)
        return RawRecord(meta, self.body, b"".join(heard.chunks))

    def shadow_record(self, router_id: str, shadow: Heard) -> RawRecord:
        """The other arm's answer as it goes into the spool, after the interaction."""
        meta = {
            "kind": "shadow",
            "event_id": self.event_id,
            "time": _isoformat(time.time_ns()),
            "source": router_id,
            "rollout_id": self.rollout.rollout_id,
            "assignment": self._assignment(),
            "shadow": shadow.facts(),
        }
        if self.traceparent is not None:
            meta["traceparent"] = self.traceparent
        return RawRecord(meta, b"", b"", b"".join(shadow.chunks))

    def _assignment(self) -> dict[str, Any]:
        rollout = self.rollout
        return {
            "subject": self.subject,
            "subject_source": self.source,
            "arm": self.arm,
            "share": rollout.share,
            "stage": rollout.stage,
            "revision": rollout.revision,
        }


def _isoformat(time_ns: int) -> str:
    second, rest = divmod(time_ns, 1_000_000_000)
    return f"{_to_the_second(second)}.{rest // 1000:06d}+00:00"


@lru_cache(maxsize=4)
def _to_the_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class Recorder:
    """Writes interactions into the spool before their clients are answered, and shadows' answers as they end.

    `secrets` are left out of what engines said: some repeat the key that they were asked with.
    A shadow that is under way when the router ends has no record; behind Kafka its interaction is then no pair.
    """

    def __init__(
        self, spool: Spool, router_id: str, counters: Counters, secrets: Sequence[bytes] = ()
    ) -> None:
        self._spool = spool
        self._secrets = secrets
        self._router_id = router_id
        self._counters = counters
        self._unwritten = Rated(log)
        self._waiting: dict[asyncio.Task[Heard], Interaction] = {}

    def record(self, interaction: Interaction, heard: Heard, shadow: asyncio.Task[Heard] | None) -> None:
        """Write the interaction now, and what its shadow heard when that has ended."""
        if not self._written(interaction, interaction.record(self._router_id, heard)):
            self._counters.unrecorded += 1
            return  # an answer to what nobody knows of is of no use
        self._counters.recorded += 1
        if shadow is None:
            return
        self._waiting[shadow] = interaction
        if shadow.done():
            self._shadow_ended(shadow)
        else:
            shadow.add_done_callback(self._shadow_ended)

    async def close(self) -> None:
        """End the shadows that are under way; whoever made the spool closes it."""
        waiting, self._waiting = self._waiting, {}
        for shadow in waiting:
            shadow.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    def _shadow_ended(self, shadow: asyncio.Task[Heard]) -> None:
        interaction = self._waiting.pop(shadow, None)
        if interaction is None:
            return
        heard = _result(interaction, shadow)
        if heard is None:
            return
        if self._written(interaction, interaction.shadow_record(self._router_id, heard)):
            self._counters.shadows_recorded += 1
        else:
            self._counters.shadows_unrecorded += 1

    def _written(self, interaction: Interaction, record: RawRecord) -> bool:
        try:
            self._spool.append(self._without_secrets(record).pack())
        except SpoolError as error:
            # The client's answer does not depend on our record of it.
            self._unwritten.error("interaction %s is not recorded: %s", interaction.event_id, error)
            return False
        return True

    def _without_secrets(self, record: RawRecord) -> RawRecord:
        for secret in self._secrets:
            if secret in record.response_body or secret in record.shadow_body:
                said = (
                    body.replace(secret, b"[secret]") for body in (record.response_body, record.shadow_body)
                )
                record = RawRecord(record.meta, record.request_body, *said)
        return record


def _result(interaction: Interaction, shadow: asyncio.Task[Heard]) -> Heard | None:
    """What the shadow's task heard, None where it was ended; what it died of is an answer that failed."""
    if shadow.cancelled():
        return None
    error = shadow.exception()
    if error is None:
        return shadow.result()
    log.error("interaction %s: its shadow ended in a mistake", interaction.event_id, exc_info=error)
    heard = Heard(other_arm(interaction.arm))
    heard.ends(f"the router's mistake: {type(error).__name__}: {error}")
    return heard


def other_arm(arm: Arm) -> Arm:
    """The arm that was not assigned."""
    return "control" if arm == "candidate" else "candidate"
