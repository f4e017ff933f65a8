"""Where a rollout bounds one API key's part of the evidence, it bounds it for guardrails too."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.evidence.repeats import WINDOW
from telemetry.errors import UnreadableRecord
from telemetry.events import CapabilityEvidence, Guardrail, RolloutSpec, ScoreRecorded
from tests.evaluator.support.scores import restored, rollout, score

THRESHOLD = 0.05
RAILS = (
    Guardrail(kind="errors", threshold=THRESHOLD),
    Guardrail(kind="refusals", threshold=THRESHOLD),
    Guardrail(kind="latency", threshold=THRESHOLD, limit_ms=2000.0),
)
BAD = {"errors": {"failed": True}, "refusals": {"refused": True}, "latency": {"total_ms": 5000.0}}


def _spec(kind: str, most: float | None) -> RolloutSpec:
    rail = next(one for one in RAILS if one.kind == kind)
    return rollout().model_copy(update={"guardrails": (rail,), "most_of_key": most})


def _traffic(kind: str, seed: int, *, hers: float, theirs: float, count: int = 2_000) -> list[ScoreRecorded]:
    """Every score of a subject of its own, 30% of them by one key.

    `hers` and `theirs` are how often the candidate's answers go wrong, by that key and by everybody else's.
    """
    rng, made = random.Random(seed), []
    for number in range(count):
        key = "hers" if rng.random() < 0.3 else f"key {rng.randrange(200)}"
        arm = "candidate" if rng.random() < 0.5 else "control"
        wrong = arm == "candidate" and rng.random() < (hers if key == "hers" else theirs)
        update = {"total_ms": 200.0, "by_key": key} | (BAD[kind] if wrong else {})
        made.append(score(number, arm=arm, value=None).model_copy(update=update))
    return made


def _folded(spec: RolloutSpec, scores: Sequence[ScoreRecorded]) -> RolloutEvidence:
    evidence = RolloutEvidence(spec)
    for offset, one in enumerate(scores):
        evidence.settle(one, 0, offset)
    return evidence


def _rail(evidence: RolloutEvidence) -> CapabilityEvidence:
    (found,) = [one for one in evidence.summary() if one.capability.startswith("guardrail:")]
    return found


@pytest.mark.parametrize("kind", BAD)
def test_one_key_that_spoils_the_candidates_answers_trips_no_guardrail_where_its_part_is_below_the_threshold(
    kind: str,
) -> None:
    for seed in range(3):
        attack = _traffic(kind, seed, hers=1.0, theirs=0.0)
        assert not _folded(_spec(kind, 0.03), attack).breached
        assert _folded(_spec(kind, None), attack).blamed() == (f"guardrail:{kind}",)


@pytest.mark.parametrize("kind", BAD)
def test_a_failure_that_many_keys_meet_still_trips_it(kind: str) -> None:
    broad = _traffic(kind, 1, hers=0.3, theirs=0.3)
    assert _folded(_spec(kind, 0.03), broad).blamed() == (f"guardrail:{kind}",)


def test_of_any_window_of_its_units_one_key_has_its_part_and_the_rest_is_counted_as_set_aside() -> None:
    evidence, hers = RolloutEvidence(_spec("errors", 0.07)), []
    for offset, one in enumerate(_traffic("errors", 2, hers=1.0, theirs=0.0, count=500)):
        before = _rail(evidence)
        evidence.settle(one, 0, offset)
        after = _rail(evidence)
        counted = after.control.n + after.candidate.n > before.control.n + before.candidate.n
        assert after.set_aside == before.set_aside + (not counted)
        assert counted or one.by_key == "hers"
        hers.append(counted and one.by_key == "hers")
    assert max(sum(hers[at : at + WINDOW]) for at in range(500 - WINDOW)) == 7


def test_whether_an_interaction_counts_depends_on_nothing_that_came_of_it() -> None:
    attack = _traffic("latency", 4, hers=1.0, theirs=0.0, count=400)
    nothing = [one.model_copy(update={"total_ms": None, "failed": False}) for one in attack]
    aside = [_rail(_folded(_spec("latency", 0.05), made)).set_aside for made in (attack, nothing)]
    assert aside[0] == aside[1] > 0


def test_what_is_beyond_a_keys_part_is_still_an_assignment_of_the_sample_ratio_check() -> None:
    attack = _traffic("errors", 5, hers=1.0, theirs=0.0, count=400)
    bounded, free = (_folded(_spec("errors", most), attack) for most in (0.02, None))
    assert bounded.ratio.to_dict() == free.ratio.to_dict()


def test_guardrails_with_bounded_keys_go_on_from_a_snapshot_to_the_same_bits() -> None:
    spec = _spec("errors", 0.05)
    straight, through, entries = RolloutEvidence(spec), RolloutEvidence(spec), b""
    for offset, one in enumerate(_traffic("errors", 6, hers=1.0, theirs=0.0, count=300)):
        straight.settle(one, 0, offset)
        through.settle(one, 0, offset)
        if offset % 37 == 0:
            through, entries = restored(through, entries)
    assert through.to_snapshot() == straight.to_snapshot()
    assert _rail(straight).set_aside > 50


def test_a_snapshot_of_before_is_folded_anew_only_where_guardrails_bound_keys() -> None:
    for most, rails in ((None, RAILS), (0.05, ()), (0.05, RAILS)):
        spec = rollout().model_copy(update={"guardrails": rails, "most_of_key": most})
        state = RolloutEvidence(spec).to_snapshot()
        del state["guardrail_keys"]
        for rail in state["guardrails"].values():
            del rail["set_aside"]
        if most is not None and rails:
            with pytest.raises(UnreadableRecord, match="guarded"):
                RolloutEvidence.from_snapshot(spec, state, b"")
        else:
            assert RolloutEvidence.from_snapshot(spec, state, b"").settled == 0
