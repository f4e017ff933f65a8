"""The judge: an interaction's capability, prompt and answer in, its quality out, by the brief's verifiers."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path

from evaluator import items as items_module
from evaluator import verifiers
from evaluator.brief import LoadedBrief
from evaluator.items import normalised_prompt
from evaluator.verifiers import VERIFIERS, Judgement


class Judge:
    """Judges by program. The same brief and the same code give the same judgement and the same version."""

    def __init__(self, loaded: LoadedBrief) -> None:
        self.version = f"verifiers@{_version(loaded)}"
        self._settings = {c.name: c.judge for c in loaded.brief.capabilities}
        self._references = {
            (name, normalised_prompt(item.prompt)): item.reference
            for name, group in loaded.items.items()
            for item in group
        }

    def judge(self, capability: str, prompt: str, answer: str) -> Judgement:
        """The quality of `answer`, or None with the reason where it cannot be told.

        The reference is that of the brief's item with this prompt, white space aside; a prompt that is no item
        has none, and most verifiers then cannot tell. So can nobody where the brief lacks the capability.
        """
        settings = self._settings.get(capability)
        if settings is None:
            return Judgement(None, f"the brief names no capability {capability!r}")
        if settings.verifier is None:
            return Judgement(None, "this capability's judge is an endpoint, and none was asked")
        reference = self._references.get((capability, normalised_prompt(prompt)))
        return VERIFIERS[settings.verifier](answer, reference, prompt, settings.options)


def _version(loaded: LoadedBrief) -> str:
    """Twelve hex digits that change with a verifier's name, its options, the brief's files, or the code."""
    judges = [[c.name, c.judge.model_dump(mode="json")] for c in loaded.brief.capabilities]
    said = json.dumps([judges, loaded.sha256, _code_sha256()], sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()[:12]


@functools.cache
def _code_sha256() -> str:
    digest = hashlib.sha256()
    package = Path(verifiers.__file__).parent
    for file in [Path(__file__), Path(items_module.__file__), *sorted(package.glob("*.py"))]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
