import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from math import log, sqrt

import numpy as np
import pytest
from _audit import boundary, peer, planted, replay, timings
from _audit import recorded as recording
from _audit.sets import ROOT, SETS
from scipy.stats import norm, ttest_ind, ttest_rel

from evaluator.audit.diff.paired import Draw, evidence_of
from evaluator.audit.diff.settings import GateSettings

SETTINGS = GateSettings(alpha_fail=0.01, alpha_pass=0.01)


def _recorded(n=2000, accuracy=0.6, threshold=0.02, calls=4, chance=0.25):
    values = np.random.default_rng(5).random(n) < accuracy
    return recording.Recorded(
        name="arc_easy",
        fingerprint="f",
        version="v",
        base_sha256="s",
        chance=chance,
        threshold=threshold,
        ids=tuple(f"local_arc_easy-{i:05d}" for i in range(n)),
        clusters=(None,) * n,
        values=tuple(map(float, values)),
        calls=(calls,) * n,
        seconds=1.0,
        conditions="none",
    )


def _plant(recorded, drop, churn=0.01, seed=1):
    return planted.Plant(recorded.name, drop, churn, seed, recorded.accuracy)


@pytest.mark.parametrize(("drop", "churn"), [(0.0, 0.0), (0.02, 0.01), (0.10, 0.05)])
def test_the_planted_drop_and_churn_are_what_was_asked_for(drop, churn):
    recorded, n = _recorded(), 2000
    lost = gained = 0
    for seed in range(20):
        plant = _plant(recorded, drop, churn, seed)
        after = [plant.changed(i, v) for i, v in zip(recorded.ids, recorded.values, strict=True)]
        lost += sum(b > a for b, a in zip(recorded.values, after, strict=True))
        gained += sum(b < a for b, a in zip(recorded.values, after, strict=True))
    for found, wanted in ((lost, drop + churn), (gained, churn)):
        assert abs(found / (20 * n) - wanted) <= 4 * sqrt(max(wanted, 0.0) / (20 * n))


def test_a_plant_spoils_the_same_items_whenever_and_in_whatever_order_they_are_asked():
    recorded = _recorded()
    one, other = _plant(recorded, 0.1), _plant(recorded, 0.1, seed=2)
    forward = {i: one.changed(i, 1.0) for i in recorded.ids}
    assert forward == {i: one.changed(i, 1.0) for i in reversed(recorded.ids)}
    assert forward != {i: other.changed(i, 1.0) for i in recorded.ids}


def test_more_than_base_has_cannot_be_spoiled_and_graded_scores_are_refused():
    weak = replace(_recorded(), values=(1.0, *(0.0,) * 19), ids=tuple("abcdefghijklmnopqrst"))
    assert not _plant(weak, 0.05).possible
    assert _plant(weak, 0.02).possible
    with pytest.raises(ValueError, match=r"score 0\.5"):
        _plant(weak, 0.02).changed("a", 0.5)


def test_z_values_are_those_of_the_t_tests_of_scipy():
    rng = np.random.default_rng(3)
    base = (rng.random(500) < 0.7).astype(float)
    candidate = np.where(rng.random(500) < 0.2, 1.0 - base, base)
    assert peer.paired_z(base, candidate, 0.0) == pytest.approx(ttest_rel(base, candidate).statistic)
    assert peer.usual_z(base, candidate, 0.0) == pytest.approx(
        ttest_ind(base, candidate, equal_var=False).statistic
    )
    shifted = ttest_rel(base - 0.03, candidate).statistic
    assert peer.paired_z(base, candidate, 0.03) == pytest.approx(shifted)


def test_a_z_value_is_judged_one_sided_each_way():
    just = float(norm.isf(0.01))
    assert [peer.z_verdict(z, 0.01) for z in (just + 1e-9, just - 1e-9, -just + 1e-9, -just - 1e-9)] == [
        "fail",
        "inconclusive",
        "inconclusive",
        "pass",
    ]


def test_without_any_difference_the_drop_counts_as_known():
    same = [1.0, 0.0, 1.0]
    assert peer.z_verdict(peer.paired_z(same, same, 0.02), 0.01) == "pass"
    assert peer.z_verdict(peer.usual_z(same, same, 0.02), 0.01) == "inconclusive"


def test_samples_are_put_in_the_order_of_documents_and_gaps_are_refused(tmp_path):
    file = tmp_path / "samples_t_1.jsonl"
    file.write_text("".join(json.dumps({"doc_id": i, "acc": i / 2}) + "\n" for i in (2, 0, 1)))
    assert [sample["acc"] for sample in peer.read_samples(file)] == [0.0, 0.5, 1.0]
    for wrong in ((0, 2), (0, 1, 1)):
        file.write_text("".join(json.dumps({"doc_id": i}) + "\n" for i in wrong))
        with pytest.raises(ValueError, match="not of the documents"):
            peer.read_samples(file)


@pytest.mark.parametrize(("drop", "verdict"), [(0.0, "pass"), (0.10, "fail")])
def test_an_audit_says_what_two_full_runs_say_with_fewer_calls(drop, verdict):
    recorded = _recorded()
    cell = replay.replay_cell(recorded, _plant(recorded, drop), SETTINGS)
    assert cell.ours == cell.paired == verdict
    assert cell.full_calls == 2 * 4 * 2000
    assert cell.calls < cell.full_calls / 2
    assert cell.calls % 8 == 0  # both arms, four requests an item


def test_an_audit_that_cannot_tell_asks_everything_once():
    recorded = _recorded(n=200)
    cell = replay.replay_cell(recorded, _plant(recorded, 0.02), SETTINGS)
    assert cell.ours == "inconclusive"
    assert cell.calls <= cell.full_calls


def test_ending_at_the_first_set_that_fails_asks_less():
    several = [replace(_recorded(), name=name) for name in ("arc_easy", "piqa")]
    plants = [planted.Plant("arc_easy", 0.3, 0.0, 1, 0.6), planted.Plant("piqa", 0.0, 0.01, 1, 0.6)]
    whole, verdicts = replay.replay_together(several, plants, SETTINGS)
    first, early = replay.replay_together(several, plants, SETTINGS.model_copy(update={"first_fail": True}))
    assert verdicts == ("fail", "pass")
    assert early[0] == "fail"
    assert first < whole


@pytest.mark.parametrize(("drop", "threshold"), [(0.0, 0.02), (0.05, 0.03)])
def test_the_power_of_the_paired_z_test_is_what_simulation_finds(drop, threshold):
    n, churn, runs, rng = 800, 0.01, 2000, np.random.default_rng(1)
    u = rng.random((runs, n))
    d = np.where(u < drop + churn, 1.0, 0.0) - np.where(u > 1.0 - churn, 1.0, 0.0)
    z = (d.mean(axis=1) - threshold) / (d.std(axis=1, ddof=1) / sqrt(n))
    found = float((np.sign(drop - threshold) * z > norm.isf(0.01)).mean())
    assert replay.power(drop, churn, threshold, n, 0.01) == pytest.approx(found, abs=0.04)


def test_where_nothing_changes_the_limit_is_the_run_of_equal_pairs_that_a_drop_of_the_threshold_would_break():
    recorded = _recorded()
    unchanged = replay.limit(_plant(recorded, 0.0, churn=0.0), 0.02, 2000, 0.01)
    assert unchanged * 2000 == pytest.approx(log(0.01) / log(0.98), rel=1e-3)
    assert replay.limit(_plant(recorded, 0.02), 0.02, 2000, 0.01) == 1.0
    harder = replay.limit(_plant(recorded, 0.03), 0.02, 10**6, 0.01)
    assert replay.limit(_plant(recorded, 0.1), 0.02, 10**6, 0.01) < harder / 5


def _cell(ours, paired, power=1.0):
    return replay.Cell("arc_easy", 0.0, 1, 10, 5.0, 100, ours, paired, "inconclusive", power)


def test_verdicts_are_compared_where_the_z_test_has_the_power_to_tell():
    cells = [_cell("pass", "pass"), _cell("pass", "fail"), _cell("fail", "pass", power=0.5)]
    assert replay.agreement(cells) == (0.5, 1, 2)
    assert replay.saved(cells) == 10.0
    assert replay.limit_saved(cells) == 20.0
    assert replay.counts(c.ours for c in cells) == "2/1/0"


def test_what_was_recorded_is_read_back_unless_the_set_has_changed(tmp_path):
    one = next(s for s in SETS if s.name == "arc_easy")
    recording.save(_recorded(), tmp_path)
    assert recording.load(tmp_path, one, None) == _recorded()
    assert recording.load(tmp_path, replace(one, threshold=0.05), None) is None
    recording.save(replace(_recorded(), name="piqa"), tmp_path)
    (tmp_path / "piqa.json").write_text('{"from": "another version"}')
    assert recording.load(tmp_path, next(s for s in SETS if s.name == "piqa"), None) is None


@pytest.mark.parametrize("case", boundary.QUICK, ids=str)
def test_at_the_boundary_the_true_drop_is_the_threshold(case):
    rng = np.random.default_rng(2)
    runs = [boundary.scores(case, rng) for _ in range(200)]
    gap = np.mean([(b - c).mean() for b, c in runs])
    spread = np.sqrt((case.threshold + 2 * case.churn) / (200 * case.items))
    assert abs(gap - case.threshold) <= 4 * spread
    assert abs(np.mean([b.mean() for b, _ in runs]) - case.base) <= 0.01


def test_the_simulation_counts_what_the_products_test_decides():
    case, alpha, seed = boundary.Case(0.6, 0.01, 0.02, 400), 0.2, 4
    found = boundary.count((case, 30, alpha, [seed]))
    rng, wanted = np.random.default_rng([seed]), np.zeros(2, dtype=int)
    for _ in range(30):
        base, candidate = boundary.scores(case, rng)
        evidence = evidence_of([Draw(x, x) for x in (base - candidate).tolist()], 0.02, 0.02)
        wanted += [evidence.p_pass <= alpha, evidence.p_fail <= alpha]
    assert found[:2].tolist() == wanted.tolist()
    assert wanted.sum() > 0


def _wall(name, full_s, audits):
    timed = tuple(timings.Audited(drop, 7, seconds, 10, "pass", "pass") for drop, seconds in audits)
    return timings.Wall(name, "f", 100, full_s, 0.0, timed, 0.01, "none")


def test_seconds_are_added_up_over_the_sets_in_which_a_drop_was_planted():
    both = [
        _wall("arc_easy", (50.0, 60.0), [(0.0, 20.0), (0.1, 5.0)]),
        _wall("piqa", (20.0, 20.0), [(0.0, 10.0)]),
    ]
    assert timings.ratios(both) == {0.0: (30.0, 150.0), 0.1: (5.0, 110.0)}


def test_what_the_clock_said_of_another_version_of_a_set_is_not_quoted(tmp_path):
    kept = _wall("arc_easy", (50.0, 60.0), [(0.0, 20.0)])
    timings.write_wall(kept, tmp_path)
    assert timings.load_walls(tmp_path, [_recorded()]) == [kept]
    assert timings.load_walls(tmp_path, [replace(_recorded(), fingerprint="another")]) == []
    before_seeds = asdict(kept)
    del before_seeds["audits"][0]["seed"]
    (tmp_path / "wall" / "arc_easy.json").write_text(json.dumps(before_seeds))
    assert timings.load_walls(tmp_path, [_recorded()]) == []


def test_without_data_and_records_it_still_runs_and_names_what_is_missing(tmp_path):
    env = {**os.environ, "BELAY_BENCH_CACHE": str(tmp_path), "BELAY_BENCH_DATA": str(tmp_path / "none")}
    run = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "audit.py"), "--json", "--stage", "replay"],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    result = json.loads(run.stdout)
    assert result["bench"] == "audit"
    assert result["figures"] == []
    names = {"calls_saved_at_0", "calls_saved_at_5", "calls_saved_at_10", "same_verdicts", "wall_saved"}
    assert {one["name"] for one in result["missing"]} == names
