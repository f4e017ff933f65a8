"""The sequential audit: it asks until it is certain and no longer, the same items each time, and loses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from evaluator.audit.asking.answer_cache import AnswerCache
from evaluator.audit.asking.answering import CachedModel, Conditions
from evaluator.audit.diff.settings import GateSettings
from evaluator.audit.measures.answers import ItemAnswer
from evaluator.audit.measures.measure import Measure, ServedModel
from evaluator.audit.sequential_audit import ask_until_certain
from evaluator.audit.state import Asked, Watched
from telemetry.errors import EngineFailed
from tests.evaluator.support.measures import Arm, Scores, Scripted, both_arms

SETTINGS = GateSettings()


def watched(measure: Measure, **terms: object) -> Watched:
    return Watched(measure, measure.threshold, measure.threshold, **terms)  # type: ignore[arg-type]


def audit(
    changes: dict[str, tuple[float, float]],
    settings: GateSettings = SETTINGS,
    n: int = 4000,
    at_once: int = 1,
    **terms: object,
) -> tuple[dict[str, Asked], Arm, Arm]:
    """Audit one scripted measure for each (lost, gained)."""
    base: Scores = {}
    candidate: Scores = {}
    measures = [Scripted(name, n) for name in changes]
    for seed, measure in enumerate(measures):
        ours, theirs = both_arms(measure, *changes[measure.capability], seed=seed)
        base, candidate = {**base, **ours}, {**candidate, **theirs}
    arms = Arm(base), Arm(candidate)
    found = ask_until_certain([watched(m, **terms) for m in measures], *arms, settings, at_once=at_once)
    return {a.watched.measure.capability: a for a in found}, *arms


def test_each_measure_stops_when_its_own_verdict_is_certain() -> None:
    found, base, candidate = audit({"same": (0.0, 0.0), "cliff": (0.4, 0.0), "ten": (0.11, 0.01)})
    assert {name: a.stopped for name, a in found.items()} == dict.fromkeys(found, "certain")
    assert found["cliff"].evidence.p_fail <= found["cliff"].level_fail
    assert found["ten"].evidence.p_fail <= found["ten"].level_fail
    assert found["same"].evidence.p_pass <= SETTINGS.alpha_pass
    assert len(found["cliff"].draws) <= 64
    assert len(found["ten"].draws) <= 400
    assert len(found["same"].draws) <= 320
    assert base.order == candidate.order
    assert base.asked == len(set(base.order)) == sum(len(a.draws) for a in found.values())


def test_the_same_seed_and_answers_ask_the_same_items_and_another_seed_others() -> None:
    runs = [
        audit({"a": (0.03, 0.02), "b": (0.1, 0.0)}, GateSettings(seed=seed))[1].order for seed in (1, 1, 2)
    ]
    assert runs[0] == runs[1]
    assert set(runs[0]) != set(runs[2])


def test_measures_asked_together_come_to_the_same_verdicts_and_the_same_each_time() -> None:
    changes = {"a": (0.03, 0.02), "b": (0.1, 0.0), "c": (0.0, 0.0), "d": (0.02, 0.01), "e": (0.5, 0.0)}
    alone = audit(changes)[0]
    together, again = (audit(changes, at_once=3)[0] for _ in range(2))
    assert together == again
    assert {n: a.verdict for n, a in together.items()} == {n: a.verdict for n, a in alone.items()}


def test_items_that_are_too_few_for_any_verdict_are_not_asked_to_the_last() -> None:
    found, _, candidate = audit({"few": (0.0, 0.0)}, GateSettings(chunk=2), n=40)
    assert found["few"].stopped == "out of reach"
    assert candidate.asked < 40


def test_items_are_used_up_where_the_verdict_stays_open() -> None:
    found, _, candidate = audit({"near": (0.03, 0.01)}, n=200)
    assert found["near"].stopped in ("used up", "out of reach")
    assert candidate.asked <= 200
    assert found["near"].evidence.p_fail > SETTINGS.alpha_fail
    assert found["near"].evidence.p_pass > SETTINGS.alpha_pass


def test_with_first_fail_the_others_are_left_alone_once_one_has_failed() -> None:
    changes = {"churn": (0.05, 0.05), "cliff": (0.5, 0.0)}
    every, _, all_asked = audit(changes)
    first, _, few_asked = audit(changes, GateSettings(first_fail=True))
    assert every["churn"].stopped == "certain"
    assert first["churn"].stopped == "another failed"
    assert first["cliff"].evidence == every["cliff"].evidence
    assert few_asked.asked < all_asked.asked / 4


def test_a_capability_that_has_failed_in_one_measure_is_not_asked_in_its_others() -> None:
    cliff, churn = Scripted("facts", 4000), Scripted("facts", 4000, name="arc_easy")
    base, candidate = both_arms(cliff, 0.5, 0.0, seed=3)
    calm = {f"calm-{item}": value for item, value in base.items()}
    other = Scripted("calm-facts", 4000)
    found = ask_until_certain(
        [watched(cliff), watched(churn), watched(other)],
        Arm({**base, **calm}),
        Arm({**candidate, **calm}),
        SETTINGS,
    )
    assert [a.stopped for a in found] == ["certain", "another failed", "certain"]
    assert len(found[1].draws) <= len(found[0].draws)


def test_clusters_are_asked_whole_and_are_one_draw_each() -> None:
    measure = Scripted("read", 600, size=3)
    base, candidate = both_arms(measure, 0.3, 0.0, seed=2)
    (found,) = ask_until_certain([watched(measure)], Arm(base), Arm(candidate), SETTINGS)
    assert all(
        len({i.item.rsplit("-", 1)[0] for i, _ in draw}) == 1 and len(draw) == 3 for draw in found.pairs
    )
    drops = [sum(b.value - c.value for b, c in draw) / 3 for draw in found.pairs]
    assert [d.smallest for d in found.draws] == pytest.approx(drops)


def test_at_the_floor_nothing_is_asked_but_for_the_gain_of_the_target() -> None:
    found, _, candidate = audit({"low": (0.0, 0.0)}, floor="base scores 0%")
    assert (found["low"].stopped, candidate.asked) == ("at the floor", 0)
    measure = Scripted("target", 500)
    base, better = both_arms(measure, 0.0, 0.5, seed=1, base=0.01)
    (gained,) = ask_until_certain(
        [watched(measure, floor="base scores 1%", for_gain=True)], Arm(base), Arm(better), SETTINGS
    )
    assert gained.stopped == "certain"
    assert gained.evidence.p_pass <= SETTINGS.alpha_pass
    assert 0 < len(gained.draws) < 100


def test_what_nothing_can_be_told_of_is_not_asked() -> None:
    found, base, _ = audit({"judged": (0.0, 0.0)}, unable="the judge cannot tell its suite's good from bad")
    assert (found["judged"].stopped, base.asked) == ("unable", 0)


def test_a_floor_left_open_is_settled_by_base_as_it_answers() -> None:
    measure = Scripted("weak", 400, threshold=0.1)
    nothing = dict.fromkeys((i.id for i in measure.items), 0.0)
    (found,) = ask_until_certain([watched(measure, floor_open=True)], Arm(nothing), Arm(nothing), SETTINGS)
    assert found.stopped == "used up"
    assert found.floor is not None
    base, candidate = both_arms(measure, 0.0, 0.0, seed=1)
    (found,) = ask_until_certain([watched(measure, floor_open=True)], Arm(base), Arm(candidate), SETTINGS)
    assert (found.stopped, found.floor) == ("certain", None)


def test_measures_that_can_say_nothing_count_in_the_level_all_the_same() -> None:
    alone, _, _ = audit({"a": (0.4, 0.0)})
    measures = [Scripted("a", 4000), Scripted("b", 10), Scripted("c", 10)]
    base, candidate = both_arms(measures[0], 0.4, 0.0, seed=0)
    terms = [{}, {"floor": "base scores 0%"}, {"unable": "no judge"}]
    found = ask_until_certain(
        [watched(m, **t) for m, t in zip(measures, terms, strict=True)], Arm(base), Arm(candidate), SETTINGS
    )
    assert alone["a"].level_fail == pytest.approx(0.01)
    assert found[0].level_fail == pytest.approx(0.01 / 3)


def test_progress_never_goes_back_and_ends_at_what_was_asked() -> None:
    seen: list[tuple[int, int, str]] = []
    measure = Scripted("a", 4000)
    base, candidate = both_arms(measure, 0.0, 0.0, seed=0)
    arms = Arm(base), Arm(candidate)
    ask_until_certain([watched(measure)], *arms, SETTINGS, lambda *step: seen.append(step))
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    assert all(done <= total for done, total, _ in seen)
    assert seen[-1][:2] == (arms[1].asked, arms[1].asked)


class Served(Scripted):
    """A measure whose model fails after so many items, as an engine that dies does."""

    def answer(self, model: ServedModel, ids: Sequence[str]) -> Sequence[ItemAnswer]:
        lives = LIVES[model.sha256]
        lives[0] -= len(ids)
        if lives[0] < 0:
            raise EngineFailed(f"{model.name} died")
        return Arm(SCORES[model.sha256]).answers(self, ids)


LIVES: dict[str, list[int]] = {}
SCORES: dict[str, Scores] = {}


def cached(name: str, cache: AnswerCache) -> CachedModel:
    model = ServedModel("http://nowhere", name, name, Path("nowhere"), lambda _turns, _tokens: [])
    return CachedModel(model, Conditions(model_sha256=name, engine_version="1"), cache)


def test_an_audit_that_was_interrupted_goes_on_where_it_ended_and_says_the_same(tmp_path: Path) -> None:
    measure = Served("a", 2000)
    SCORES["base"], SCORES["candidate"] = both_arms(measure, 0.02, 0.02, seed=4)
    LIVES["base"], LIVES["candidate"] = [10_000], [100]
    with AnswerCache(tmp_path / "answers.sqlite") as cache:
        with pytest.raises(EngineFailed, match="candidate died"):
            ask_until_certain([watched(measure)], cached("base", cache), cached("candidate", cache), SETTINGS)
        LIVES["candidate"] = [10_000]
        again = cached("candidate", cache)
        (resumed,) = ask_until_certain([watched(measure)], cached("base", cache), again, SETTINGS)
    whole = ask_until_certain([watched(measure)], Arm(SCORES["base"]), Arm(SCORES["candidate"]), SETTINGS)
    assert resumed == whole[0]
    assert 0 < again.reused <= 100
    assert again.asked == len(resumed.draws) - again.reused
    with AnswerCache(tmp_path / "answers.sqlite") as cache:
        third = cached("candidate", cache)
        ask_until_certain([watched(measure)], cached("base", cache), third, SETTINGS)
    assert (third.asked, third.reused) == (0, len(resumed.draws))
