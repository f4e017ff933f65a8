from __future__ import annotations

import math

import pytest

from evaluator.watch.evidence import guardrails
from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.worker.evidence_metrics import evidence_metrics, log10, rollout_figures
from evaluator.watch.worker.saving import Keeper
from evaluator.watch.worker.status import rollout_status
from evaluator.watch.worker.tracked import Tracked
from telemetry.events import AnchorJudged, Guardrail, RolloutSpec
from tests.evaluator.support.logs import announced
from tests.evaluator.support.scores import rollout, score


def bars(spec: RolloutSpec) -> dict[str, float]:
    tracked = Tracked(announced(spec), RolloutEvidence(spec), Keeper(spec.rollout_id))
    return dict(rollout_figures(tracked, rollout_status(tracked)).bars)


def test_a_capability_alone_rolls_back_at_the_bar_over_its_weight_and_one_that_is_not_watched_never() -> None:
    assert bars(rollout(("target", "facts", "json"), floor=("json",))) == {"target": 200.0, "facts": 200.0}


def test_guardrails_take_their_part_and_have_bars_of_their_own() -> None:
    rail = Guardrail(kind="errors", threshold=0.05)
    found = bars(rollout(("target", "facts")).model_copy(update={"guardrails": (rail,)}))
    assert found.pop("target") == found.pop("facts") == pytest.approx(200.0 / (1 - guardrails.PART))
    assert list(found.values()) == [pytest.approx(100.0 / guardrails.PART)]


def test_people_take_their_part_of_what_scores_have() -> None:
    found = bars(rollout(("target", "facts")).model_copy(update={"people": 0.25}))
    assert found == {"target": pytest.approx(200.0 / 0.75), "facts": pytest.approx(200.0 / 0.75)}


def test_a_judge_that_drifted_is_told_by_its_name() -> None:
    spec = rollout(("target", "facts"))
    evidence = RolloutEvidence(spec)
    for n in range(40):
        anchor = AnchorJudged(name=f"a{n}", judge="grader", expected=0.0, value=1.0)
        evidence.settle(score(n).model_copy(update={"anchor": anchor}), 0, n)
    tracked = Tracked(announced(spec), evidence, Keeper(spec.rollout_id))
    metrics = {m.name: m for m in evidence_metrics([rollout_figures(tracked, rollout_status(tracked))])}
    (sample,) = metrics["belay_judge_drifted"].samples
    assert (sample.labels, sample.value) == ({"rollout": "r1", "judge": "grader"}, 1.0)


@pytest.mark.parametrize(("e", "told"), [(100.0, 2.0), (0.0, -math.inf), (math.inf, math.inf)])
def test_an_e_value_is_told_as_its_logarithm_whatever_it_is(e: float, told: float) -> None:
    assert log10(e) == told
