"""The judge: an interaction's capability, prompt and answer in, its quality out, as the brief's judges see it."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from evaluator import verifiers
from evaluator.briefs import items as items_module
from evaluator.briefs.brief import JudgeSettings, LoadedBrief
from evaluator.briefs.items import normalised_prompt
from evaluator.judge.judges import endpoint_judge
from evaluator.judge.judges.endpoint_judge import EndpointJudge
from evaluator.judge.judges.scorer import Judging
from evaluator.verifiers import VERIFIERS, Judgement

AT_ONCE: Final = 8
"""How many judgements `judge_many` makes at a time."""


class Judge:
    """Judges by program or by a model at an endpoint, as each capability says. Thread-safe.

    Programs give the same judgement for the same brief and code; `version` changes with either. A model's
    judgement may differ from one day to the next, which is why the judge suite measures it. SettingsError where
    an endpoint's key is not in the environment.
    """

    def __init__(self, loaded: LoadedBrief) -> None:
        self._settings = {c.name: c.judge for c in loaded.brief.capabilities}
        self._endpoints = {
            name: EndpointJudge(one.endpoint)
            for name, one in self._settings.items()
            if one.endpoint is not None
        }
        self.version = f"{'judges' if self._endpoints else 'verifiers'}@{_version(loaded)}"
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
        reference = self._references.get((capability, normalised_prompt(prompt)))
        if settings.verifier is None:
            return self._endpoints[capability].judge(prompt, answer, reference)
        return VERIFIERS[settings.verifier](answer, reference, prompt, settings.options)


def judge_many(judge: Judging, capability: str, asked: Sequence[tuple[str, str]]) -> list[Judgement]:
    """The judgements of (prompt, answer) pairs, in their order, several at a time.

    A model behind an endpoint takes seconds a judgement; a program takes microseconds, and threads cost it little.
    """
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="judge") as threads:
        return list(threads.map(lambda pair: judge.judge(capability, *pair), asked))


def _version(loaded: LoadedBrief) -> str:
    """Twelve hex digits that change with a judge, its options or rubric, the brief's files, or the code."""
    judges = [[c.name, fingerprint(c.judge)] for c in loaded.brief.capabilities]
    said = json.dumps([judges, loaded.sha256, code_sha256()], sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def fingerprint(settings: JudgeSettings) -> list[object]:
    """What a capability's judgements depend on besides items and code: its program and options, or its model."""
    if settings.endpoint is not None:
        return [endpoint_judge.version_of(settings.endpoint)]
    return [settings.verifier, settings.options]


@functools.cache
def code_sha256() -> str:
    """Of the code that judges: another version of it may judge otherwise."""
    digest = hashlib.sha256()
    package = Path(verifiers.__file__).parent
    modules = [Path(__file__), Path(items_module.__file__), Path(endpoint_judge.__file__)]
    for file in [*modules, *sorted(package.glob("*.py"))]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
