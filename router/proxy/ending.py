"""What ends an interaction: its record, what its arm's breaker is told, and what its client is told of a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from router.proxy.capture import Heard, Interaction
from router.proxy.shadowing.shadows import Shadow
from router.proxy.standing import Standing
from router.proxy.wire import answers
from router.proxy.wire.asking import UpstreamFailed
from router.proxy.wire.client import Client
from router.proxy.wire.headers import Headers
from router.proxy.wire.usage_taken import UsageTaken
from telemetry.events import CUT_BY_ROUTER

if TYPE_CHECKING:  # whose interactions these are
    from router.proxy.relay import Relay


class Unanswered(Exception):
    """An arm gave no answer that could be passed on. `reason` is one word, `why` tells it to people."""

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason = reason
        self.why = why


class Ending:
    """One interaction as it ends. `heard` is the answer of the arm that serves it."""

    __slots__ = (
        "_client", "_interaction", "_probe", "_recorded", "_relay", "_shadow", "_standing", "_usage", "heard",
    )  # fmt: skip

    def __init__(self, relay: Relay, interaction: Interaction, client: Client, shadow: Shadow | None) -> None:
        self._relay = relay
        self._interaction = interaction
        self._client = client
        self._shadow = shadow
        self._standing: Standing | None = None
        self._probe: bool | None = False
        self._recorded = False
        self._usage: UsageTaken | None = None
        self.heard = Heard(interaction.arm)

    def _told(self, reason: str | None) -> None:
        """Tell the arm's breaker, once, what became of the request to it."""
        standing, self._standing = self._standing, None
        if standing is not None:
            if reason is not None and not self._interaction.counts:
                reason = "abandoned"  # what a breaker keeps away has failed, which is no stranger's to decide
            standing.heard(reason, self._interaction.subject, probe=bool(self._probe))

    async def _cut(self, failure: UpstreamFailed) -> None:
        if self._client.left:
            self._left()
            return
        self._told(None if self._recorded else failure.reason)
        if self._recorded:  # it had said [DONE]
            self._client.unfollow()
            await self._client.send(b"", last=True)
            return
        self._record(failure.message)
        self._client.unfollow()
        sent = b"".join(self.heard.chunks[-4:])
        await self._client.send(self._waiting() + answers.stream_error(sent, failure.reason), last=True)

    async def _nobody(self, failed: Unanswered) -> None:
        if self._client.left:
            self._left()
            return
        self.heard.status = 503
        self._record(failed.why)
        self._relay.counters.base_down += 1
        self._client.unfollow()
        status, headers, body = answers.base_down(failed.reason, self._relay.settings.retry_after_s)
        await self._client.answer(status, self._marked(headers), body)

    async def _stopped(self) -> None:
        if self._recorded or self._client.left:
            return
        self._record(CUT_BY_ROUTER)
        self._relay.counters.cut += 1
        self._client.unfollow()
        if self._client.started:
            sent = b"".join(self.heard.chunks[-4:])
            error = answers.stream_error(sent, "the router stops")
            await self._client.send(self._waiting() + error, last=True)
            return
        status, headers, body = answers.stopping(self._relay.settings.retry_after_s)
        await self._client.answer(status, self._marked(headers), body)

    def _waiting(self) -> bytes:
        """What of a stream waited for more of it."""
        return self._usage.rest() if self._usage is not None else b""

    def _left(self) -> None:
        if not self._recorded:  # else it had its [DONE] and went, as it may
            self._interaction.client_left = True
            self._relay.counters.client_left += 1
            self._record()

    def _record(self, error: str | None = None) -> None:
        """Once: what counts is what was known when the client was told that the answer is complete."""
        if not self._recorded:
            self._recorded = True
            heard = self.heard
            heard.ends(error)
            found_by = self._relay.tracing.found_by(self._interaction)
            outcomes = self._relay.counters.outcomes[heard.served_by]
            outcomes.count(heard, left=self._interaction.client_left, found_by=found_by)
            shadow = self._shadow
            if shadow is not None:
                shadow.settle()
            self._relay.recorder.record(self._interaction, heard, shadow.task if shadow is not None else None)

    def _marked(self, headers: Headers) -> Headers:
        settings = self._relay.settings
        if not settings.expose_headers:
            return headers
        name = self._interaction.event_id.encode()
        if not settings.expose_arm:
            return [*headers, (b"x-belay-interaction", name)]
        arm, stage = self.heard.served_by.encode(), b"%d" % self._interaction.rollout.stage
        return [*headers, (b"x-belay-arm", arm), (b"x-belay-stage", stage), (b"x-belay-interaction", name)]
