"""By what an interaction is judged: chosen before any answer is looked at, so that no arm can choose its judge. Pure.

The choice follows from the prompt, from what the brief names, and from whether both arms were asked; whether there is
a score follows from the choice. An arm that could make its bad answers go to another judge, or to none, would be safe
from the test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evaluator.briefs.brief import AskBase, JudgeSettings
from evaluator.judge.judges.sampling import sampled
from evaluator.verifiers import decides
from evaluator.verifiers.judgement import Code

By = Literal["reference", "prompt", "learned", "agreement", "likelihood", "endpoint"]


@dataclass(frozen=True, slots=True)
class Means:
    """Who judges an interaction; `by` is None where nobody does, and `code` says why.

    `slow` judges take milliseconds to seconds, the others microseconds. `fraction` of such interactions are judged.
    With `asks_base` base's engine is asked too: how likely it finds the answers, or for the yardstick of `agreement`.
    """

    by: By | None
    code: Code | None = None
    fraction: float = 1.0
    asks_base: bool = False

    @property
    def slow(self) -> bool:
        """Whether whoever waits for the judgement waits long."""
        return self.by in ("learned", "agreement", "likelihood", "endpoint")

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
    engine: bool = False,
) -> Means:
    """Who judges.

    `has_reference`: the prompt is an item with one. `learned`: an audit taught a judge this capability. `encoder`:
    likeness can be told. `paired`: both arms were asked. `interaction` is its id, which says whether it is among those
    that a model is asked about, base's own `engine` included, where it is known.
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
        elif way == "likelihood":
            if engine:
                return _by_likelihood(settings, interaction)
            why = "no_judge"
        elif learned if way == "learned" else encoder:
            if paired:
                asked = settings.base if engine else None
                return _learned(asked, interaction) if way == "learned" else _agreement(asked, interaction)
            why = "no_pair"
    return Means(None, why)


def _learned(base: AskBase | None, interaction: str) -> Means:
    """Every pair is judged; of a fraction with the likelihood beside the other features."""
    fraction = None if base is None else base.likelihood
    return Means("learned", asks_base=fraction is not None and sampled(interaction, fraction))


def _agreement(base: AskBase | None, interaction: str) -> Means:
    """By base's answer; where the brief wants a second one, the pairs alone for which it is asked."""
    if base is None or base.again is None:
        return Means("agreement")
    if not sampled(interaction, base.again):
        return Means(None, "not_sampled")
    return Means("agreement", fraction=base.again, asks_base=True)


def _by_likelihood(settings: JudgeSettings, interaction: str) -> Means:
    fraction = 1.0 if settings.base is None or settings.base.likelihood is None else settings.base.likelihood
    if not sampled(interaction, fraction):
        return Means(None, "not_sampled")
    return Means("likelihood", fraction=fraction, asks_base=True)


def _by_model(settings: JudgeSettings, interaction: str) -> Means:
    if settings.endpoint is None:
        return Means(None, "no_judge")
    fraction = settings.endpoint.sample
    if interaction and not sampled(interaction, fraction):
        return Means(None, "not_sampled")
    return Means("endpoint", fraction=fraction)
