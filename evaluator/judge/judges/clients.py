"""One client for each judging model, however many capabilities and benchmarks it judges."""

from __future__ import annotations

from evaluator.briefs.brief import JudgeEndpoint
from evaluator.judge.judges.client import JudgeClient


class Clients:
    """Clients by model, URL and key, made when first asked for: what one capability learns of a judge, all know."""

    def __init__(self, *, gives_up: bool = True) -> None:
        self._gives_up = gives_up
        self._made: dict[tuple[str, str, str | None], JudgeClient] = {}

    def of(self, endpoint: JudgeEndpoint) -> JudgeClient:
        """The client of an endpoint. Raises SettingsError where its key is not set."""
        key = (endpoint.url, endpoint.model, endpoint.api_key_env)
        if key not in self._made:
            self._made[key] = JudgeClient(
                endpoint.url, endpoint.model, api_key_env=endpoint.api_key_env, gives_up=self._gives_up
            )
        return self._made[key]
