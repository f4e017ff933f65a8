"""The replicas of one arm: who is asked next, what each has to do, and how each stands.

Told of a request's end by the exchange itself, so that whoever asks an arm need not know that it has several.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from random import getrandbits
from typing import Any, NamedTuple

from router.proxy.breaker import speaks_against
from router.proxy.replicas.choosing import least_loaded, preferred
from router.proxy.replicas.health import WELL, Health, ReplicaSettings, answered, checked, failed, weight_of
from router.proxy.wire.asking import Patience, Request
from router.proxy.wire.exchange import Exchange
from router.proxy.wire.retries import RetryBudget
from router.proxy.wire.upstream import Upstream
from telemetry.events import Arm

log = logging.getLogger(__name__)


class Replica:
    """One of them. `load` are requests in flight, the rest counts since the start. `name` is its URL's address."""

    __slots__ = ("asked", "ejections", "failed", "health", "key", "load", "name", "upstream")

    def __init__(self, url: str, connect_s: float) -> None:
        self.upstream = Upstream(url, connect_s=connect_s)
        self.name = url.partition("://")[2].rpartition("@")[2].rstrip("/").removesuffix("/v1")
        self.key = int.from_bytes(blake2b(self.name.encode(), digest_size=8).digest())
        self.health: Health = WELL
        self.load = self.asked = self.failed = self.ejections = 0


class Replicas:
    """Several engines that serve the same. `budget` bounds the requests that are sent to a second one."""

    def __init__(
        self,
        arm: Arm,
        urls: tuple[str, ...],
        settings: ReplicaSettings,
        connect_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._arm, self._settings, self._clock = arm, settings, clock
        self.each = tuple(Replica(url, connect_s) for url in urls)
        self.budget = RetryBudget()
        self._keys = [replica.key for replica in self.each]

    def first(self, subject: str, *, sticky: bool) -> Chosen:
        """Who is asked for this subject (its digest): its own replica where it is `sticky`, else the least busy.

        Where none is well, all may be asked: each may have recovered, and somebody has to find out.
        """
        self.budget.asked()
        weights = self._weights()
        return self._chosen(weights if any(weights) else [1.0] * len(weights), subject, sticky=sticky)

    def second(self, first: Chosen) -> Chosen | None:
        """Who is asked after a first one that failed; None where no other is well, or no budget is left."""
        weights = self._weights(but=first.replica)
        if not any(weights) or not self.budget.take():
            return None
        return self._chosen(weights, first.subject, sticky=first.sticky)

    def ended(self, replica: Replica, subject: str, exchange: Exchange) -> None:
        """A request to it has ended, one way or the other."""
        replica.load -= 1
        reason: str | None = None
        if exchange.status >= 500:  # also where nobody waited for the rest of it
            reason = f"status_{exchange.status}"
        elif exchange.failure is not None:
            reason = exchange.failure.reason
        if reason is None:
            if replica.health is not WELL:
                replica.health = answered(replica.health, self._clock(), self._settings)
        elif speaks_against(reason):
            self._failed(replica, subject if reason != "refused" else None, reason)

    def checked(self, replica: Replica, *, well: bool) -> None:
        """What a check of it has found."""
        settings, before = self._settings, replica.health
        replica.health = now = checked(before, self._clock(), settings, well=well)
        away = [health.failed_checks >= settings.failed_checks for health in (before, now)]
        if away == [False, True]:
            log.warning(
                "replica %s of %s does not pass its checks, and is not asked", replica.name, self._arm
            )
        elif away == [True, False]:
            log.info("replica %s of %s passes its checks again", replica.name, self._arm)

    def told(self) -> dict[str, dict[str, Any]]:
        """How each stands, by its name. Whole numbers, which several workers add up."""
        at = self._clock()
        return {
            replica.name: {
                "in_flight": replica.load,
                "ejected": int(weight_of(replica.health, at, self._settings) <= 0.0),
                "asked": replica.asked,
                "failed": replica.failed,
                "ejections": replica.ejections,
            }
            for replica in self.each
        }

    def close(self) -> None:
        """Close the idle connections."""
        for replica in self.each:
            replica.upstream.close()

    def _chosen(self, weights: list[float], subject: str, *, sticky: bool) -> Chosen:
        loads = [replica.load for replica in self.each]
        if sticky:
            # The digest's other half says which arm it has: a small share's subjects all begin alike.
            lot = int(subject[16:], 16)
            index = preferred(lot, self._keys, loads, weights, self._settings.bound)
        else:
            index = least_loaded(getrandbits(64), self._keys, loads, weights)
        return Chosen(self, self.each[index], subject, sticky)

    def _weights(self, but: Replica | None = None) -> list[float]:
        at, settings = self._clock(), self._settings
        return [
            0.0
            if replica is but
            else 1.0
            if replica.health is WELL
            else weight_of(replica.health, at, settings)
            for replica in self.each
        ]

    def _failed(self, replica: Replica, subject: str | None, reason: str) -> None:
        at, settings, before = self._clock(), self._settings, replica.health
        replica.failed += 1
        last = not any(
            weight_of(other.health, at, settings) > 0.0 for other in self.each if other is not replica
        )
        replica.health = now = failed(before, at, subject, settings, last=last)
        if now.ejections > before.ejections:
            replica.ejections += 1
            log.warning(
                "replica %s of %s is not asked for %g s: it keeps failing (%s)",
                replica.name, self._arm, now.until - at, reason,
            )  # fmt: skip


class Chosen(NamedTuple):
    """A replica that is asked, and for whom. `exchange` is as an `Upstream`'s."""

    replicas: Replicas
    replica: Replica
    subject: str
    sticky: bool

    def exchange(self, request: Request, patience: Patience) -> Exchange:
        """A request to it, not yet sent, which counts as in flight until it is complete or closed."""
        exchange = self.replica.upstream.exchange(request, patience)
        exchange.ended = partial(self.replicas.ended, self.replica, self.subject)
        self.replica.load += 1
        self.replica.asked += 1
        return exchange
