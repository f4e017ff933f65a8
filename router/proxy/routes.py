"""The router's routes: the model that a request asks for chooses base and candidate, and the rollout between them.

A route has engines, rollout file, shadows and counts of its own: what happens on one touches no other. The default
route takes what names no route, where there is one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from router.proxy.capture import Recorder
from router.proxy.counters import Counters
from router.proxy.engines import Engines
from router.proxy.in_force import RolloutWatch
from router.proxy.load import Load
from router.proxy.relay import Relay
from router.proxy.settings import Arms, RouterSettings
from router.proxy.shadowing.shadows import Shadows
from router.proxy.shadowing.table_watch import TableWatch
from router.proxy.strangers import Strangers
from router.proxy.tracing import Tracing
from router.proxy.wire.asked_model import asked_model
from telemetry.events import DEFAULT_ROUTE
from telemetry.spool.writer import Spool
from telemetry.tracing.asked import sampling_asked


class NoRoute(Exception):
    """No route takes a request. `model` is what it asked for, None where it named no model."""

    def __init__(self, model: str | None) -> None:
        super().__init__(f"no route takes {model!r}")
        self.model = model


@dataclass(frozen=True, slots=True)
class Route:
    """One public model: what answers for it, and what is in force. Raises SettingsError where a key is not set."""

    name: str
    rollout: RolloutWatch
    table: TableWatch
    engines: Engines
    recorder: Recorder
    counters: Counters
    relay: Relay

    @classmethod
    def of(cls, name: str, arms: Arms, settings: RouterSettings, spool: Spool, load: Load) -> Route:
        """A route as the settings have it; its interactions go into `spool`."""
        counters, table = Counters(), TableWatch(arms.table_file)
        engines = Engines(
            arms,
            settings.timeouts,
            settings.breaker,
            settings.replicas,
            ask_usage=settings.ask_usage,
            couple=settings.couple_pairs,
        )
        strangers, tracing = Strangers(arms, counters), Tracing(sampling_asked(os.environ))
        recorder = Recorder(spool, settings.router_id, counters, engines.secrets)
        relay = Relay(
            settings,
            engines,
            Shadows(engines, table, settings, counters, load, strangers, tracing),
            strangers,
            recorder,
            counters,
            tracing,
            session_header=settings.session_header.encode(),
            end_user_header=settings.end_user_header.encode(),
        )
        rollout = RolloutWatch(arms.rollout_file, default_salt=settings.default_salt or settings.router_id)
        return cls(name, rollout, table, engines, recorder, counters, relay)

    async def close(self) -> None:
        """End the shadows that are under way, and close idle connections."""
        await self.recorder.close()
        self.engines.close()


class Routes:
    """All routes of a router. `unrouted` counts the requests that none of them takes.

    `first` is the default route where there is one, else any: for what asks the router, and no model.
    """

    def __init__(self, settings: RouterSettings, spool: Spool, load: Load) -> None:
        self._by_name = {
            name: Route.of(name, arms, settings, spool, load) for name, arms in settings.each_route().items()
        }
        self.default = self._by_name.get(DEFAULT_ROUTE)
        self.first = next(iter(self._by_name.values()))
        self.public = tuple(settings.routes)
        self.unrouted = 0

    def __iter__(self) -> Iterator[Route]:
        return iter(self._by_name.values())

    def of(self, body: bytes) -> Route:
        """The route of a request with this body. Raises NoRoute, and TooDeep where the body cannot be looked at."""
        if not self.public and self.default is not None:
            return self.default  # whatever the body says
        model = asked_model(body)
        route = self._by_name.get(model or "", self.default)
        if route is None:
            self.unrouted += 1
            raise NoRoute(model)
        return route
