"""Base's own engine, as judges ask it: how likely it finds an answer, and for a second one; on the brief's terms."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping

from evaluator.briefs.brief import JudgeSettings
from evaluator.briefs.judges import JudgeAddress
from evaluator.judge.judges import likelihood, yardstick
from evaluator.judge.judges.clients import Clients
from evaluator.judge.judges.likelihood import Likelihoods
from evaluator.judge.judges.yardstick import SecondAnswers


class BaseEngine:
    """What is asked of base at `address`, by capability; those whose brief asks nothing of it are not in it.

    Capabilities on the same terms share a client, and so its budget and its standing. SettingsError where the engine's
    key is not set.
    """

    def __init__(
        self, address: JudgeAddress, settings: Mapping[str, JudgeSettings], clients: Clients
    ) -> None:
        asked = {name: one.base for name, one in settings.items() if one.base is not None}
        found = {
            name: clients.at(address, one.deadline_s, one.budget_per_hour) for name, one in asked.items()
        }
        shared = {client: (Likelihoods(client), SecondAnswers(client)) for client in found.values()}
        self.likelihoods = {name: shared[found[name]][0] for name, one in asked.items() if one.likelihood}
        self.seconds = {name: shared[found[name]][1] for name, one in asked.items() if one.again}
        code = [inspect.getsource(likelihood), inspect.getsource(yardstick)]
        said = json.dumps([address.url, address.model, code])
        self.version = f"base@{hashlib.sha256(said.encode()).hexdigest()[:12]}"

    @property
    def asked(self) -> bool:
        """Whether the brief asks it anything at all."""
        return bool(self.likelihoods or self.seconds)

    def tells(self, capability: str) -> bool:
        """Whether it is asked anything of this capability. What it refuses it is not asked again, but stays chosen."""
        return capability in self.likelihoods or capability in self.seconds
