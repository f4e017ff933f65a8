"""The engines of a route's two arms, and how an arm is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from router.proxy.breaker import BreakerSettings
from router.proxy.settings import Arms, Timeouts
from router.proxy.standing import Standing
from router.proxy.wire.headers import is_stream, with_authorization
from router.proxy.wire.model_name import Renamer, rename_request
from router.proxy.wire.upstream import Exchange, Patience, Request, Upstream
from serving.engines.address import authorization
from telemetry.events import Arm

__all__ = ["Asked", "Engines", "is_stream"]


class Asked(NamedTuple):
    """An exchange with an arm, not yet started, and what puts the client's model name back."""

    exchange: Exchange
    renamer: Renamer | None


class Engines:
    """Asks arms. Base has the whole time for its first byte, the candidate less: base can answer for it.

    `standing` has the breakers of those arms that have one: whoever asks such an arm asks it first, and tells it after.
    Raises SettingsError where an arm's key is not in the environment.
    """

    def __init__(self, arms: Arms, times: Timeouts, breaker: BreakerSettings) -> None:
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
        if breaker.base:
            self.standing["control"] = Standing("control", breaker)

    @property
    def retries(self) -> tuple[int, int]:
        """How often a request was sent again on a fresh connection, and how often there was no budget for that."""
        budgets = [upstream.budget for upstream in self._upstreams.values()]
        return sum(budget.taken for budget in budgets), sum(budget.refused for budget in budgets)

    def ask(self, arm: Arm, request: Request) -> Asked:
        """The request to an arm, under the name by which its engine knows the model."""
        model, renamer = self._models[arm], None
        if arm in self._keys:
            request = request._replace(headers=with_authorization(request.headers, self._keys[arm]))
        if model is not None:
            body, alias = rename_request(request.body, model)
            request = request._replace(body=body)
            renamer = Renamer(model, alias) if alias is not None else None
        return Asked(self._upstreams[arm].exchange(request, self._patience[arm]), renamer)

    def close(self) -> None:
        """Close the idle connections."""
        for upstream in self._upstreams.values():
            upstream.close()
