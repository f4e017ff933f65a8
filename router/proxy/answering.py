"""One interaction from assignment to record: the assigned arm answers, base where it cannot.

The order that matters:
1. assign, before anybody is asked (router.proxy.relay);
2. ask the arm; until its first byte is there, a candidate that fails is replaced by base; while the engine
   works, it is settled whether the other arm is asked too;
3. an answer that is not a stream is passed on when it is complete, so it may fail over until then;
4. the record is in the spool before the client is told that the answer is complete.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from router.proxy.capture import Heard, Interaction
from router.proxy.ending import Ending, Unanswered
from router.proxy.faults import fault_of, fault_of_stream
from router.proxy.strangers import WRONG_MODEL
from router.proxy.tracing import REQUEST_ID
from router.proxy.wire.asking import Request, UpstreamFailed
from router.proxy.wire.client import Client
from router.proxy.wire.exchange import Exchange
from router.proxy.wire.headers import is_stream, with_line
from router.proxy.wire.lines import Lines
from router.proxy.wire.model_name import Renamer, with_length, without_length
from router.proxy.wire.usage_taken import UsageTaken
from telemetry.events import Arm

if TYPE_CHECKING:  # whose interactions these are
    from router.proxy.relay import Relay

_AFTER_DONE_S: Final = 1.0
"""What an engine has for the end of its answer once it has said that all is said."""


class Answering(Ending):
    """One interaction under way."""

    __slots__ = ("_begun", "_exchange", "_renamer", "_request")

    def __init__(self, relay: Relay, interaction: Interaction, request: Request, client: Client) -> None:
        super().__init__(relay, interaction, client, relay.shadows.consider(interaction, request))
        self._request = request
        self._exchange: Exchange | None = None
        self._renamer: Renamer | None = None
        self._begun = b""

    async def run(self) -> None:
        """Answer and record."""
        try:
            exchange = await self._served()
            if self.heard.streamed:
                await self._stream(exchange)
            else:
                await self._whole(exchange)
        except Unanswered as failed:
            await self._nobody(failed)
        except asyncio.CancelledError:  # by the server, whose time for answers in flight is over
            await self._stopped()
        finally:
            self._client.unfollow()
            self._give_up()
            self._told("abandoned")
            self._record("given up by the router before the answer was complete")

    async def _served(self) -> Exchange:
        """The exchange of the arm that answers: the assigned one, or base for a candidate that fails."""
        arm = self._interaction.arm
        if arm == "candidate":
            try:
                return await self._ask(arm)
            except Unanswered as failed:
                if self._client.left:
                    raise
                self.heard.ends()
                self._interaction.falls_back(failed.reason, self.heard.total_ms)
                name = self._relay.engines.name_for(self._interaction.name).encode()
                lines = with_line(self._request.headers, REQUEST_ID, name)
                lines = self._relay.tracing.told(lines, self._interaction, "control")
                self._request = self._request._replace(headers=lines)
                self._relay.counters.fallbacks[failed.reason] += 1
        return await self._ask("control")

    async def _ask(self, arm: Arm) -> Exchange:
        """Ask one arm; returns when its stream begins, or its whole answer is there. Raises Unanswered."""
        self.heard = heard = Heard(arm)
        self._begun = b""
        strangers = self._relay.strangers
        self._admit(arm)
        try:
            asked = await self._relay.engines.begin(arm, self._request, self._follow, self._interaction)
            exchange, self._renamer, self._usage, heard.retried = asked
            heard.begins(exchange.status, streamed=is_stream(exchange.headers))
            if not heard.streamed:
                await exchange.read_all(heard.chunks, self._relay.settings.max_answer_bytes)
            elif strangers.asks(arm):
                # Before its client has any of it: until then base can answer instead.
                self._begun = await strangers.beginning(exchange)
            stranger = strangers.look(heard, self._begun)
            if arm == "candidate":
                self._check(exchange, stranger)
        except UpstreamFailed as failure:
            self._give_up()
            self._told(failure.reason)
            raise Unanswered(failure.reason, failure.message) from failure
        except Unanswered as failed:
            self._give_up()
            self._told(failed.reason)
            raise
        if not heard.streamed:
            self._told(f"status_{heard.status}" if heard.status >= 500 else None)
        return exchange

    def _follow(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._client.follow(exchange)

    def _give_up(self) -> None:
        if self._exchange is not None:
            self._exchange.close()

    def _admit(self, arm: Arm) -> None:
        """Raise Unanswered where the arm has failed so often that it is not asked for a while."""
        standing = self._relay.engines.standing.get(arm)
        if standing is not None:
            self._probe = standing.admit()
            if self._probe is None:
                raise Unanswered("breaker", f"{arm} failed again and again, and is not asked for a while")
            self._standing = standing

    def _check(self, exchange: Exchange, stranger: str | None) -> None:
        """Raise Unanswered where base might do better: it is asked the same, and its answer is what the client gets."""
        status = exchange.status
        if self.heard.streamed:
            fault = fault_of_stream(status, empty=exchange.complete and not (exchange.size or self._begun))
        else:
            fault = fault_of(status, exchange.headers, b"".join(self.heard.chunks))
        if fault is not None:
            raise Unanswered(fault, f"the candidate's answer cannot be passed on: {fault}")
        if stranger is not None:
            raise Unanswered(WRONG_MODEL, f"the candidate's engine has another model: {stranger}")

    async def _whole(self, exchange: Exchange) -> None:
        body, headers = b"".join(self.heard.chunks), exchange.headers
        if self._renamer is not None:
            body = self._renamer.whole(body)
            headers = with_length(headers, len(body))
            self.heard.chunks = [body]
        self._record()
        self._client.unfollow()
        await self._client.start(exchange.status, self._marked(headers))
        await self._client.send(body, last=True)

    async def _stream(self, exchange: Exchange) -> None:
        await self._client.start(exchange.status, self._marked(without_length(exchange.headers)))
        lines, last, size = Lines(), False, 0
        most = self._relay.settings.max_answer_bytes
        try:
            while not last:
                data, self._begun = self._begun or await exchange.read(), b""
                last = exchange.complete and not exchange.size
                size += len(data)
                if size > most and not exchange.complete:
                    exchange.close("too_long", f"the stream is longer than {most} bytes")
                    continue  # and the next read says so
                data = lines.part(data, last=last)
                if self._renamer is not None:
                    data = self._renamer.whole(data)
                self.heard.chunks.append(data)
                # A client may act on [DONE], and leave, without waiting for the end of the message.
                if last or (lines.done and not self._recorded):
                    self._record()
                    exchange.hurry(_AFTER_DONE_S)
                if last:
                    self._client.unfollow()
                if self._usage is not None and (last or self._usage.touches(data)):
                    data = self._without_usage(self._usage, data, last=last)
                if data or last:
                    await self._client.send(data, last=last)
            self._told(None)
        except UpstreamFailed as failure:
            await self._cut(failure)

    def _without_usage(self, usage: UsageTaken, data: bytes, *, last: bool) -> bytes:
        """What of a stream's lines its client would have without us; what they cost is still to be counted."""
        kept = usage.part(data, last=last)
        if self._client.meter is not None and usage.taken:
            self._client.meter.saw(usage.taken)
        return kept
