"""The judge that an audit taught, at work: base's answer beside the one in question, and out comes a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.judges.case import Case
from evaluator.judge.judges.learned.asking import pair_of
from evaluator.judge.judges.learned.features import Embed, certain, features, likelihood_features
from evaluator.judge.judges.learned.model import LearnedModel
from evaluator.judge.judges.likelihood import Telling
from evaluator.verifiers.judgement import EMPTY, Judgement, unscored


class LearnedJudge:
    """Predicts scores of answers that stand beside base's. Thread-safe where `embed` is."""

    def __init__(self, model: LearnedModel, loaded: LoadedBrief, embed: Embed) -> None:
        self.model = model
        self.version = f"learned@{model.sha256[:12]}"
        self._embed = embed
        self._kinds: Mapping[str, tuple[str | None, Mapping[str, Any]]] = {
            c.name: (c.judge.verifier, c.judge.options) for c in loaded.brief.capabilities
        }

    def knows(self, capability: str) -> bool:
        """Whether it learnt this capability."""
        return capability in self.model.numbers

    def judge(self, case: Case) -> Judgement:
        """The expected score of the answer; None without base's answer or for a capability that was not learnt."""
        return self.judge_all([case])[0]

    def judge_all(self, cases: Sequence[Case], likelihoods: Telling | None = None) -> list[Judgement]:
        """The judgements of cases of one capability, in their order; the answers of a pair go together.

        With `likelihoods` base's engine is asked about them, answers to one prompt; where it does not tell of one, all
        are judged without.
        """
        if not cases:
            return []
        capability = cases[0].capability
        number = self.model.numbers.get(capability)
        if number is None:
            return [unscored("nothing was learnt of this capability", "no_judge", "learned")] * len(cases)
        if any(case.base is None for case in cases):
            return [unscored("base's answer is not there", "no_pair", "learned")] * len(cases)
        rows = features(cases, self._embed, *self._kinds[capability])
        said, weighed = "predicted from base's answer", self.model.fit
        informed = self.model.informed
        if informed is not None and likelihoods is not None and (told := pair_of(cases, likelihoods)):
            rows = np.hstack([rows, likelihood_features(told)])
            said, weighed = f"{said} and its likelihoods", informed.fit
        low, width = certain(cases, *self._kinds[capability])
        found = low + width * weighed.predict(rows, [number] * len(cases))
        return [
            Judgement(float(value), said, basis="learned") if case.answer.strip() else EMPTY
            for case, value in zip(cases, found, strict=True)
        ]
