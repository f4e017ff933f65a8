"""The brief's items as a measure: asked in the brief's words, its version bound to what a score depends on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from evaluator.audit.brief_measures import brief_measures
from evaluator.audit.measures.items_measure import ItemsMeasure
from evaluator.audit.measures.measure import ServedModel
from evaluator.briefs.brief import Capability, JudgeSettings, LoadedBrief
from evaluator.judge.judges.judge import Judge
from telemetry.events import Message
from tests.evaluator.support.briefs import brief, capability

LOADED = brief(capability("support", role="target"), capability("facts", max_tokens=24), items=20)


def measure(loaded: LoadedBrief = LOADED, name: str = "facts") -> ItemsMeasure:
    return ItemsMeasure(loaded, name, Judge(loaded))


def changed(capability: Capability | None = None, **brief_fields: object) -> LoadedBrief:
    """The brief with another `facts`, or other fields of its own."""
    fields = dict(brief_fields)
    if capability is not None:
        fields["capabilities"] = (LOADED.brief.capabilities[0], capability)
    return LOADED.model_copy(update={"brief": LOADED.brief.model_copy(update=fields)})


def test_it_asks_in_the_order_given_with_system_prompt_and_length() -> None:
    asked: list[tuple[list[Message], int]] = []

    def chat(turns: Sequence[Sequence[Message]], max_tokens: int) -> list[str]:
        asked.extend((list(conversation), max_tokens) for conversation in turns)
        return [f"right{conversation[-1].content.split()[-1]}" for conversation in turns]

    model = ServedModel("http://nowhere", "m", "m", Path("nowhere"), chat)
    answers = measure(changed(system_prompt="Be brief.")).answer(model, ["facts-7", "facts-3"])
    assert [(a.item, a.answer, a.value) for a in answers] == [
        ("facts-7", "right7", 1.0),
        ("facts-3", "right3", 1.0),
    ]
    assert asked[0] == (
        [Message(role="system", content="Be brief."), Message(role="user", content="facts question 7")],
        24,
    )


def test_it_has_the_audit_items_and_the_capabilitys_terms() -> None:
    facts = measure()
    assert len(facts.items) == 20
    assert not any(item.id.endswith("-t") for item in facts.items)
    assert (facts.capability, facts.name, facts.threshold, facts.chance) == ("facts", "items", 0.1, 0.0)


FACTS = LOADED.brief.capability("facts")


@pytest.mark.parametrize(
    "other",
    [
        changed(FACTS.model_copy(update={"max_tokens": 25})),
        changed(FACTS.model_copy(update={"judge": JudgeSettings(verifier="extraction")})),
        changed(system_prompt="Be brief."),
        LOADED.model_copy(update={"items": LOADED.items | {"facts": LOADED.items["facts"][1:]}}),
    ],
    ids=["length", "judge", "system prompt", "items"],
)
def test_its_version_changes_with_what_a_score_depends_on(other: LoadedBrief) -> None:
    assert measure(other).version != measure().version


@pytest.mark.parametrize(
    "other",
    [
        changed(FACTS.model_copy(update={"threshold": 0.2, "why": "other words"})),
        changed(version="2"),
        LOADED.model_copy(update={"sha256": "f" * 64}),
        LOADED.model_copy(update={"items": LOADED.items | {"support": LOADED.items["support"][1:]}}),
    ],
    ids=["threshold and words", "brief version", "brief hash", "items of another capability"],
)
def test_its_version_stays_with_what_no_score_depends_on(other: LoadedBrief) -> None:
    assert measure(other).version == measure().version


def test_a_briefs_measures_are_its_capabilities_items_first() -> None:
    assert [(m.capability, m.name) for m in brief_measures(LOADED, Judge(LOADED))] == [
        ("support", "items"),
        ("facts", "items"),
    ]
