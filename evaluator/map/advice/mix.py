"""Advice on the data: what besides the target's dialogues goes into each batch, and how much of it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from evaluator.map.advice import sources as source
from evaluator.map.advice.approach import NARROW
from evaluator.map.advice.facts import Facts, names_of
from evaluator.map.advice.values import Advice, Reason

SHARE: Final = 1 / 3
"""Of a batch, where other traffic counts; with the two below what kept most in bench/retention.py."""
KL: Final = 1.5
"""Weight of the divergence from base on what is rehearsed, without cross entropy on it."""
DECAY: Final = 0.6
_OF_ITSELF: Final = 10
"""Fewer exemplars of a capability than this are too few to rehearse: base writes more like them."""


class Mix(NamedTuple):
    """What share of each batch is not the target's: chains of thought, replayed data, base's own answers."""

    cot: float
    replay: float
    rehearsal: float

    @property
    def taken(self) -> float:
        """All of it."""
        return self.cot + self.replay + self.rehearsal


def mix_of(facts: Facts) -> Mix:
    """How the batches are shared out.

    A third of each batch where other traffic is more than a tenth of all, a sixth where it is less; of that, chains
    of thought take up to .15 where there are some and something to keep, replayed data half of the rest.
    """
    if not facts.watched:
        return Mix(0.0, 0.0, 0.0)
    total = SHARE / 2 if facts.target_share >= NARROW else SHARE
    cot = min(0.15, total / 2) if facts.cot is not None and facts.reasoning else 0.0
    replay = round((total - cot) / 2, 3) if facts.replay is not None else 0.0
    return Mix(round(cot, 3), replay, round(total - cot - replay, 3))


def nothing_to_keep(facts: Facts) -> Advice:  # noqa: ARG001 - every rule's advice takes the facts
    """No adjacent capability stands above the floor."""
    return Advice(
        "Nothing: no adjacent capability can lose anything",
        (Reason("baseline", "base is at the floor in every adjacent capability, or the brief names none"),),
    )


def rehearse(facts: Facts) -> Advice:
    """Base's own answers, replayed, and general data where there are some."""
    mix = mix_of(facts)
    few = [a for a in facts.watched if a.exemplars < _OF_ITSELF]
    own = 32 * len(few)
    settings: dict[str, Any] = {
        "rehearsal": {"share": mix.rehearsal, "exemplars": True, "kl": KL, "learn": False},
        "decay": DECAY,
    }
    if own:
        settings["rehearsal"]["self_generated"] = own
    why = [
        Reason(
            "brief",
            f"{len(facts.watched)} adjacent capabilities have {facts.prompts} exemplars, which base can answer itself"
            + (f"; {names_of(few)} too few, so that base writes {own} more" if own else ""),
        ),
        Reason("published", str(source.SELF_SYNTHESIZED)),
        Reason("measured", str(source.DIVERGENCE_HERE)),
        Reason("measured", str(source.DECAY_HERE)),
        Reason(
            "thin",
            f"the share of {mix.rehearsal:g} and the weight of {KL:g} for another model. {source.LITTLE_REPLAY}; but "
            "that was over long runs. There were some hundred prompts a capability: name such prompts of your traffic "
            "by rehearsal.prompts",
        ),
    ]
    if facts.replay is not None:
        settings["mix"] = [{"path": facts.replay, "share": mix.replay}]
        why.insert(1, Reason("data", f"{facts.replay} is there to be replayed: {mix.replay:g} of each batch"))
    choice = "Stay near base on its own answers" + (", and replay your general data" if facts.replay else "")
    return Advice(choice, tuple(why), settings)


def cot_unknown(facts: Facts) -> Advice:  # noqa: ARG001 - as above
    """Nobody said which capabilities reason."""
    return Advice(
        "Cannot tell: no capability says what it takes",
        (
            Reason(
                "thin", "give 'kind' of each adjacent capability: reasoning is what chains of thought keep"
            ),
        ),
    )


def cot_needless(facts: Facts) -> Advice:
    """No reasoning above the floor."""
    lost = [a for a in facts.adjacent if a.kind == "reasoning" and not a.watched]
    why = (
        Reason("baseline", f"base is at the floor in {names_of(lost)}: there is nothing to keep")
        if lost
        else Reason("brief", "no adjacent capability takes several steps of thought")
    )
    return Advice("No", (why,))


def cot_mixed(facts: Facts) -> Advice:
    """Chains of thought are there, and something to keep by them."""
    return Advice(
        "Yes",
        (
            Reason("brief", f"several steps of thought: {names_of(facts.reasoning)}"),
            Reason("published", str(source.COT_MIX)),
            Reason("measured", str(source.COT_HERE)),
            Reason(
                "thin",
                "the share of .15: the publication mixed whole collections, not one target with one set",
            ),
        ),
        {"mix": [{"path": facts.cot, "share": mix_of(facts).cot}]},
    )


def cot_wanted(facts: Facts) -> Advice:
    """There is something to keep, and no data for it yet."""
    return Advice(
        "Yes, once you have a set: give it by --cot (the FLAN chain-of-thought TSVs are read as they are)",
        (
            Reason("brief", f"several steps of thought: {names_of(facts.reasoning)}"),
            Reason("published", str(source.COT_MIX)),
            Reason("measured", str(source.COT_HERE)),
            Reason("thin", "until then rehearsal alone has to keep it: base's own answers, right or wrong"),
        ),
    )
