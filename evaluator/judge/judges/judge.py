"""The judge: an answer and what is known beside it in, its quality out, by whoever the brief names for it."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from evaluator import verifiers
from evaluator.briefs import items as items_module
from evaluator.briefs.brief import JudgeSettings, LoadedBrief
from evaluator.briefs.items import normalised_prompt
from evaluator.briefs.judges import JudgeAddress
from evaluator.judge.judges import client, endpoint_judge
from evaluator.judge.judges.base_engine import BaseEngine
from evaluator.judge.judges.case import Case
from evaluator.judge.judges.clients import Clients
from evaluator.judge.judges.counted import Asked
from evaluator.judge.judges.endpoint_judge import EndpointJudge
from evaluator.judge.judges.failed import JudgeFailed, lost
from evaluator.judge.judges.learned.features import Embed
from evaluator.judge.judges.learned.judge import LearnedJudge
from evaluator.judge.judges.likelihood import Likelihoods, judge_likelihood
from evaluator.judge.judges.likeness import by_second_answer, likeness
from evaluator.judge.judges.means import Means, means_of
from evaluator.judge.judges.pairwise import PairJudge
from evaluator.judge.judges.scorer import Judging
from evaluator.verifiers import VERIFIERS, Judgement
from evaluator.verifiers.judgement import unscored

AT_ONCE: Final = 8
"""How many judgements `judge_many` makes at a time."""


class Judge:
    """Judges by program, by what an audit taught, by likeness to base or by a model, as each capability says.

    Thread-safe. Programs give the same judgement for the same brief and code; `version` changes with either, and with
    what was taught. A model's judgement may differ from one day to the next, which is why the judge suite measures it.
    SettingsError where an endpoint's key is not in the environment.

    An endpoint that has failed for long enough is not asked any more, by none of its capabilities; with `gives_up` of
    False, for whoever judges as long as a rollout lasts, it always is. `embed` is for likeness to base, which nobody
    can tell without it. `base` is where base's own engine answers, for what a brief has it asked.
    """

    def __init__(
        self,
        loaded: LoadedBrief,
        *,
        gives_up: bool = True,
        learned: LearnedJudge | None = None,
        embed: Embed | None = None,
        base: JudgeAddress | None = None,
    ) -> None:
        self._settings = {c.name: c.judge for c in loaded.brief.capabilities}
        self._learned, self._embed = learned, embed
        self._clients = clients = Clients(gives_up=gives_up)
        self._endpoints = {
            name: EndpointJudge(one.endpoint, clients.of(one.endpoint))
            for name, one in self._settings.items()
            if one.endpoint is not None
        }
        self._comparing = {
            name: PairJudge(one.endpoint, clients.of(one.endpoint), self._endpoints[name])
            for name, one in self._settings.items()
            if one.endpoint is not None and one.endpoint.pairwise
        }
        engine = BaseEngine(base, self._settings, clients) if base is not None else None
        self._base = engine if engine is not None and engine.asked else None
        taught = f"+{learned.version}" if learned is not None else ""
        taught += f"+{self._base.version}" if self._base is not None else ""
        self.version = f"{'judges' if self._endpoints else 'verifiers'}@{_version(loaded)}{taught}"
        self._references = {
            (name, normalised_prompt(item.prompt)): item.reference
            for name, group in loaded.items.items()
            for item in group
        }

    @property
    def asked(self) -> Mapping[str, Asked]:
        """How often each judging model was asked, by its name."""
        return self._clients.asked

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The capabilities that a judging model has a part in."""
        return tuple(self._endpoints)

    def means(self, capability: str, prompt: str, *, paired: bool, interaction: str) -> Means:
        """Who judges the answers to this prompt: known before any of them is looked at."""
        settings = self._settings.get(capability)
        if settings is None:
            return Means(None, "no_judge")
        return means_of(
            settings,
            prompt,
            has_reference=self._reference(capability, prompt) is not None,
            learned=self._learned is not None and self._learned.knows(capability),
            encoder=self._embed is not None,
            paired=paired,
            interaction=interaction,
            engine=self._base is not None and self._base.tells(capability),
        )

    def judge_case(self, case: Case, means: Means) -> Judgement:
        """The quality of an answer by the means that were chosen for its prompt."""
        if means.by is None:
            return unscored("nobody judges it", means.code or "no_judge")
        if means.by == "learned" and self._learned is not None:
            return self._learned.judge_all([case], self._likelihoods(case, means))[0]
        if means.by == "agreement" and self._embed is not None:
            settings = self._settings[case.capability]
            known = settings.verifier, settings.options, self._embed
            if means.asks_base and self._base is not None:
                return by_second_answer(case, *known, self._base.seconds[case.capability])
            return likeness(case, *known)
        if means.by == "likelihood" and self._base is not None:
            return judge_likelihood(case, self._base.likelihoods[case.capability])
        if means.by == "endpoint":
            reference = self._reference(case.capability, case.prompt)
            endpoint = self._endpoints[case.capability]
            return endpoint.judge(case.prompt, case.answer, reference, messages=case.earlier)
        return self.judge(case.capability, case.prompt, case.answer)

    def judge_pair(self, control: Case, candidate: Case, means: Means) -> tuple[Judgement, Judgement]:
        """The judgements of control's and the candidate's answer to one prompt; compared where the brief says so."""
        compares = self._comparing.get(control.capability)
        if means.by == "endpoint" and compares is not None:
            reference = self._reference(control.capability, control.prompt)
            answers = control.answer, candidate.answer
            return compares.judge(control.prompt, *answers, reference, messages=control.earlier).judgements
        if means.by == "learned" and self._learned is not None:
            found = self._learned.judge_all([control, candidate], self._likelihoods(control, means))
            return found[0], found[1]
        return self.judge_case(control, means), self.judge_case(candidate, means)

    def judge(self, capability: str, prompt: str, answer: str) -> Judgement:
        """The quality of an answer as the audit sees it, or None with the reason where it cannot be told.

        The reference is that of the brief's item with this prompt, white space aside. For a prompt that is no item a
        verifier works out what the prompt itself asks, where it can. Nobody can where the brief lacks the capability.
        """
        settings = self._settings.get(capability)
        if settings is None:
            return unscored(f"the brief names no capability {capability!r}", "no_judge")
        reference = self._reference(capability, prompt)
        if settings.verifier is None:
            return self._endpoints[capability].judge(prompt, answer, reference)
        return VERIFIERS[settings.verifier](answer, reference, prompt, settings.options)

    def judge_anew(self, capability: str, prompt: str, answer: str) -> Judgement:
        """What the capability's model says of an answer now, as the audit asked it, whatever it said before.

        Without the item's reference where a verifier judges the items: it is the verifier's, and the model judges what
        users send, which has none.
        """
        by_model = self._settings[capability].verifier is None
        reference = self._reference(capability, prompt) if by_model else None
        return self._endpoints[capability].judge_anew(prompt, answer, reference)

    def _likelihoods(self, case: Case, means: Means) -> Likelihoods | None:
        """Who tells how likely base finds the answers of a learned judge's case; None where they are not asked."""
        return self._base.likelihoods.get(case.capability) if means.asks_base and self._base else None

    def _reference(self, capability: str, prompt: str) -> Any:
        return self._references.get((capability, normalised_prompt(prompt)))


def judge_many(judge: Judging, capability: str, asked: Sequence[tuple[str, str]]) -> list[Judgement]:
    """The judgements of (prompt, answer) pairs, in their order, several at a time; those that failed among them.

    A model behind an endpoint takes seconds a judgement; a program takes microseconds, and threads cost it little.
    """
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="judge") as threads:
        return list(threads.map(lambda pair: judge.judge(capability, *pair), asked))


def judge_all(judge: Judging, capability: str, asked: Sequence[tuple[str, str]]) -> list[Judgement]:
    """As `judge_many`, for whoever needs every judgement and keeps none. Raises JudgeFailed where one failed."""
    found = judge_many(judge, capability, asked)
    if (loss := lost(capability, [one.failure for one in found])) is not None:
        raise JudgeFailed([loss])
    return found


def _version(loaded: LoadedBrief) -> str:
    """Twelve hex digits that change with a judge, its options or rubric, the brief's files, or the code."""
    judges = [[c.name, fingerprint(c.judge)] for c in loaded.brief.capabilities]
    said = json.dumps([judges, loaded.sha256, code_sha256()], sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def fingerprint(settings: JudgeSettings) -> list[object]:
    """What the judgements of items depend on besides items and code: program and options, or the model."""
    if settings.verifier is None and settings.endpoint is not None:
        return [endpoint_judge.version_of(settings.endpoint)]
    return [settings.verifier, settings.options]


@functools.cache
def code_sha256() -> str:
    """Of the code that judges, and tells a result from a failure: another version of it may judge otherwise."""
    digest = hashlib.sha256()
    package = Path(verifiers.__file__).parent
    modules = [Path(str(module.__file__)) for module in (items_module, endpoint_judge, client)]
    for file in [Path(__file__), *modules, *sorted(package.rglob("*.py"))]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
