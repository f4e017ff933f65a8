"""Asks the replicas of an arm how they are, every few seconds, where the settings say so."""

from __future__ import annotations

import asyncio
import logging

from router.proxy.replicas.replicas import Replica, Replicas
from router.proxy.wire.asking import Patience, Request, UpstreamFailed

log = logging.getLogger(__name__)


class Checks:
    """GET `path` of each replica; one that does not answer within `every_s`, or with no success, has failed.

    `headers` are whole lines, the engine's key among them where it has one.
    """

    def __init__(self, replicas: Replicas, path: str, every_s: float, headers: bytes) -> None:
        self._replicas = replicas
        self._request = Request(b"GET", path.encode(), headers, b"")
        self._every_s = every_s

    async def follow(self) -> None:
        """Check until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._every_s)

    async def look(self) -> None:
        """Check each once; takes `every_s` at most. Raises nothing."""
        each = self._replicas.each
        found = await asyncio.gather(*(self._is_well(replica) for replica in each), return_exceptions=True)
        for replica, well in zip(each, found, strict=True):
            if isinstance(well, BaseException):
                log.error("replica %s could not be checked", replica.name, exc_info=well)
            else:
                self._replicas.checked(replica, well=well)

    async def _is_well(self, replica: Replica) -> bool:
        patience = Patience(self._every_s, self._every_s, self._every_s)
        exchange = replica.upstream.exchange(self._request, patience)
        try:
            await exchange.start()
            while await exchange.read():
                pass
        except UpstreamFailed:
            return False
        finally:
            exchange.close()
        return 200 <= exchange.status < 300
