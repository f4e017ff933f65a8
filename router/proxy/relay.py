"""One interaction from assignment to record: the assigned arm answers, base where it cannot.

The order that matters:
1. assign, before anybody is asked;
2. ask the arm; until its first byte is there, a candidate that fails is replaced by base; while the engine
   works, it is settled whether the other arm is asked too;
3. an answer that is not a stream is passed on when it is complete, so it may fail over until then;
4. the record is in the spool before the client is told that the answer is complete.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from router.proxy.assign import subject_of
from router.proxy.capture import EndpointKind, Heard, Interaction, Recorder
from router.proxy.counters import Counters
from router.proxy.engines import Engines
from router.proxy.faults import fault_of, fault_of_stream
from router.proxy.identity import end_user_and_rest
from router.proxy.in_force import InForce
from router.proxy.settings import RouterSettings
from router.proxy.shadowing.shadows import Shadows
from router.proxy.standing import Standing
from router.proxy.strangers import WRONG_MODEL, Strangers
from router.proxy.tracing import REQUEST_ID, request_id_in, traceparent_in
from router.proxy.wire import answers
from router.proxy.wire.client import Client, Scope
from router.proxy.wire.headers import Headers, is_stream, request_lines, request_target, with_line
from router.proxy.wire.lines import Lines
from router.proxy.wire.model_name import Renamer, with_length, without_length
from router.proxy.wire.upstream import Exchange, Request, UpstreamFailed
from router.proxy.wire.usage import UsageTaken
from telemetry.events import CUT_BY_ROUTER, Arm
from telemetry.log_fields import note

_AFTER_DONE_S: Final = 1.0
"""What an engine has for the end of its answer once it has said that all is said."""


class Unanswered(Exception):
    """An arm gave no answer that could be passed on. `reason` is one word, `why` tells it to people."""

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason = reason
        self.why = why


@dataclass(frozen=True, slots=True)
class Relay:
    """What answering an interaction needs; one a route."""

    settings: RouterSettings
    engines: Engines
    shadows: Shadows
    strangers: Strangers
    recorder: Recorder
    counters: Counters
    session_header: bytes
    end_user_header: bytes

    async def answer(
        self,
        scope: Scope,
        client: Client,
        body: bytes,
        kind: EndpointKind,
        rollout: InForce,
        *,
        counts: bool = True,
    ) -> None:
        """Answer one request and record it; `counts` says whether it is evidence. Raises TooDeep."""
        end_user, recorded = end_user_and_rest(body)
        headers = dict(scope["headers"])
        found = subject_of(
            headers,
            end_user,
            session_header=self.session_header,
            end_user_header=self.end_user_header,
        )
        interaction = Interaction(rollout, found, kind, recorded)
        interaction.counts = counts
        self.counters.requests[interaction.arm] += 1
        interaction.request_id, interaction.traceparent = request_id_in(headers), traceparent_in(headers)
        note(
            {
                "request_id": interaction.name,
                "interaction_id": interaction.event_id,
                "rollout_id": rollout.rollout_id,
            }
        )
        client.add_header(REQUEST_ID, interaction.name.encode())
        lines = request_lines(scope["headers"], self.settings.dropped_headers)
        name = self.engines.name_for(interaction.name)
        if name != interaction.request_id:  # which the client's own headers say
            lines = with_line(lines, REQUEST_ID, name.encode())
        request = Request(b"POST", request_target(scope), lines, body)
        await Answering(self, interaction, request, client).run()


class Answering:
    """One interaction under way. `heard` is the answer of the arm that serves it."""

    __slots__ = (
        "_begun", "_client", "_exchange", "_interaction", "_probe", "_recorded", "_relay", "_renamer", "_request",
        "_shadow", "_standing", "_usage", "heard",
    )  # fmt: skip

    def __init__(self, relay: Relay, interaction: Interaction, request: Request, client: Client) -> None:
        self._relay = relay
        self._interaction = interaction
        self._request = request
        self._client = client
        self._shadow = relay.shadows.consider(interaction, request)
        self._exchange: Exchange | None = None
        self._renamer: Renamer | None = None
        self._usage: UsageTaken | None = None
        self._begun = b""
        self._standing: Standing | None = None
        self._probe: bool | None = False
        self._recorded = False
        self.heard = Heard(interaction.arm)

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
                self._interaction.fallback = failed.reason
                name = self._relay.engines.name_for(self._interaction.name).encode()
                self._request = self._request._replace(
                    headers=with_line(self._request.headers, REQUEST_ID, name)
                )
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

    def _told(self, reason: str | None) -> None:
        """Tell the arm's breaker, once, what became of the request to it."""
        standing, self._standing = self._standing, None
        if standing is not None:
            if reason is not None and not self._interaction.counts:
                reason = "abandoned"  # what a breaker keeps away has failed, which is no stranger's to decide
            standing.heard(reason, self._interaction.subject, probe=bool(self._probe))

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
                if self._usage is not None and self._usage.touches(data):
                    data = self._without_usage(self._usage, data)
                if data or last:
                    await self._client.send(data, last=last)
            self._told(None)
        except UpstreamFailed as failure:
            await self._cut(failure)

    def _without_usage(self, usage: UsageTaken, data: bytes) -> bytes:
        """What of a stream's lines its client would have without us; what they cost is still to be counted."""
        kept = usage.part(data)
        if self._client.meter is not None and len(kept) < len(data):
            self._client.meter.saw(data)
        return kept

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
        await self._client.send(answers.stream_error(sent, failure.reason), last=True)

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
            await self._client.send(answers.stream_error(sent, "the router stops"), last=True)
            return
        status, headers, body = answers.stopping(self._relay.settings.retry_after_s)
        await self._client.answer(status, self._marked(headers), body)

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
            self._relay.counters.outcomes[heard.served_by].count(heard, left=self._interaction.client_left)
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
