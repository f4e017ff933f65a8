"""By what an interaction is judged: chosen before any answer is looked at, so that no arm can choose its judge. Pure.

The choice follows from the prompt, from what the brief names, and from whether both arms were asked; whether there is
a score follows from the choice. An arm that could make its bad answers go to another judge, or to none, would be safe
from the test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evaluator.briefs.brief import JudgeSettings
from evaluator.judge.judges.sampling import sampled
from evaluator.verifiers import decides
from evaluator.verifiers.judgement import Code

By = Literal["reference", "prompt", "learned", "agreement", "endpoint"]


@dataclass(frozen=True, slots=True)
class Means:
    """Who judges an interaction; `by` is None where nobody does, and `code` says why.

    `slow` judges take milliseconds to seconds, the others microseconds. `fraction` of such interactions are judged.
    """

    by: By | None
    code: Code | None = None
    fraction: float = 1.0

    @property
    def slow(self) -> bool:
        """Whether whoever waits for the judgement waits long."""
        return self.by in ("learned", "agreement", "endpoint")

    @property
    def needs_base(self) -> bool:
        """Whether the judgement rests on base's answer to the same prompt."""
        return self.by in ("learned", "agreement")


def means_of(
    settings: JudgeSettings,
    prompt: str,
    *,
    has_reference: bool,
    learned: bool,
    encoder: bool,
    paired: bool,
    interaction: str,
) -> Means:
    """Who judges.

    `has_reference`: the prompt is an item with one. `learned`: an audit taught a judge this capability. `encoder`:
    likeness can be told. `paired`: both arms were asked. `interaction` is its id, which says whether it is among those
    that a model is asked about.
    """
    if settings.verifier is None:
        return _by_model(settings, interaction)
    if has_reference:
        return Means("reference")
    why: Code = "no_judge" if not settings.unseen else "prompt_not_checkable"
    for way in settings.unseen:
        if way == "prompt":
            if decides(settings.verifier, prompt, settings.options):
                return Means("prompt")
        elif way == "endpoint":
            return _by_model(settings, interaction)
        elif learned if way == "learned" else encoder:
            if paired:
                return Means(way)
            why = "no_pair"
    return Means(None, why)


def _by_model(settings: JudgeSettings, interaction: str) -> Means:
    if settings.endpoint is None:
        return Means(None, "no_judge")
    fraction = settings.endpoint.sample
    if interaction and not sampled(interaction, fraction):
        return Means(None, "not_sampled")
    return Means("endpoint", fraction=fraction)
