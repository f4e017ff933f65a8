"""The engines of a route's two arms, and how an arm is asked.

An arm with several replicas is asked by `_of_several`, whose rules are those of both arms; any other by `_try` alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from random import getrandbits
from typing import Final, NamedTuple

from router.proxy.additions import Addition
from router.proxy.breaker import BreakerSettings
from router.proxy.capture import Interaction
from router.proxy.replicas.checks import Checks
from router.proxy.replicas.health import ReplicaSettings
from router.proxy.replicas.replicas import Chosen, Replicas
from router.proxy.settings import Arms, Timeouts
from router.proxy.shadowing.coupling import with_seed
from router.proxy.standing import Standing
from router.proxy.usage_asking import UsageAsking
from router.proxy.wire.asking import Patience, Request, UpstreamFailed
from router.proxy.wire.exchange import Exchange
from router.proxy.wire.headers import is_stream, with_authorization
from router.proxy.wire.model_name import Renamer, rename_request
from router.proxy.wire.upstream import Upstream
from router.proxy.wire.usage import asking_for_usage
from router.proxy.wire.usage_taken import UsageTaken
from serving.engines.address import authorization
from telemetry.events import Arm

_SHORTEST_KEY: Final = 8

__all__ = ["Asked", "Engines", "is_stream"]


Follow = Callable[[Exchange], None]


class Asked(NamedTuple):
    """An exchange with an arm, what puts the client's model name back, and what takes usage out.

    `retried` says why another replica of the arm was asked before, None where none was.
    """

    exchange: Exchange
    renamer: Renamer | None
    usage: UsageTaken | None = None
    retried: str | None = None


class Engines:
    """Asks arms. Base has the whole time for its first byte, the candidate less: base can answer for it.

    `standing` has the breakers of those arms that have one: whoever asks such an arm asks it first, and tells it after.
    `replicas` has the arms with several. Raises SettingsError where an arm's key is not in the environment.
    """

    def __init__(
        self,
        arms: Arms,
        times: Timeouts,
        breaker: BreakerSettings,
        replicas: ReplicaSettings | None = None,
        *,
        ask_usage: bool = False,
        couple: bool = False,
    ) -> None:
        both = (arms.control, arms.candidate)
        first_byte_s = {"control": times.total_s, "candidate": times.candidate_first_byte_s}
        self._patience = {
            arm: Patience(seconds, times.stall_s, times.total_s) for arm, seconds in first_byte_s.items()
        }
        # The same for both arms, whatever time each has: neither is to be asked again more often.
        self._soon_s = 0.5 * min(first_byte_s.values())
        self._models = {endpoint.arm: endpoint.model for endpoint in both}
        self._keys: Mapping[Arm, bytes] = {
            endpoint.arm: authorization(endpoint.key_env, f"the {endpoint.arm} arm")["authorization"].encode()
            for endpoint in both
            if endpoint.key_env is not None
        }
        spread = replicas or ReplicaSettings()
        self.replicas: dict[Arm, Replicas] = {
            endpoint.arm: Replicas(endpoint.arm, endpoint.replicas, spread, times.connect_s)
            for endpoint in both
            if len(endpoint.replicas) > 1
        }
        self._alone: dict[Arm, Upstream] = {
            endpoint.arm: Upstream(endpoint.replicas[0], connect_s=times.connect_s)
            for endpoint in both
            if endpoint.arm not in self.replicas
        }
        self.checks = self._checks(spread)
        self.standing: dict[Arm, Standing] = {"candidate": Standing("candidate", breaker)}
        self.usage = UsageAsking(on=ask_usage)
        self.seeds = Addition("seed", "pairs are drawn with noise of their own", on=couple)
        places = [{(one.host, one.port) for one in self._upstreams(endpoint.arm)} for endpoint in both]
        self._share_one = not places[0].isdisjoint(places[1])
        if breaker.base:
            self.standing["control"] = Standing("control", breaker)

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """The engines' own keys, but for those so short that words have them too."""
        keys = (header.partition(b" ")[2] for header in self._keys.values())
        return tuple(key for key in keys if len(key) >= _SHORTEST_KEY)

    @property
    def couples(self) -> bool:
        """Whether both arms can be asked with one seed, as far as is known."""
        return all(self.seeds.asks(arm) for arm in self._models)

    @property
    def retries(self) -> tuple[int, int]:
        """How often a request was sent again on a fresh connection, and how often there was no budget for that."""
        budgets = [upstream.budget for arm in self._models for upstream in self._upstreams(arm)]
        return sum(budget.taken for budget in budgets), sum(budget.refused for budget in budgets)

    def name_for(self, name: str) -> str:
        """What a request of this name is called where it is asked now.

        Where both arms have an engine in common it may be asked twice there, which takes no two requests of one name.
        vLLM says that name in its answers, where it must not tell which arm it was: so each time has an addition of
        chance.
        """
        return f"{name}-{getrandbits(32):08x}" if self._share_one else name

    def begin(
        self, arm: Arm, request: Request, follow: Follow, whose: Interaction | None = None
    ) -> Awaitable[Asked]:
        """Ask an arm; what is returned is done when its answer begins. Raises UpstreamFailed then.

        `follow` is told of an exchange before it starts: whoever gave it closes that. `whose` is the interaction, whose
        stream's usage is asked for too: it is to be taken out of the answer where `Asked.usage` says so. An engine that
        may refuse to be asked for usage is asked a second time, without.
        """
        several = self.replicas.get(arm)
        if several is not None:
            return self._of_several(several, arm, request, follow, whose)
        return self._try(self._alone[arm], self._patience[arm], arm, request, follow, whose)

    async def _of_several(
        self, several: Replicas, arm: Arm, request: Request, follow: Follow, whose: Interaction | None
    ) -> Asked:
        """Ask one replica and, where that fails before its first byte, once another in what is left of the time.

        Not where it took long to fail: an engine that was late has most likely much to do.
        """
        loop, patience = asyncio.get_running_loop(), self._patience[arm]
        began = loop.time()
        first = several.first(whose.subject if whose is not None else "", sticky=_is_somebodys(whose))
        found: Asked | UpstreamFailed
        try:
            found = await self._try(first, patience, arm, request, follow, whose)
        except UpstreamFailed as failure:
            found = failure
        reason, took_s = _why_again(found), loop.time() - began
        in_time = took_s <= self._soon_s
        # What is only passed on may be more than a question: it is asked again where nobody has heard it.
        if reason is not None and in_time and (whose is not None or reason == "refused"):
            second = several.second(first)
            if second is not None:
                if isinstance(found, Asked):
                    found.exchange.close()
                again = await self._try(second, patience.after(took_s), arm, request, follow, whose)
                return again._replace(retried=reason)
        if isinstance(found, UpstreamFailed):
            raise found
        return found

    async def _try(
        self,
        to: Upstream | Chosen,
        patience: Patience,
        arm: Arm,
        request: Request,
        follow: Follow,
        whose: Interaction | None,
    ) -> Asked:
        seed = None if whose is None else whose.seed
        usage, refused = whose is not None and self.usage.asks(arm), []
        while True:
            body = self._coupled(request, whose, seed)
            sent = request if body is None else request._replace(body=body)
            asked = self._asked(to, patience, arm, sent, usage=usage)
            follow(asked.exchange)
            await asked.exchange.start()
            status = asked.exchange.status
            if whose is not None and body is not None and self.seeds.may_be_why(arm, status):
                seed = whose.seed = None
                refused.append(self.seeds)
            elif asked.usage is not None and self.usage.may_be_why(arm, status):
                usage = False
                refused.append(self.usage)
            else:
                break
            asked.exchange.close()
        if status == 200:
            if body is not None:
                self.seeds.took(arm)
            if asked.usage is not None:
                self.usage.took(arm)
        if refused and status < 400:  # what was taken out last made the difference
            refused[-1].is_why(arm)
        return asked

    @staticmethod
    def _coupled(request: Request, whose: Interaction | None, seed: int | None) -> bytes | None:
        """The body with the pair's seed; None where there is none, or where it can have none, which is noted."""
        if whose is None or seed is None:
            return None
        body = with_seed(request.body, seed)
        if body is None:
            whose.seed = None
        return body

    def _asked(
        self, to: Upstream | Chosen, patience: Patience, arm: Arm, request: Request, *, usage: bool = False
    ) -> Asked:
        """The request, not yet sent, under the name by which the arm's engine knows the model."""
        model, renamer, taken = self._models[arm], None, None
        if arm in self._keys:
            request = request._replace(headers=with_authorization(request.headers, self._keys[arm]))
        if usage and (asking := asking_for_usage(request.body)) is not None:
            request, taken = request._replace(body=asking), UsageTaken(self.usage.fingerprints[arm])
        if model is not None:
            body, alias = rename_request(request.body, model)
            request = request._replace(body=body)
            renamer = Renamer(model, alias) if alias is not None else None
        return Asked(to.exchange(request, patience), renamer, taken)

    def _upstreams(self, arm: Arm) -> tuple[Upstream, ...]:
        several = self.replicas.get(arm)
        if several is None:
            return (self._alone[arm],)
        return tuple(replica.upstream for replica in several.each)

    def _checks(self, settings: ReplicaSettings) -> tuple[Checks, ...]:
        if settings.check_s is None:
            return ()
        return tuple(
            Checks(
                replicas,
                settings.check_path,
                settings.check_s,
                with_authorization(b"", self._keys[arm]) if arm in self._keys else b"",
            )
            for arm, replicas in self.replicas.items()
        )

    def close(self) -> None:
        """Close the idle connections."""
        for arm in self._models:
            for upstream in self._upstreams(arm):
                upstream.close()


def _why_again(found: Asked | UpstreamFailed) -> str | None:
    """Why another replica might do better, in a word; None where it would not, or nobody waits for it."""
    if isinstance(found, UpstreamFailed):
        return None if found.reason == "abandoned" else found.reason
    status = found.exchange.status
    return f"status_{status}" if status >= 500 else None


def _is_somebodys(whose: Interaction | None) -> bool:
    """Whether others of the same subject may follow."""
    return whose is not None and whose.source != "request"
