"""Shadows: some requests are also sent to the arm that was not assigned. Nobody waits for it but the record.

Which ones is settled by the prompt alone, before any answer is seen: a lot (a hash of the interaction's id)
against the fraction that the prompt's capability has in the rollout's state. Settling it comes after the client's
own request has gone out, while its engine works, so that it costs no client time.
"""

from __future__ import annotations

import asyncio
import logging

from router.proxy.assign import shadow_lot
from router.proxy.capture import Heard, Interaction, other_arm
from router.proxy.counters import Counters
from router.proxy.engines import Engines, is_stream
from router.proxy.load import Load
from router.proxy.settings import RouterSettings
from router.proxy.shadowing.coupling import seed_of
from router.proxy.shadowing.table_watch import TableWatch
from router.proxy.strangers import WRONG_MODEL, Strangers
from router.proxy.tracing import REQUEST_ID, Tracing
from router.proxy.wire.asking import Request, UpstreamFailed
from router.proxy.wire.exchange import Exchange
from router.proxy.wire.headers import with_line
from router.proxy.wire.model_name import Renamer
from telemetry.events import Arm
from telemetry.prompts import prompt_in

log = logging.getLogger(__name__)


class Shadow:
    """One interaction's chance of a shadow. `task` hears the other arm, where it was drawn."""

    __slots__ = ("_interaction", "_lot", "_request", "_shadows", "settled", "task")

    def __init__(self, shadows: Shadows, interaction: Interaction, request: Request, lot: float) -> None:
        self._shadows = shadows
        self._interaction = interaction
        self._request = request
        self._lot = lot
        self.settled = False
        self.task: asyncio.Task[Heard] | None = None

    def settle(self) -> None:
        """Draw, once: note the draw in the interaction, and ask the other arm where it fell so.

        A mistake costs the shadow, never the interaction: it is told of a prompt that had no chance of one.
        """
        if self.settled:
            return
        self.settled = True
        try:
            self._draw()
        except Exception:
            log.exception("interaction %s: its shadow could not be drawn", self._interaction.event_id)

    def _draw(self) -> None:
        interaction, shadows = self._interaction, self._shadows
        table = shadows.table.current
        capability = table.tag(prompt_in(interaction.body)) if table is not None else None
        fraction = interaction.rollout.fraction_of(capability)
        drawn = self._lot < fraction and shadows.has_room()
        interaction.draw = {"capability": capability, "fraction": fraction, "drawn": drawn}
        if drawn and interaction.seed is not None:
            interaction.draw["seed"] = interaction.seed
        if drawn:
            self.task = shadows.ask(interaction, self._request)


class Shadows:
    """Draws and asks. `table` is what tells capabilities apart, if anything does."""

    def __init__(
        self,
        engines: Engines,
        table: TableWatch,
        settings: RouterSettings,
        counters: Counters,
        load: Load,
        strangers: Strangers,
        tracing: Tracing,
    ) -> None:
        self.table = table
        self._strangers, self._tracing = strangers, tracing
        self._engines = engines
        self._limit = settings.shadow_limit
        self._most_bytes = settings.max_answer_bytes
        self._patience_s = settings.timeouts.shadow_s
        self._counters = counters
        self._load = load
        self._running: set[asyncio.Task[Heard]] = set()

    def consider(self, interaction: Interaction, request: Request) -> Shadow | None:
        """Have it settled as soon as the loop is free; None where no prompt could be drawn with this lot."""
        rollout = interaction.rollout
        if rollout.most <= 0.0 or not interaction.counts:
            return None
        lot = shadow_lot(rollout.salt, interaction.event_id)
        if lot >= rollout.most:
            return None
        if self._engines.couples:
            interaction.seed = seed_of(interaction.event_id)
        shadow = Shadow(self, interaction, request, lot)
        asyncio.get_running_loop().call_soon(shadow.settle)
        return shadow

    def has_room(self) -> bool:
        """Whether another shadow may run, which knows neither arm nor answer; what goes without is counted."""
        if len(self._running) < self._limit and self._load.bears_shadows():
            return True
        self._counters.shadows_skipped += 1
        return False

    def ask(self, interaction: Interaction, request: Request) -> asyncio.Task[Heard]:
        """Ask the arm that was not assigned."""
        self._counters.shadows += 1
        task = asyncio.create_task(self._heard(interaction, request))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _heard(self, interaction: Interaction, request: Request) -> Heard:
        """What the other arm answers. One that its breaker keeps from being asked has failed, as it has for clients."""
        arm = other_arm(interaction.arm)
        standing = self._engines.standing.get(arm)
        probe = standing.admit() if standing is not None else False
        if probe is None:
            heard = Heard(arm)
            heard.ends("it failed again and again, and is not asked for a while")
            self._counters.shadows_failed[arm] += 1
            return heard
        reason: str | None = "abandoned"
        try:
            named = with_line(request.headers, REQUEST_ID, f"{interaction.name}-shadow".encode())
            named = self._tracing.told(named, interaction, "shadow")
            heard, reason = await self._hear(arm, request._replace(headers=named), interaction)
        finally:
            if standing is not None:
                standing.heard(reason, interaction.subject, probe=probe)
        if heard.error is not None:
            self._counters.shadows_failed[arm] += 1
        return heard

    async def _hear(self, arm: Arm, request: Request, interaction: Interaction) -> tuple[Heard, str | None]:
        heard, reason = Heard(arm), None
        exchanges: list[Exchange] = []
        renamer: Renamer | None = None
        try:
            async with asyncio.timeout(self._patience_s):
                asked = await self._engines.begin(arm, request, exchanges.append, interaction)
                exchange, renamer, heard.retried = asked.exchange, asked.renamer, asked.retried
                heard.begins(exchange.status, streamed=is_stream(exchange.headers))
                await exchange.read_all(heard.chunks, self._most_bytes)
            stranger = self._stranger(heard)
            heard.ends(stranger)
            if stranger is not None:
                reason = WRONG_MODEL
            elif heard.status >= 500:
                reason = f"status_{heard.status}"
        except UpstreamFailed as failure:
            heard.ends(failure.message)
            reason = failure.reason
        except TimeoutError:
            heard.ends(f"no answer within {self._patience_s:g} s")
            reason = "timeout"
        finally:
            for exchange in exchanges:
                exchange.close()
        if renamer is not None:
            heard.chunks = [renamer.whole(b"".join(heard.chunks))]
        return heard, reason

    def _stranger(self, heard: Heard) -> str | None:
        """What is wrong with a candidate's answer that is another model's; base's is told of, and is base's."""
        why = self._strangers.look(heard)
        return f"another model: {why}" if why is not None and heard.served_by == "candidate" else None
