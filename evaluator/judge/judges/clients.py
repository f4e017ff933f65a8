"""One client for each judging model, however many capabilities and benchmarks it judges."""

from __future__ import annotations

from collections.abc import Mapping

from evaluator.briefs.brief import JudgeEndpoint
from evaluator.judge.judges.client import JudgeClient
from evaluator.judge.judges.counted import Asked, CountedClient


class Clients:
    """Clients by model, URL, key, deadline and budget, made when first asked for.

    What one capability learns of a judge, all know that ask it on the same terms, and all share its budget.
    """

    def __init__(self, *, gives_up: bool = True) -> None:
        self._gives_up = gives_up
        self._made: dict[tuple[str, str, str | None, float | None, int | None], CountedClient] = {}

    def of(self, endpoint: JudgeEndpoint) -> JudgeClient:
        """The client of an endpoint. Raises SettingsError where its key is not set."""
        terms = (endpoint.url, endpoint.model, endpoint.api_key_env, endpoint.deadline_s)
        key = (*terms, endpoint.budget_per_hour)
        if key not in self._made:
            self._made[key] = CountedClient(
                endpoint.url,
                endpoint.model,
                api_key_env=endpoint.api_key_env,
                deadline_s=endpoint.deadline_s,
                gives_up=self._gives_up,
                budget_per_hour=endpoint.budget_per_hour,
            )
        return self._made[key]

    @property
    def asked(self) -> Mapping[str, Asked]:
        """How often each judging model was asked, by its name; of one on several terms each on its own."""
        names: dict[str, Asked] = {}
        for client in self._made.values():
            number, name = 2, client.model
            while name in names:
                name, number = f"{client.model}-{number}", number + 1
            names[name] = client.asked
        return names
