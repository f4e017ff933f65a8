"""The audit from end to end, with models that are scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from evaluator.audit.audit import TWIN_PAIRS, run_audit
from evaluator.audit.baseline import record_baseline
from evaluator.audit.diff.settings import GateSettings
from evaluator.audit.measures.answers import ItemAnswer
from evaluator.audit.measures.measure import Measure, ServedModel
from evaluator.audit.reporting.report import html
from evaluator.audit.reporting.text import counts, markdown
from evaluator.judge.judges.error import Interval, JudgeError
from evaluator.judge.judges.suite import JudgeFinding
from telemetry.errors import BaselineError, InfrastructureError
from telemetry.events import Message, ModelRef
from tests.evaluator.support.audits import (
    BASE,
    BASE_SCORES,
    CANDIDATE,
    arm,
    audit,
    baseline,
    binding,
    measures_of,
)
from tests.evaluator.support.briefs import brief, model


def finding(capability: str, sensitivity: float, specificity: float, *, tells_apart: bool) -> JudgeFinding:
    rates = [Interval(rate - 0.1, rate, min(rate + 0.1, 1.0)) for rate in (sensitivity, specificity)]
    return JudgeFinding(capability, JudgeError(rates[0], rates[1], 0.0, 40), tells_apart, 40, 0, ())


def test_the_naive_fine_tune_fails_and_is_named_overfitting() -> None:
    result = audit(items=120, support=1.0, facts=0.1)
    assert (result.verdict, result.exit_code) == ("fail", 1)
    assert result.findings[0].startswith(
        "Overfitting: custom passes, general fails. The target support improved by"
    )
    assert "while facts fell" in result.findings[0]
    assert {c.name: c.verdict for c in result.capabilities} == {
        "support": "pass",
        "facts": "fail",
        "sums": "pass",
        "riddles": "inconclusive",
    }


def test_it_asks_no_more_than_the_verdicts_take() -> None:
    result = audit(items=120, support=1.0, facts=0.1)
    by_name = {c.name: c.items for c in result.capabilities}
    assert by_name["facts"].asked <= 32
    assert by_name["sums"].asked < 120
    assert by_name["riddles"].asked == 0
    assert result.cost.full == 2 * 4 * 120
    assert result.cost.candidate_asked == sum(m.asked for m in result.measures)
    assert (result.cost.base_asked, result.cost.base_reused) == (0, result.cost.candidate_asked)


def test_an_identical_candidate_passes_where_there_are_items_enough() -> None:
    result = audit(items=100)
    assert result.verdict == "pass"
    assert any("At the floor, without a say: riddles" in finding for finding in result.findings)


def test_an_identical_candidate_is_inconclusive_where_there_are_too_few() -> None:
    result = audit(items=20)
    assert (result.verdict, result.exit_code) == ("inconclusive", 3)
    assert any(
        "support (20 of 54), facts (20 of 54) and sums (20 of 54)" in finding for finding in result.findings
    )


def test_the_worst_items_stand_side_by_side_and_only_what_was_lost() -> None:
    facts = audit(facts=0.1).capabilities[1].items
    assert facts.lost <= facts.asked
    assert len(facts.worst) == 3
    assert all(pair.base_value == 1.0 and pair.candidate_value == 0.0 for pair in facts.worst)
    assert "right" in facts.worst[0].base
    assert "does not know" in facts.worst[0].candidate


def test_another_engine_refuses_the_comparison() -> None:
    loaded = brief()
    with pytest.raises(BaselineError, match="engine_version: engine 1 here, engine 2 there"):
        run_audit(
            loaded,
            measures_of(loaded),
            baseline(loaded),
            arm(model("candidate", **BASE_SCORES)),
            refs=(BASE, CANDIDATE),
            binding=binding(loaded, "engine 2"),
        )


def test_a_lazy_baseline_needs_base_only_for_what_it_left() -> None:
    loaded = brief(items=100)
    measures = [m for m in measures_of(loaded) if m.capability != "riddles"]
    lazy = record_baseline(measures, arm(model(items=100, **BASE_SCORES)), binding(loaded), lazy=True)
    left = lazy.measures[1].model_copy(update={"recorded": False, "answers": (), "at_floor": None})
    partly = lazy.model_copy(update={"measures": (lazy.measures[0], left, *lazy.measures[2:])})

    def run(base: ServedModel | None) -> tuple[int, int]:
        result = run_audit(
            loaded.model_copy(
                update={
                    "brief": loaded.brief.model_copy(update={"capabilities": loaded.brief.capabilities[:3]})
                }
            ),
            measures,
            partly,
            arm(model("candidate", items=100, **BASE_SCORES)),
            refs=(BASE, CANDIDATE),
            binding=binding(loaded),
            base=arm(base) if base else None,
        )
        assert result.verdict == "pass"
        return result.cost.base_asked, result.capabilities[1].items.asked

    asked, facts = run(model(items=100, **BASE_SCORES))
    assert asked == facts > 0
    with pytest.raises(BaselineError, match="--base-url"):
        run(None)


def test_a_candidate_that_says_word_for_word_what_base_says_is_an_error_never_a_pass() -> None:
    loaded = brief(items=100)

    def run(candidate: ModelRef, items: int = 100) -> str:
        loaded = brief(items=items)
        return run_audit(
            loaded,
            measures_of(loaded),
            baseline(loaded, items),
            arm(model("base", items, **BASE_SCORES)),
            refs=(BASE, candidate),
            binding=binding(loaded),
        ).verdict

    with pytest.raises(InfrastructureError, match="word for word"):
        run(CANDIDATE)
    assert run(BASE) == "pass"  # base against itself is no mistake
    assert len(loaded.items) * 2 < TWIN_PAIRS
    assert run(CANDIDATE, items=2) == "inconclusive"  # so few may be alike by chance


def test_what_the_judge_gets_wrong_moves_both_thresholds() -> None:
    loaded = brief(items=200)
    judges = {"facts": finding("facts", 0.9, 0.85, tells_apart=True)}
    result = run_audit(
        loaded,
        measures_of(loaded),
        baseline(loaded, 200),
        arm(model("candidate", 200, **BASE_SCORES)),
        refs=(BASE, CANDIDATE),
        binding=binding(loaded),
        judges=judges,
    )
    facts, sums = result.capabilities[1].items, result.capabilities[2].items
    assert facts.fail_beyond == pytest.approx(0.095)  # J at most (1.0 + .95 - 1)
    assert facts.pass_within == pytest.approx(0.055)  # J at least (.8 + .75 - 1)
    assert facts.threshold == sums.threshold == sums.fail_beyond == sums.pass_within == 0.1
    assert facts.asked > sums.asked
    assert result.judges[0].sensitivity == pytest.approx((0.8, 0.9, 1.0))


def test_a_judge_that_tells_nothing_apart_makes_its_capability_inconclusive_with_the_reason() -> None:
    loaded = brief(items=100)
    result = run_audit(
        loaded,
        measures_of(loaded),
        baseline(loaded, 100),
        arm(model("candidate", 100, **BASE_SCORES)),
        refs=(BASE, CANDIDATE),
        binding=binding(loaded),
        judges={"facts": finding("facts", 0.5, 0.5, tells_apart=False)},
    )
    assert result.capabilities[1].verdict == "inconclusive"
    assert result.verdict == "inconclusive"
    assert any("Nothing can be told of facts: its judge does not tell" in f for f in result.findings)
    assert result.capabilities[1].items.asked == 0


def test_first_fail_ends_the_audit_and_says_what_was_left() -> None:
    result = audit(items=120, settings=GateSettings(first_fail=True, chunk=8), facts=0.0)
    assert result.verdict == "fail"
    assert any(
        "Not asked to the end, since another failure had settled it" in finding for finding in result.findings
    )


@pytest.mark.parametrize("blind", ["base", "candidate"])
def test_what_nobody_could_score_is_not_measured_and_never_passes(blind: str) -> None:
    loaded = brief(items=100)
    base, candidate = model(items=100, **BASE_SCORES), model("candidate", items=100, **BASE_SCORES)
    measures = [m if m.capability != "facts" else Blind(m, blind) for m in measures_of(loaded)]
    recorded = record_baseline(measures, arm(base), binding(loaded))
    known = recorded.capability("facts")
    assert known.at_floor is None
    assert known.not_measured == (
        "none of 100 items scored: the judge cannot tell (100)" if blind == "base" else None
    )
    result = run_audit(
        loaded, measures, recorded, arm(candidate), refs=(BASE, CANDIDATE), binding=binding(loaded)
    )
    facts = result.capabilities[1]
    assert (result.verdict, facts.verdict, facts.at_floor) == ("inconclusive", "inconclusive", None)
    assert "the judge cannot tell" in (facts.not_measured or "")
    assert facts.items.asked == 0 if blind == "base" else facts.items.asked > 0
    assert any(
        finding.startswith("Not measured, so nothing is certain of facts") for finding in result.findings
    )
    assert counts(result) == {"pass": 2, "fail": 0, "inconclusive": 0, "not measured": 1, "at the floor": 1}
    assert "not measured" in html(result)
    assert "not measured" in markdown(result)


def test_base_that_a_lazy_baseline_left_and_nobody_can_score_does_not_pass_by_the_candidates_scores() -> None:
    loaded = brief(items=100)
    measures = [
        m if m.capability != "facts" else Blind(m, "base")
        for m in measures_of(loaded)
        if m.capability != "riddles"
    ]
    recorded = record_baseline(measures, arm(model(items=100, **BASE_SCORES)), binding(loaded))
    left = recorded.measures[1].model_copy(update={"recorded": False, "answers": (), "not_measured": None})
    three = loaded.brief.model_copy(update={"capabilities": loaded.brief.capabilities[:3]})
    result = run_audit(
        loaded.model_copy(update={"brief": three}),
        measures,
        recorded.model_copy(update={"measures": (recorded.measures[0], left, recorded.measures[2])}),
        arm(model("candidate", items=100, **(BASE_SCORES | {"facts": 1.0}))),
        refs=(BASE, CANDIDATE),
        binding=binding(loaded),
        base=arm(model(items=100, **BASE_SCORES)),
    )
    assert (result.capabilities[1].verdict, result.verdict) == ("inconclusive", "inconclusive")
    assert (result.capabilities[1].not_measured or "").startswith("base: none of")


@dataclass
class Blind:
    """A measure that can score nothing of what one model answers."""

    measure: Measure
    of: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.measure, name)

    def answer(self, model: ServedModel, ids: Sequence[str]) -> Sequence[ItemAnswer]:
        changed = {"value": None, "reason": "the judge cannot tell"} if model.name == self.of else {}
        return [one.model_copy(update=changed) for one in self.measure.answer(model, ids)]


def test_an_engine_that_answers_too_few_prompts_is_an_error() -> None:
    loaded = brief()

    def short(turns: Sequence[Sequence[Message]], max_tokens: int) -> list[str]:  # noqa: ARG001 -- a chat's shape
        return ["right"]

    broken = ServedModel("http://nowhere", "candidate", CANDIDATE.sha256, model(**BASE_SCORES).folder, short)
    with pytest.raises(InfrastructureError, match="got 1 answers"):
        run_audit(
            loaded,
            measures_of(loaded),
            baseline(loaded),
            arm(broken),
            refs=(BASE, CANDIDATE),
            binding=binding(loaded),
        )
