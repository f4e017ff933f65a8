"""What a worker exports: what it scored, what it decides, and of which rollouts."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from evaluator.judge.judges.client import Reply
from evaluator.judge.judges.counted import Asked
from evaluator.judge.judges.judge import Judge
from evaluator.judge.judges.usage import Usage
from evaluator.watch.worker.decider import Decider
from evaluator.watch.worker.metrics import WorkerFigures, WorkerMetrics, decider_figures
from evaluator.watch.worker.scoring import Scorer
from evaluator.watch.worker.status import worker_status
from evaluator.watch.worker.worker import Worker, WorkerSettings
from telemetry import topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.events import TokenPrice
from tests.evaluator.support.briefs import brief
from tests.evaluator.support.interactions import answer, interaction
from tests.evaluator.support.logs import announced, publish, publish_raw
from tests.evaluator.support.scores import rollout, stream
from tests.evaluator.watch.worker.test_scoring import FirstWord
from tests.exported import exported

DROP = {"target": (0.8, 0.9), "facts": (0.9, 0.2), "json": (0.9, 0.9)}


@pytest.fixture
def bus() -> MemoryBus:
    bus = MemoryBus()
    bus.ensure_topics()
    return bus


def decided(bus: MemoryBus, **options: float) -> WorkerFigures:
    """What a decider leaves once it has read all there is."""
    figures, decider = WorkerFigures(), Decider(bus, **options)
    decider.restore()
    while decider.step(0.0):
        pass
    decider.step(0.0)
    figures.decider = decider_figures(decider, worker_status("j", "t", figures.counts, decider))
    decider.close()
    return figures


def test_answers_are_counted_by_arm_and_by_what_became_of_them(bus: MemoryBus) -> None:
    figures = WorkerFigures()
    publish(
        bus,
        [
            interaction(1),
            interaction(2, arm="candidate"),
            interaction(3, arm="candidate", prompt="what is nobody's"),
            interaction(4, shadow=answer(by="candidate")),
        ],
    )
    publish_raw(bus, topics.INTERACTIONS, b"nonsense")
    scorer = Scorer(bus, FirstWord(), Judge(brief()), figures.counts)
    while scorer.step(0.0):
        pass
    scorer.close()
    found = exported(WorkerMetrics(figures))
    assert found["belay_scores_total", "control", "scored", "r1"] == 2
    assert found["belay_scores_total", "candidate", "scored", "r1"] == 2
    assert found["belay_scores_total", "candidate", "untagged", "r1"] == 1
    assert found["belay_interactions_read_total",] == 4
    assert found["belay_dead_letters_total", "scorer"] == 1
    assert found["belay_score_age_seconds_count",] == 4
    assert ("belay_dead_letters_total", "decider") not in found
    assert found["belay_decider",] == 0


def test_the_evidence_of_a_rollout_stands_beside_its_bars(bus: MemoryBus) -> None:
    publish(bus, [announced(rollout()), *stream(900, seed=3, means=DROP)])
    found = exported(WorkerMetrics(decided(bus)))
    assert found["belay_evidence_log10", "r1"] > found["belay_evidence_bar_log10", "r1"] == 2.0
    evidence, bar = (
        found[f"belay_capability_{kind}_log10", "facts", "r1"] for kind in ("evidence", "evidence_bar")
    )
    assert evidence > bar == pytest.approx(2.477, abs=0.001)  # a third of the weight: three times the bar
    assert found["belay_decisions_total", "roll_back", "r1"] == 1
    assert found["belay_evidence_settled_total", "r1"] == 900
    units = [found["belay_evidence_units_total", arm, "facts", "r1"] for arm in ("candidate", "control")]
    means = [found["belay_score_mean_ratio", arm, "facts", "r1"] for arm in ("candidate", "control")]
    assert min(units) > 100
    assert means == pytest.approx([0.2, 0.9], abs=0.1)
    assert found["belay_last_score_timestamp_seconds", "r1"] == 1772442899
    assert found["belay_watch_stopped", "r1"] == 0


def test_promotion_has_its_evidence_where_the_policy_asks_for_it(bus: MemoryBus) -> None:
    spec = rollout(advance="evidence")
    publish(bus, [announced(spec), *stream(50, seed=3, means=dict.fromkeys(DROP, (0.9, 0.9)))])
    found = exported(WorkerMetrics(decided(bus)))
    assert found["belay_promotion_bar_log10", "r1"] > 0
    assert ("belay_promotion_evidence_log10", "facts", "r1") in found


def test_the_series_of_a_rollout_that_ended_are_gone(bus: MemoryBus) -> None:
    spec = rollout()
    publish(bus, [announced(spec), *stream(20, seed=3, means=DROP)])
    publish(bus, [announced(spec, revision=2, status="rolled_back")])
    figures = decided(bus, linger_s=0.0)
    for score in stream(5, seed=4, means=DROP):
        figures.counts.arms.see(score)
    assert [key for key in exported(WorkerMetrics(figures)) if "r1" in key] == []


def test_judging_models_are_counted_by_how_they_answered() -> None:
    asked = Asked()
    asked.count(Reply("7"), 0.4)
    asked.count(Reply(None, code="failed"), 120.0)
    found = exported(WorkerMetrics(WorkerFigures(), lambda: {"grader": asked}))
    assert found["belay_judge_requests_total", "grader", "answered"] == 1
    assert found["belay_judge_requests_total", "grader", "failed"] == 1
    assert found["belay_judge_request_seconds_sum", "grader"] == 120.4


def test_a_judges_tokens_are_counted_and_have_no_series_while_nobody_tells_any() -> None:
    told, silent = Asked(), Asked()
    told.count(Reply("7", came=True, usage=Usage(812, 40)), 0.4)
    told.count(Reply("7", came=True, usage=Usage(800, 10)), 0.4)
    silent.count(Reply("7", came=True), 0.4)
    found = exported(WorkerMetrics(WorkerFigures(), lambda: {"told": told, "silent": silent}))
    tokens = {key[1:]: value for key, value in found.items() if key[0] == "belay_judge_tokens_total"}
    assert tokens == {("told", "prompt"): 1612, ("told", "completion"): 50}
    assert found["belay_judge_replies_unmetered_total", "silent"] == 1


def test_a_judges_tokens_cost_what_its_price_says_and_have_no_cost_without_one() -> None:
    priced, unpriced = Asked(), Asked()
    priced.price = TokenPrice(prompt=0.5, completion=2.0, currency="EUR")
    for asked in (priced, unpriced):
        asked.count(Reply("7", came=True, usage=Usage(2_000_000, 500_000)), 0.4)
    found = exported(WorkerMetrics(WorkerFigures(), lambda: {"priced": priced, "unpriced": unpriced}))
    assert {key[1:]: value for key, value in found.items() if key[0] == "belay_judge_cost_total"} == {
        ("EUR", "priced"): 2.0
    }


def test_a_worker_at_work_can_be_scraped_at_any_moment(bus: MemoryBus, tmp_path: Path) -> None:
    stop = threading.Event()
    settings = WorkerSettings(brief=tmp_path / "b", status_file=tmp_path / "worker.json", poll_s=0.01)
    worker = Worker(settings, bus, FirstWord(), Judge(brief()), stop)
    metrics = WorkerMetrics(worker.figures)
    exported(metrics)
    publish(bus, [announced(rollout(("support", "facts", "sums")))])
    publish(bus, [interaction(n, arm="candidate" if n % 2 else "control") for n in range(100)])
    thread = threading.Thread(target=worker.run)
    thread.start()
    deadline = time.monotonic() + 20
    while exported(metrics).get(("belay_evidence_settled_total", "r1")) != 100:
        assert time.monotonic() < deadline
    stop.set()
    thread.join(10)
    assert exported(metrics)["belay_decider",] == 0
