"""The two arms' engines, and how an arm is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from router.proxy.settings import RouterSettings
from router.proxy.wire.headers import Headers, with_authorization
from router.proxy.wire.model_name import Renamer, rename_request
from router.proxy.wire.upstream import Exchange, Request, Upstream
from serving.engines.address import authorization
from telemetry.events import Arm


class Asked(NamedTuple):
    """An exchange with an arm, not yet started, and what puts the client's model name back."""

    exchange: Exchange
    renamer: Renamer | None


def is_stream(headers: Headers) -> bool:
    """Whether an answer is a stream of server-sent events."""
    for name, value in headers:  # a loop, because this is asked on every request
        if name == b"content-type":
            return b"text/event-stream" in value
    return False


class Engines:
    """Asks arms. Base has the whole time for its first byte, the candidate less: base can answer for it.

    Raises SettingsError where an arm's key is not in the environment.
    """

    def __init__(self, settings: RouterSettings) -> None:
        self._times = settings.timeouts
        self._models = {endpoint.arm: endpoint.model for endpoint in (settings.control, settings.candidate)}
        self._keys: Mapping[Arm, bytes] = {
            endpoint.arm: authorization(endpoint.key_env, f"the {endpoint.arm} arm")["authorization"].encode()
            for endpoint in (settings.control, settings.candidate)
            if endpoint.key_env is not None
        }
        self._upstreams = {
            endpoint.arm: Upstream(endpoint.url, connect_s=self._times.connect_s)
            for endpoint in (settings.control, settings.candidate)
        }

    def ask(self, arm: Arm, request: Request) -> Asked:
        """The request to an arm, under the name by which its engine knows the model."""
        model, renamer = self._models[arm], None
        if arm in self._keys:
            request = request._replace(headers=with_authorization(request.headers, self._keys[arm]))
        if model is not None:
            body, alias = rename_request(request.body, model)
            request = request._replace(body=body)
            renamer = Renamer(model, alias) if alias is not None else None
        total_s = self._times.total_s
        first_byte_s = self._times.candidate_first_byte_s if arm == "candidate" else total_s
        exchange = self._upstreams[arm].exchange(request, first_byte_s=first_byte_s, total_s=total_s)
        return Asked(exchange, renamer)

    def close(self) -> None:
        """Close the idle connections."""
        for upstream in self._upstreams.values():
            upstream.close()
