"""One client for each judging model, however many capabilities and benchmarks it judges."""

from __future__ import annotations

from collections.abc import Mapping

from evaluator.briefs.brief import JudgeEndpoint
from evaluator.briefs.judges import JudgeAddress
from evaluator.judge.judges.client import JudgeClient
from evaluator.judge.judges.counted import Asked, CountedClient


class Clients:
    """Clients by model, URL, key, price, deadline and budget, made when first asked for.

    What one capability learns of a judge, all know that ask it on the same terms, and all share its budget.
    """

    def __init__(self, *, gives_up: bool = True) -> None:
        self._gives_up = gives_up
        self._made: dict[tuple[JudgeAddress, float | None, int | None], CountedClient] = {}

    def of(self, endpoint: JudgeEndpoint) -> JudgeClient:
        """The client of an endpoint. Raises SettingsError where its key is not set."""
        address = JudgeAddress(
            url=endpoint.url, model=endpoint.model, api_key_env=endpoint.api_key_env, price=endpoint.price
        )
        return self.at(address, endpoint.deadline_s, endpoint.budget_per_hour)

    def at(self, address: JudgeAddress, deadline_s: float | None, budget_per_hour: int | None) -> JudgeClient:
        """The client of an address, on these terms. Raises SettingsError where its key is not set."""
        key = (address, deadline_s, budget_per_hour)
        if key not in self._made:
            self._made[key] = CountedClient(
                address.url,
                address.model,
                api_key_env=address.api_key_env,
                deadline_s=deadline_s,
                gives_up=self._gives_up,
                budget_per_hour=budget_per_hour,
            )
            self._made[key].asked.price = address.price
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
