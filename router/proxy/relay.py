"""What a route's interactions are answered with: assigned here, before anybody is asked, then answered."""

from __future__ import annotations

from dataclasses import dataclass

from router.proxy.answering import Answering
from router.proxy.assign import subject_of
from router.proxy.capture import EndpointKind, Interaction, Recorder
from router.proxy.counters import Counters
from router.proxy.engines import Engines
from router.proxy.identity import end_user_and_rest
from router.proxy.in_force import InForce
from router.proxy.settings import RouterSettings
from router.proxy.shadowing.shadows import Shadows
from router.proxy.strangers import Strangers
from router.proxy.tracing import REQUEST_ID, Tracing, request_id_in, traceparent_in
from router.proxy.wire.asking import Request
from router.proxy.wire.client import Client, Scope
from router.proxy.wire.headers import request_lines, request_target, with_line
from telemetry.log_fields import note


@dataclass(frozen=True, slots=True)
class Relay:
    """What answering an interaction needs; one a route."""

    settings: RouterSettings
    engines: Engines
    shadows: Shadows
    strangers: Strangers
    recorder: Recorder
    counters: Counters
    tracing: Tracing
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
        key: str | None = None,
    ) -> None:
        """Answer one request and record it; `counts` says whether it is evidence, `key` names the one it came by.

        Raises TooDeep.
        """
        end_user, recorded = end_user_and_rest(body)
        headers = dict(scope["headers"])
        found = subject_of(
            headers,
            end_user,
            session_header=self.session_header,
            end_user_header=self.end_user_header,
        )
        interaction = Interaction(rollout, found, kind, recorded)
        interaction.counts, interaction.key = counts, key
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
        lines = self.tracing.told(lines, interaction, interaction.arm)
        request = Request(b"POST", request_target(scope), lines, body)
        await Answering(self, interaction, request, client).run()
