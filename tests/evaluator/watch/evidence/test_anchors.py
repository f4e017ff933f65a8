"""Whether a judge changed: known answers, scored again."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable

import pytest

from evaluator.watch.evidence.anchors import BAR, AnchorCheck, DriftProcess
from evaluator.watch.evidence.capability_fold import DRIFTED
from evaluator.watch.evidence.decide import DRIFT_TEST, decide
from evaluator.watch.evidence.fold import RolloutEvidence
from telemetry.events import JUDGE_DRIFTED, AnchorJudged, DecisionMade, RolloutSpec, ScoreRecorded, Stage
from tests.evaluator.support.scores import restored, rollout, stream

SAME = {"target": (0.8, 0.8), "facts": (0.8, 0.8), "json": (0.8, 0.8)}


def anchor(number: int, value: float, expected: float = 0.0, judge: str = "grader") -> AnchorJudged:
    return AnchorJudged(name=f"anchor-{number}", judge=judge, expected=expected, value=value)


def lenient(scores: Iterable[ScoreRecorded], capability: str = "facts") -> list[ScoreRecorded]:
    """Each score of the capability with a known answer that was bad and is good now."""
    return [
        one.model_copy(update={"anchor": anchor(n, 1.0)}) if one.capability == capability else one
        for n, one in enumerate(scores)
    ]


def spec_of(advance: str = "schedule") -> RolloutSpec:
    return rollout(stages=(Stage(share=0.5, min_units=50), Stage(share=0.5)), advance=advance)


def run(spec: RolloutSpec, scores: Iterable[ScoreRecorded]) -> tuple[RolloutEvidence, list[DecisionMade]]:
    evidence, made = RolloutEvidence(spec), []
    for offset, one in enumerate(scores):
        if evidence.settle(one, 0, offset) and (found := decide(evidence)):
            made.append(found)
    return evidence, made


def test_over_all_swaps_of_the_two_scores_the_evidence_is_1_on_average() -> None:
    pairs = [(1.0, 0.0), (0.5, 0.25), (1.0, 1.0), (0.0, 0.75), (1.0, 0.0), (0.1, 0.9), (1.0, 0.5)]
    total = 0.0
    for swaps in itertools.product((1.0, -1.0), repeat=len(pairs)):
        process = DriftProcess()
        for (today, then), sign in zip(pairs, swaps, strict=True):
            process.add(sign * (today - then))
        total += process.e_value
    assert total / 2.0 ** len(pairs) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(("today", "shift"), [(1.0, 1.0), (0.0, -1.0)])
def test_a_judge_grown_lenient_or_strict_is_found(today: float, shift: float) -> None:
    check = AnchorCheck()
    for number in range(40):
        check.add(anchor(number, today, 1.0 - today), "facts")
    (found,) = check.summary()
    assert (check.drifted(), check.blind()) == (("grader",), {"facts"})
    assert (found.anchors, found.shift, found.drifted) == (40, shift, True)
    assert f"{100 * shift:+.1f} points" in check.explain()


def test_a_judge_that_errs_as_it_did_is_not_called_drifted() -> None:
    for seed in range(30):
        rng, process = random.Random(seed), DriftProcess()
        for _ in range(400):
            process.add(float(rng.random() < 0.8) - float(rng.random() < 0.8))
        assert process.best < BAR


def test_a_known_answer_counts_once() -> None:
    check = AnchorCheck()
    for _ in range(200):
        check.add(anchor(1, 1.0), "facts")
    assert check.summary()[0].anchors == 1
    assert not check.drifted()


def test_what_one_judge_became_takes_nothing_from_another() -> None:
    check = AnchorCheck()
    for number in range(60):
        check.add(anchor(number, 1.0), "facts")
        check.add(anchor(number, 0.0, judge="other"), "json")
    assert (check.drifted(), check.blind()) == (("grader",), {"facts"})


def test_every_capability_that_the_judge_scores_loses_its_say_whichever_it_was_asked_beside() -> None:
    check = AnchorCheck()
    scored = ("facts", "json")
    for number in range(60):
        check.add(anchor(number, 1.0).model_copy(update={"capabilities": scored}), "facts")
    assert check.blind() == set(scored)
    assert AnchorCheck.from_dict(check.to_dict()).blind() == set(scored)


def test_a_capability_that_the_rollout_does_not_have_is_no_reason_to_stop() -> None:
    scores = [
        s
        if s.anchor is None
        else s.model_copy(
            update={"anchor": s.anchor.model_copy(update={"capabilities": ("facts", "unheard")})}
        )
        for s in lenient(stream(600, seed=3, means=SAME))
    ]
    evidence, _ = run(spec_of("manual"), scores)
    assert evidence.anchors.drifted() == ("grader",)
    assert evidence.folds["facts"].silenced


def test_a_drifted_judge_holds_at_once_and_nothing_is_promoted_for_it() -> None:
    _, free = run(spec_of(), stream(600, seed=3, means=SAME))
    assert "promote" in {d.action for d in free}
    scores = lenient(stream(600, seed=3, means=SAME))
    seen, first = RolloutEvidence(spec_of("manual")), -1
    while not seen.anchors.drifted():
        first += 1
        seen.settle(scores[first], 0, first)
    evidence, made = run(spec_of("manual"), scores)
    told = [d for d in made if d.reason.startswith(JUDGE_DRIFTED)]
    assert told[0].proof.last_offset == first
    assert (told[0].action, told[0].proof.test) == ("hold", DRIFT_TEST)
    assert told[0].proof.anchors[0].drifted
    assert made[-1].reason.startswith(JUDGE_DRIFTED)
    assert evidence.anchors.blind() == {"facts"}


def test_scores_of_a_drifted_judge_roll_nothing_back_and_others_still_do() -> None:
    broken = SAME | {"facts": (0.9, 0.3)}
    _, believed = run(spec_of("manual"), stream(1500, seed=4, means=broken))
    assert "roll_back" in {d.action for d in believed}
    early = lenient(stream(90, seed=5, means=SAME))
    late = [
        s.model_copy(update={"event_id": f"late-{s.event_id}"}) for s in stream(1500, seed=4, means=broken)
    ]
    evidence, made = run(spec_of("manual"), early + lenient(late))
    assert {d.action for d in made} == {"hold"}
    shown = next(one for one in evidence.summary() if one.capability == "facts")
    assert (shown.e_value, shown.watched, shown.unwatched) == (0.0, False, DRIFTED)
    worse = [
        s.model_copy(update={"event_id": f"late-{s.event_id}"})
        for s in stream(1500, seed=4, means=SAME | {"json": (0.9, 0.3)})
    ]
    _, other = run(spec_of("manual"), early + lenient(worse))
    (rolled,) = [d for d in other if d.action == "roll_back"]
    assert rolled.proof.blamed == ("json",)


def test_where_the_only_judge_drifted_nothing_is_left_to_prove_and_the_watch_goes_on() -> None:
    spec = rollout(("target",), stages=(Stage(share=0.5, min_units=50), Stage(share=0.5)))
    scores = lenient(stream(600, seed=3, means={"target": (0.8, 0.8)}), "target")
    evidence, made = run(spec, scores)
    assert (evidence.settled, evidence.e_value, evidence.breached) == (600, 0.0, False)
    assert made[-1].reason.startswith(JUDGE_DRIFTED)


def test_nothing_but_the_anchors_changes_for_a_judge_that_did_not() -> None:
    scores = list(stream(300, seed=6, means=SAME))
    beside = [s.model_copy(update={"anchor": anchor(n, 0.5, 0.5)}) for n, s in enumerate(scores)]
    plain, _ = run(spec_of(), scores)
    known, _ = run(spec_of(), beside)
    assert known.summary() == plain.summary()
    assert known.e_value == plain.e_value
    assert known.digest != plain.digest


def test_a_snapshot_keeps_the_known_answers_and_what_they_proved() -> None:
    scores = lenient(stream(240, seed=7, means=SAME))
    whole, _ = run(spec_of(), scores)
    evidence, entries = RolloutEvidence(spec_of()), b""
    for offset, one in enumerate(scores):
        evidence.settle(one, 0, offset)
        decide(evidence)
        if offset % 40 == 39:
            evidence, entries = restored(evidence, entries)
    assert evidence.to_snapshot() == whole.to_snapshot()
    assert evidence.folds["facts"].drifted


def test_a_snapshot_of_before_known_answers_is_taken_up() -> None:
    evidence, _ = run(spec_of(), stream(50, seed=8, means=SAME))
    state = evidence.to_snapshot()
    del state["anchors"]
    entries = evidence.draws.taken()
    assert RolloutEvidence.from_snapshot(spec_of(), state, entries).anchors.summary() == ()
