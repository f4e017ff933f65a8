"""Advice on what to build at all: fine-tune, retrieve, or neither; one model for everything, or two."""

from __future__ import annotations

from typing import Final

from evaluator.map.advice import sources as source
from evaluator.map.advice.facts import Facts
from evaluator.map.advice.values import Advice, Reason

SOLVED: Final = 0.95
"""A base that is right so often leaves a fine-tune little to gain."""
FEW_ANSWERS: Final = 50
"""So few different answers are chosen rather than written."""
FEW_EXAMPLES: Final = 100
NARROW: Final = 0.90
RARE: Final = 0.20


def solved(facts: Facts) -> Advice:
    """Base does it already."""
    return Advice(
        "Do not fine-tune: base does it already",
        (
            Reason("baseline", f"base scores {facts.target_mean or 0.0:.0%} on {facts.target}"),
            Reason("brief", f"losing what the brief tolerates would cost {facts.at_risk:.1%} of all queries"),
        ),
    )


def retrieve(facts: Facts) -> Advice:
    """Facts that change or must be traced are looked up."""
    why = [Reason("brief", f"{facts.target} takes knowledge above all")]
    if facts.facts_change in ("daily", "weekly", "monthly"):
        why.append(
            Reason(
                "brief",
                f"its facts change {facts.facts_change}; each change would be a training, an audit and a rollout, "
                "while an index is updated",
            )
        )
    if facts.cites:
        why.append(Reason("brief", "an answer has to name its source, which weights cannot"))
    why += [Reason("published", str(source.RETRIEVAL)), Reason("published", str(source.NEW_FACTS))]
    return Advice("Retrieve; fine-tune only if the form of the answers is wrong as well", tuple(why))


def both(facts: Facts) -> Advice:
    """A form that is learned, around facts that are looked up."""
    change = (
        f"its facts change {facts.facts_change}" if facts.facts_change else "an answer has to name its source"
    )
    return Advice(
        "Fine-tune the form, retrieve the facts: put the passages into the training prompts too",
        (
            Reason("brief", f"{facts.target} takes {facts.kind} above all, yet {change}"),
            Reason("published", str(source.WITH_PASSAGES)),
            Reason("published", str(source.NEW_FACTS)),
        ),
    )


def fine_tune(facts: Facts) -> Advice:
    """A form, a style or a skill over facts that stay."""
    change = f", and its facts change {facts.facts_change}" if facts.facts_change else ""
    why = [Reason("brief", f"{facts.target} takes {facts.kind} above all{change}")]
    why.append(Reason("published", str(source.STYLE)))
    if facts.kind in ("reasoning", "code"):
        why.append(Reason("published", str(source.COT_FAITH)))
        why.append(
            Reason("thin", "whether a narrow fine-tune improves reasoning at all depends on base and data")
        )
    if facts.facts_change is None:
        why.append(
            Reason("thin", "nobody said how often its facts change: give facts_change, or --facts-change")
        )
    if facts.data is not None and facts.data.examples < FEW_EXAMPLES:
        few = f"{facts.data.examples} dialogues are few: try them as examples in the prompt before you train on them"
        why.append(Reason("thin", few))
    if facts.data is not None and facts.data.answers <= FEW_ANSWERS < facts.data.examples:
        why.append(
            Reason(
                "data",
                f"{facts.data.examples} dialogues teach {facts.data.answers} different answers: a classifier that "
                "chooses among them forgets nothing. Compare it first",
            )
        )
    return Advice("Fine-tune", tuple(why))


def unknown_approach(facts: Facts) -> Advice:
    """Nobody said what the target takes."""
    return Advice(
        "Cannot tell whether to fine-tune or to retrieve",
        (
            Reason(
                "thin",
                f"nobody said what a good answer of {facts.target} takes: give 'kind' in the brief, or --kind "
                "(knowledge, reasoning, reading, format, style, code)",
            ),
        ),
    )


def one_model_narrow(facts: Facts) -> Advice:
    """Nearly all traffic is the target."""
    return Advice(
        "One model; the rest of the traffic is too rare to be served apart",
        (
            Reason("brief", f"{facts.target} is {facts.target_share:.0%} of the queries"),
            _breadth(facts),
            _price(facts),
            Reason(
                "arithmetic",
                "a capability with 1% of the traffic is hardly watched by a rollout: the audit has to find its loss",
            ),
        ),
    )


def two_models(facts: Facts) -> Advice:
    """The target is rare: whatever the fine-tune forgets, most queries need not meet it."""
    return Advice(
        "Serve the fine-tune where the target is asked, base everywhere else",
        (
            Reason("brief", f"{facts.target} is {facts.target_share:.0%} of the queries"),
            _breadth(facts),
            _price(facts),
            Reason(
                "arithmetic",
                "what a fine-tune forgets costs nothing where it is not asked. It needs a caller that knows the task "
                "before the model is chosen, and two models (or an adapter) served",
            ),
        ),
    )


def one_model_mixed(facts: Facts) -> Advice:
    """The target is most of the traffic and far from all of it."""
    return Advice(
        "One model for everything, under the thresholds",
        (
            Reason("brief", f"{facts.target} is {facts.target_share:.0%} of the queries"),
            _breadth(facts),
            _price(facts),
        ),
    )


def _breadth(facts: Facts) -> Reason:
    return Reason(
        "arithmetic",
        f"the traffic is as broad as {facts.breadth:.1f} equally frequent capabilities "
        f"(of {len(facts.adjacent) + 1}; exp of the entropy of the shares)",
    )


def _price(facts: Facts) -> Reason:
    return Reason(
        "arithmetic",
        f"if every adjacent capability loses all that is tolerated, {1000 * facts.at_risk:.0f} of 1,000 queries get "
        f"worse; {facts.target} has to gain {100 * facts.break_even:.1f} points before that is paid for",
    )
