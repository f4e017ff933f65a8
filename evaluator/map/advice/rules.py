"""What follows from a brief: one table of rules, from facts to advice with its reasons.

Each topic asks its rules from top to bottom; the first whose condition holds gives the advice. Every topic ends with
a rule that always holds. To add advice, add a row; to see what would be said, read the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from evaluator.map.advice import approach, mix, training
from evaluator.map.advice.facts import FEW_PROMPTS, Facts
from evaluator.map.advice.values import Advice, Recommendation, Topic


class Rule(NamedTuple):
    """One row: under which condition which advice is given. The name is what a report calls it."""

    topic: Topic
    name: str
    holds: Callable[[Facts], bool]
    advice: Callable[[Facts], Advice]


def _changing(facts: Facts) -> bool:
    return facts.cites or facts.facts_change in ("daily", "weekly", "monthly")


def _always(facts: Facts) -> bool:  # noqa: ARG001 - a condition takes the facts
    return True


RULES: Final[tuple[Rule, ...]] = (
    Rule("approach", "base solves it", lambda f: (f.target_mean or 0.0) >= approach.SOLVED, approach.solved),
    Rule("approach", "kind unknown", lambda f: f.kind is None, approach.unknown_approach),
    Rule("approach", "knowledge", lambda f: f.kind == "knowledge", approach.retrieve),
    Rule("approach", "form around changing facts", _changing, approach.both),
    Rule("approach", "form or skill", _always, approach.fine_tune),
    Rule(
        "breadth",
        "nearly all is target",
        lambda f: f.target_share >= approach.NARROW,
        approach.one_model_narrow,
    ),
    Rule("breadth", "target is rare", lambda f: f.target_share <= approach.RARE, approach.two_models),
    Rule("breadth", "mixed traffic", _always, approach.one_model_mixed),
    Rule("tuning", "nothing to tune on", lambda f: not f.tunable, training.no_sweep),
    Rule("tuning", "tuned first", _always, training.sweep),
    Rule("mixing", "nothing to keep", lambda f: not f.watched, mix.nothing_to_keep),
    Rule("mixing", "rehearsal", _always, mix.rehearse),
    Rule("reasoning", "kinds unknown", lambda f: not f.kinds_known, mix.cot_unknown),
    Rule("reasoning", "no reasoning to keep", lambda f: not f.reasoning, mix.cot_needless),
    Rule("reasoning", "chains of thought at hand", lambda f: f.cot is not None, mix.cot_mixed),
    Rule("reasoning", "chains of thought wanted", _always, mix.cot_wanted),
    Rule(
        "regulariser",
        "losses are incidents",
        lambda f: bool(f.tight) and f.prompts >= FEW_PROMPTS,
        training.ewc_next,
    ),
    Rule(
        "regulariser",
        "few prompts",
        lambda f: bool(f.watched) and f.prompts < FEW_PROMPTS,
        training.few_prompts,
    ),
    Rule("regulariser", "rehearsal first", _always, training.neither),
    Rule("merging", "nothing to search by", lambda f: not (f.watched and f.tunable), training.no_merge),
    Rule("merging", "searched", _always, training.merge_search),
    Rule("checking", "checked", _always, training.check),
)


def advise(facts: Facts) -> tuple[Recommendation, ...]:
    """One recommendation a topic, in the order of the table."""
    found: dict[Topic, Recommendation] = {}
    for rule in RULES:
        if rule.topic not in found and rule.holds(facts):
            found[rule.topic] = Recommendation(topic=rule.topic, rule=rule.name, advice=rule.advice(facts))
    return tuple(found.values())


def settings_of(recommendations: Sequence[Recommendation]) -> dict[str, Any]:
    """All the keys of run.yaml that they lead to; lists of data sources are joined.

    Raises ValueError where two topics set one key: the table would contradict itself.
    """
    joined: dict[str, Any] = {}
    for recommendation in recommendations:
        for key, value in recommendation.advice.settings.items():
            if key == "mix":
                joined.setdefault("mix", []).extend(value)
            elif key in joined:
                raise ValueError(
                    f"the topic {recommendation.topic!r} sets {key!r}, which another one has set"
                )
            else:
                joined[key] = value
    return joined
