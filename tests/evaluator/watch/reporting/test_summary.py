"""The closing summary: counted from Kafka's records, against counts made here in another way."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluator.watch.evidence.decide import decide
from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.reporting.against_truth import Known, against_truth
from evaluator.watch.reporting.page import facts, headline, write_page
from evaluator.watch.reporting.plot import draw_summary
from evaluator.watch.reporting.summary import Summary, read_rollout, summarise
from telemetry.bus.memory_bus import MemoryBus
from telemetry.codec import encode
from telemetry.events import RolloutChanged, ScoreRecorded, ShadowAnswered, ShadowDraw
from tests.evaluator.support.interactions import answer, interaction
from tests.evaluator.support.logs import publish
from tests.evaluator.support.scores import START, rollout, stream

MEANS = {"target": (0.3, 0.9), "facts": (0.9, 0.1), "json": (1.0, 0.2)}


@pytest.fixture(scope="module")
def told() -> tuple[Summary, list[ScoreRecorded]]:
    """A rollout whose candidate forgot facts and JSON, published to a broker and read back."""
    bus = MemoryBus()
    bus.ensure_topics()
    spec = rollout()
    evidence = RolloutEvidence(spec)
    scores = list(stream(600, seed=4, means=MEANS))
    with bus.publisher() as publisher:
        for offset, score in enumerate(scores):
            publisher.send(encode(score))
            evidence.settle(score, 0, offset)
            decision = decide(evidence)
            if decision is not None and decision.action == "roll_back":
                publisher.send(encode(decision))
        for revision, status in ((1, "ramping"), (2, "rolled_back")):
            publisher.send(
                encode(
                    RolloutChanged(
                        source="test",
                        spec=spec,
                        revision=revision,
                        status=status,
                        stage=0,
                        share=0.5 if revision == 1 else 0.0,
                        since=START,
                        actor="machine",
                        reason="facts dropped",
                    )
                )
            )
        publisher.flush(1.0)
    return summarise(read_rollout(bus, spec.rollout_id), router_applied_ns=None), scores


def test_an_interaction_with_its_shadows_answer_behind_it_is_one_interaction() -> None:
    bus = MemoryBus()
    bus.ensure_topics()
    own = interaction(0, draw=ShadowDraw(capability=None, fraction=1.0, drawn=True))
    shadow = ShadowAnswered(
        source="test", interaction_id=own.event_id, rollout_id="r1", assignment=own.assignment, text_policy="full",
        shadow=answer(by="candidate"),
    )  # fmt: skip
    publish(bus, [own, shadow, interaction(1)])
    assert read_rollout(bus, "r1").interactions == 2


def test_outcome_is_the_last_state_and_the_blame_is_the_decision_s(told: tuple[Summary, object]) -> None:
    summary, _ = told
    assert summary.outcome == "rolled_back"
    assert set(summary.blamed) <= {"facts", "json"}
    assert "rolled back" in headline(summary)


def test_interactions_until_the_decision_are_where_a_second_fold_crosses_the_bar(
    told: tuple[Summary, list[ScoreRecorded]],
) -> None:
    summary, scores = told
    again = RolloutEvidence(rollout())
    for offset, score in enumerate(scores):
        again.settle(score, 0, offset)
        if again.e_value >= 100.0:
            break
    assert summary.interactions_until_decision == offset + 1
    assert summary.candidate_answers_until_decision == sum(
        s.assignment.arm == "candidate" for s in scores[: offset + 1]
    )


def test_bad_answers_are_the_candidate_s_failures_in_watched_capabilities(
    told: tuple[Summary, list[ScoreRecorded]],
) -> None:
    summary, scores = told
    assert summary.bad_answers_served == sum(
        1 for s in scores if s.assignment.arm == "candidate" and s.value == 0.0
    )
    by_capability = 0.0
    for name in MEANS:
        mine = [s for s in scores if s.capability == name]
        control = [s.value for s in mine if s.assignment.arm == "control"]
        candidates = sum(s.assignment.arm == "candidate" for s in mine)
        by_capability += candidates * control.count(0.0) / len(control)
    assert summary.bad_answers_expected_of_base == pytest.approx(by_capability, abs=0.051)


def test_the_truth_of_whoever_sent_the_traffic_stands_beside_the_scores(
    told: tuple[Summary, list[ScoreRecorded]], tmp_path: Path
) -> None:
    without, scores = told
    assert without.truth is None
    known = [Known(one.interaction_id, one.capability, one.value) for one in scores]
    truth = against_truth(known, scores)
    summary = without.model_copy(update={"truth": truth})
    assert truth.overall is not None
    assert (truth.overall.n, truth.overall.close) == (len(scores), 1.0)
    page = write_page(summary, draw_summary(summary, tmp_path / "p.png"), tmp_path / "p.html").read_text(
        "utf-8"
    )
    assert "Scores beside the truth" in page
    assert all(value in page for value, _ in facts(summary))
    assert Summary.model_validate_json(summary.model_dump_json()) == summary


def test_page_opens_offline_and_the_picture_is_a_picture(
    told: tuple[Summary, object], tmp_path: Path
) -> None:
    summary, _ = told
    picture = draw_summary(summary, tmp_path / "summary.png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    page = write_page(summary, picture, tmp_path / "summary.html").read_text(encoding="utf-8")
    assert "http://" not in page
    assert "https://" not in page
    assert sorted(p.name for p in tmp_path.iterdir()) == ["summary.html", "summary.png"]
    assert all(value in page for value, _ in facts(summary))
