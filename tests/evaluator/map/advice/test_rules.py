"""Advice is a table of rules: each topic is answered once, with reasons, and every run it leads to can be run."""

from __future__ import annotations

from collections import Counter
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.briefs.items import Item
from evaluator.briefs.schema import FactsChange, Kind
from evaluator.map.advice.approach import NARROW
from evaluator.map.advice.facts import Adjacent, Facts, TrainingData, facts_of
from evaluator.map.advice.mix import mix_of
from evaluator.map.advice.rules import RULES, Rule, advise, settings_of
from evaluator.map.advice.training import BATCH, steps_of
from evaluator.map.advice.values import QUESTIONS, Advice, Reason, Topic
from tests.evaluator.support import audits
from tests.evaluator.support.briefs import brief, capability
from trainer.config import TrainSettings


def adjacent(name: str = "facts", **changes: Any) -> Adjacent:
    fields = {
        "name": name, "share": 0.4, "threshold": 0.1, "critical": False, "kind": "reading", "exemplars": 40,
    }  # fmt: skip
    return Adjacent.model_validate(fields | changes)


def facts(*others: Adjacent, **changes: Any) -> Facts:
    fields: dict[str, Any] = {
        "target": "support", "kind": "style", "facts_change": "yearly", "cites": False, "target_share": 0.6,
        "target_mean": None, "target_tunable": True, "adjacent": others or (adjacent(),),
        "data": TrainingData(examples=2000, answers=1500), "has_baseline": False,
    }  # fmt: skip
    return Facts.model_validate(fields | changes)


def said(given: Facts, topic: Topic) -> tuple[str, Advice]:
    """The rule that answered, and its advice."""
    one = next(r for r in advise(given) if r.topic == topic)
    return one.rule, one.advice


ADJACENT = st.builds(
    Adjacent,
    name=st.sampled_from(["facts", "sums", "json_output"]),
    share=st.floats(0.01, 1),
    threshold=st.floats(0.005, 0.5),
    critical=st.booleans(),
    kind=st.sampled_from([None, *get_args(Kind)]),
    exemplars=st.integers(1, 200),
    watched=st.booleans(),
    tunable=st.booleans(),
)
FACTS = st.builds(
    Facts,
    target=st.just("support"),
    kind=st.sampled_from([None, *get_args(Kind)]),
    facts_change=st.sampled_from([None, *get_args(FactsChange)]),
    cites=st.booleans(),
    target_share=st.floats(0.01, 1),
    target_mean=st.none() | st.floats(0, 1),
    target_tunable=st.booleans(),
    adjacent=st.lists(ADJACENT, max_size=4).map(tuple),
    data=st.none() | st.builds(TrainingData, examples=st.integers(1, 10**6), answers=st.integers(1, 10**6)),
    has_baseline=st.booleans(),
    cot=st.none() | st.just("cot.tsv"),
    replay=st.none() | st.just("replay.jsonl"),
)


@given(FACTS)
def test_whatever_the_facts_each_topic_is_answered_once_with_reasons(given: Facts) -> None:
    found = advise(given)
    assert [one.topic for one in found] == list(QUESTIONS)
    for one in found:
        assert one.advice.choice
        assert one.advice.reasons
        assert not any(r.text.endswith(".") for r in one.advice.reasons), "the page sets the full stop"


@given(FACTS)
def test_whatever_the_facts_the_trainer_takes_the_settings(given: Facts) -> None:
    settings = settings_of(advise(given))
    run = {
        "base": "base",
        "data": "data.jsonl",
        "output": "out",
        "name": "x",
        "brief": "brief.yaml",
    } | settings
    checked = TrainSettings.model_validate(run)
    taken = sum(s.share for s in checked.mix) + (checked.rehearsal.share if checked.rehearsal else 0.0)
    assert taken == pytest.approx(mix_of(given).taken)
    assert taken <= 0.5
    # The steps reckon with the batch that the run is given.
    assert checked.batch_size == BATCH


LOST = adjacent(watched=False)
EXAMPLES: dict[str, Facts] = {
    "base solves it": facts(target_mean=0.97),
    "kind unknown": facts(kind=None),
    "knowledge": facts(kind="knowledge"),
    "form around changing facts": facts(facts_change="daily"),
    "form or skill": facts(),
    "nearly all is target": facts(target_share=0.95),
    "target is rare": facts(target_share=0.1),
    "mixed traffic": facts(),
    "nothing to tune on": facts(target_tunable=False),
    "tuned first": facts(),
    "nothing to keep": facts(LOST),
    "rehearsal": facts(),
    "kinds unknown": facts(adjacent(kind=None)),
    "no reasoning to keep": facts(),
    "chains of thought at hand": facts(adjacent(kind="reasoning"), cot="cot.tsv"),
    "chains of thought wanted": facts(adjacent(kind="reasoning")),
    "losses are incidents": facts(adjacent(critical=True)),
    "few prompts": facts(adjacent(exemplars=5)),
    "rehearsal first": facts(),
    "nothing to search by": facts(adjacent(tunable=False)),
    "searched": facts(),
    "checked": facts(),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.topic}: {rule.name}")
def test_every_rule_of_the_table_is_reached(rule: Rule) -> None:
    assert said(EXAMPLES[rule.name], rule.topic)[0] == rule.name


def test_rules_have_names_of_their_own_and_stand_by_topic() -> None:
    assert max(Counter(rule.name for rule in RULES).values()) == 1
    assert {rule.topic for rule in RULES} == set(QUESTIONS)
    # In the order in which they are shown.
    assert list(dict.fromkeys(rule.topic for rule in RULES)) == list(QUESTIONS)


def test_published_reasons_name_their_publication() -> None:
    for example in EXAMPLES.values():
        for one in advise(example):
            for reason in one.advice.reasons:
                assert reason.ground != "published" or "arXiv:" in reason.text


def test_knowledge_is_retrieved_and_the_reason_names_how_often_it_changes() -> None:
    weekly = said(facts(kind="knowledge", facts_change="weekly"), "approach")[1]
    assert weekly.choice.startswith("Retrieve")
    assert any("change weekly" in r.text for r in weekly.reasons)
    traced = said(facts(kind="knowledge", facts_change="never", cites=True), "approach")[1]
    assert any("name its source" in r.text for r in traced.reasons)


def test_few_different_answers_suggest_a_classifier() -> None:
    canned = said(facts(data=TrainingData(examples=320, answers=10)), "approach")[1]
    assert any("classifier" in r.text for r in canned.reasons)
    assert not any("classifier" in r.text for r in said(facts(), "approach")[1].reasons)


def test_the_price_of_forgetting_is_reckoned_from_shares_and_thresholds() -> None:
    given = facts(adjacent(share=0.3, threshold=0.1), adjacent("sums", share=0.2, threshold=0.05), LOST)
    # .3 x .1 + .2 x .05 = .04 of all queries; over a target share of .6 that is 6.7 points.
    assert given.at_risk == pytest.approx(0.04)
    assert given.break_even == pytest.approx(0.04 / 0.6)
    told = " ".join(r.text for r in said(given, "breadth")[1].reasons)
    assert "40 of 1,000" in told
    assert "6.7 points" in told


def test_the_mix_leaves_the_target_two_thirds_and_more_where_it_is_nearly_all() -> None:
    thinking = adjacent(kind="reasoning")
    assert mix_of(facts()) == (0.0, 0.0, 0.333)
    assert mix_of(facts(target_share=NARROW)) == (0.0, 0.0, 0.167)
    assert mix_of(facts(thinking, cot="cot.tsv")) == pytest.approx((0.15, 0.0, 0.183))
    assert mix_of(facts(thinking, cot="cot.tsv", replay="r.jsonl")) == pytest.approx((0.15, 0.092, 0.091))
    # Rehearsal keeps what chains of thought do not, so they take half of little at most.
    assert mix_of(facts(thinking, cot="cot.tsv", target_share=NARROW)) == pytest.approx((0.083, 0.0, 0.083))
    # Chains of thought keep reasoning; where there is none they take nothing.
    assert mix_of(facts(cot="cot.tsv")).cot == 0.0
    assert mix_of(facts(LOST)).taken == 0.0


def test_the_steps_see_the_dialogues_once_and_three_times() -> None:
    # Two thirds of a batch of 12 are the target's: 2,000 dialogues take 250 steps.
    assert steps_of(facts()) == [250, 750]
    assert steps_of(facts(LOST)) == [167, 500]
    assert steps_of(facts(data=TrainingData(examples=320, answers=10))) == [20, 40]


def test_rehearsal_is_by_the_divergence_alone_with_a_rate_that_falls() -> None:
    settings = said(facts(), "mixing")[1].settings
    assert settings == {
        "rehearsal": {"share": 0.333, "exemplars": True, "kl": 1.5, "learn": False},
        "decay": 0.6,
    }
    # Where nothing is rehearsed, the rate stays: alone, its fall brought nothing.
    assert "decay" not in settings_of(advise(facts(LOST)))


def test_what_was_not_measured_is_named_for_the_next_run_and_not_set_in_this_one() -> None:
    incident = facts(adjacent(critical=True, exemplars=40))
    advice = said(incident, "regulariser")[1]
    assert "EWC-LoRA" in advice.choice
    assert {r.ground for r in advice.reasons} == {"brief", "measured", "published", "thin"}
    assert "ewc" not in settings_of(advise(incident))


def test_base_writes_more_prompts_where_exemplars_are_few() -> None:
    settings = said(facts(adjacent(exemplars=40), adjacent("sums", exemplars=4)), "mixing")[1].settings
    assert settings["rehearsal"]["self_generated"] == 32
    assert "self_generated" not in said(facts(), "mixing")[1].settings["rehearsal"]


def test_two_topics_that_set_one_key_are_a_mistake_of_the_table() -> None:
    one = advise(facts())[0].model_copy(
        update={"advice": Advice("x", (Reason("thin", "y"),), {"batch_size": 4})}
    )
    with pytest.raises(ValueError, match="batch_size"):
        settings_of([*advise(facts()), one])


def test_what_the_command_line_says_goes_before_the_brief() -> None:
    loaded = brief(
        capability("support", role="target", kind="style", facts_change="never", cites=True),
        capability("sums", kind="reasoning", critical=True),
    )
    plain = facts_of(loaded, None, None)
    assert (plain.kind, plain.facts_change, plain.cites) == ("style", "never", True)
    assert plain.tight[0].name == "sums"
    assert plain.prompts == 1
    told = facts_of(loaded, None, None, kind="knowledge", facts_change="daily", cites=False)
    assert (told.kind, told.facts_change, told.cites) == ("knowledge", "daily", False)


def test_a_capability_with_audit_items_alone_cannot_be_tuned_on() -> None:
    loaded = brief(capability("support", role="target"), capability("sums"))
    assert facts_of(loaded, None, None).tunable
    audited = loaded.model_copy(update={"items": loaded.items | {"sums": (Item(id="s", prompt="1 + 1?"),)}})
    assert not facts_of(audited, None, None).tunable


def test_a_baseline_says_what_base_can_do_and_where_it_has_nothing_to_lose() -> None:
    loaded = brief()
    found = facts_of(loaded, audits.baseline(loaded), None)
    assert found.target_mean == pytest.approx(0.3)
    assert found.has_baseline
    # Base scores 0 on riddles.
    assert [a.name for a in found.watched] == ["facts", "sums"]
    assert {a.name: a.mean for a in found.adjacent} == {
        "facts": pytest.approx(0.9),
        "sums": 1.0,
        "riddles": 0.0,
    }
