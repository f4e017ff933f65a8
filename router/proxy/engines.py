"""The engines of a route's two arms, and how an arm is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import getrandbits
from typing import Final, NamedTuple

from router.proxy.breaker import BreakerSettings
from router.proxy.settings import Arms, Timeouts
from router.proxy.standing import Standing
from router.proxy.usage_asking import UsageAsking
from router.proxy.wire.headers import is_stream, with_authorization
from router.proxy.wire.model_name import Renamer, rename_request
from router.proxy.wire.upstream import Exchange, Patience, Request, Upstream
from router.proxy.wire.usage import UsageTaken, asking_for_usage
from serving.engines.address import authorization
from telemetry.events import Arm

_SHORTEST_KEY: Final = 8

__all__ = ["Asked", "Engines", "is_stream"]


class Asked(NamedTuple):
    """An exchange with an arm, not yet started, what puts the client's model name back, and what takes usage out."""

    exchange: Exchange
    renamer: Renamer | None
    usage: UsageTaken | None = None


class Engines:
    """Asks arms. Base has the whole time for its first byte, the candidate less: base can answer for it.

    `standing` has the breakers of those arms that have one: whoever asks such an arm asks it first, and tells it after.
    Raises SettingsError where an arm's key is not in the environment.
    """

    def __init__(
        self, arms: Arms, times: Timeouts, breaker: BreakerSettings, *, ask_usage: bool = False
    ) -> None:
        first_byte_s = {"control": times.total_s, "candidate": times.candidate_first_byte_s}
        self._patience = {
            arm: Patience(seconds, times.stall_s, times.total_s) for arm, seconds in first_byte_s.items()
        }
        self._models = {endpoint.arm: endpoint.model for endpoint in (arms.control, arms.candidate)}
        self._keys: Mapping[Arm, bytes] = {
            endpoint.arm: authorization(endpoint.key_env, f"the {endpoint.arm} arm")["authorization"].encode()
            for endpoint in (arms.control, arms.candidate)
            if endpoint.key_env is not None
        }
        self._upstreams = {
            endpoint.arm: Upstream(endpoint.url, connect_s=times.connect_s)
            for endpoint in (arms.control, arms.candidate)
        }

        self.standing: dict[Arm, Standing] = {"candidate": Standing("candidate", breaker)}
        self.usage = UsageAsking(on=ask_usage)
        self._are_one = len({(upstream.host, upstream.port) for upstream in self._upstreams.values()}) == 1
        if breaker.base:
            self.standing["control"] = Standing("control", breaker)

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """The engines' own keys, but for those so short that words have them too."""
        keys = (header.partition(b" ")[2] for header in self._keys.values())
        return tuple(key for key in keys if len(key) >= _SHORTEST_KEY)

    @property
    def retries(self) -> tuple[int, int]:
        """How often a request was sent again on a fresh connection, and how often there was no budget for that."""
        budgets = [upstream.budget for upstream in self._upstreams.values()]
        return sum(budget.taken for budget in budgets), sum(budget.refused for budget in budgets)

    def name_for(self, name: str) -> str:
        """What a request of this name is called where it is asked now.

        Where both arms are one engine it may be asked twice there, which takes no two requests of one name. vLLM says
        that name in its answers, where it must not tell which arm it was: so each time has an addition of chance.
        """
        return f"{name}-{getrandbits(32):08x}" if self._are_one else name

    def ask(self, arm: Arm, request: Request, *, usage: bool = False) -> Asked:
        """The request to an arm, under the name by which its engine knows the model.

        With `usage` a stream's is asked for, and has to be taken out of the answer where `Asked.usage` says so.
        """
        model, renamer, taken = self._models[arm], None, None
        if arm in self._keys:
            request = request._replace(headers=with_authorization(request.headers, self._keys[arm]))
        if usage and (asking := asking_for_usage(request.body)) is not None:
            request, taken = request._replace(body=asking), UsageTaken()
        if model is not None:
            body, alias = rename_request(request.body, model)
            request = request._replace(body=body)
            renamer = Renamer(model, alias) if alias is not None else None
        return Asked(self._upstreams[arm].exchange(request, self._patience[arm]), renamer, taken)

    async def begin(self, arm: Arm, request: Request, follow: Callable[[Exchange], None]) -> Asked:
        """Ask an arm, for a stream's usage too; returns when its answer begins. Raises UpstreamFailed.

        `follow` is told of an exchange before it starts: whoever gave it closes that. An engine that may refuse to be
        asked for usage is asked a second time, without.
        """
        asked = self.ask(arm, request, usage=self.usage.asks(arm))
        follow(asked.exchange)
        await asked.exchange.start()
        if asked.usage is None:
            return asked
        status = asked.exchange.status
        if not self.usage.may_be_why(arm, status):
            if status == 200:
                self.usage.took(arm)
            return asked
        asked.exchange.close()
        asked = self.ask(arm, request)
        follow(asked.exchange)
        await asked.exchange.start()
        if asked.exchange.status < 400:
            self.usage.is_why(arm)
        return asked

    def close(self) -> None:
        """Close the idle connections."""
        for upstream in self._upstreams.values():
            upstream.close()
