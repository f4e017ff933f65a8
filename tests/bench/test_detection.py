import json
from math import log, sqrt

import _shape as shape
import numpy as np
import pytest
from _detection import judge_drift, peers, shadows

from evaluator.watch.evidence.allocation import Need, fractions, traffic_of
from evaluator.watch.evidence.anchors import BAR, DriftProcess
from evaluator.watch.planning.fleet import Fleet
from evaluator.watch.planning.simulate import World, draw


def _panel(drop, runs=80, length=4000, **rules):
    panel = peers.Panel(runs, 1, rules)
    rng = np.random.default_rng(3)
    for start in range(0, length, 100):
        panel(draw(World((1.0,), (0.8,), (drop,)), runs, start, 100, length, rng))
    return panel


def test_the_confidence_sequence_is_the_documented_formula():
    runs, alpha, delta = 1, 0.05, 0.02
    panel = _panel(0.1, runs, 1000, rule=peers.GrowthBook(runs, delta, alpha))
    n, s = panel.counts.n[:, 0, 0], panel.counts.sum[:, 0, 0]
    mean = s / n
    variance = sum(m * (1 - m) / (k - 1) for m, k in zip(mean, n, strict=True))
    total, rho2 = n.sum(), (-2 * log(alpha) + log(-2 * log(alpha) + 1)) / 5000
    width = sqrt(variance * total) * sqrt(
        2 * (total * rho2 + 1) / (total**2 * rho2) * log(sqrt(total * rho2 + 1) / alpha)
    )
    rejects = panel.peers["rule"].rejects(panel.counts, None, None)[0, 0]
    assert rejects == (mean[0] - mean[1] - delta > width)


@pytest.mark.parametrize("drop", [0.02, 0.3])
def test_peers_keep_their_promise_without_drift_and_find_a_large_drop(drop):
    runs = 80
    rules = {
        "growthbook": peers.GrowthBook(runs, 0.02, 0.01),
        "msprt": peers.MixtureSprt(runs, 0.02, 0.01),
        "obrien_fleming": peers.OBrienFleming(runs, 0.02, 0.01, 4000),
    }
    for name, found in _panel(drop, runs, **rules).found().items():
        assert found >= 0.99 if drop == 0.3 else found <= 0.05, name


def test_failure_limits_count_failed_checks_and_stop_a_harmless_candidate():
    assert _panel(0.02, rule=peers.FailureLimit(80, 0.02, 5)).found()["rule"] == 1.0


def test_kayenta_sees_a_large_drop_in_the_interval_means():
    assert _panel(0.3, 20, rule=peers.Kayenta(20)).found()["rule"] == 1.0


def test_the_shape_is_the_one_that_every_benchmark_has(capsys):
    result = shape.Result("detection", True, 7)
    result.add(shape.Figure("speed", 0.93, "ratio", 34.1, 36.7, 1.0, "lower", "note"))
    result.add(shape.Figure("found", 0.5, "fraction", 0.5, None, 0.9, "higher", "note"))
    result.miss("other", "no machine")
    shape.finish(result, as_json=True)
    out = json.loads(capsys.readouterr().out)
    assert set(out) == {"bench", "quick", "seed", "machine", "figures", "missing"}
    keys = {"name", "value", "unit", "ours", "theirs", "bar", "better", "holds", "note"}
    assert set(out["figures"][0]) == keys
    assert [f["holds"] for f in out["figures"]] == [True, False]
    assert out["missing"] == [{"name": "other", "reason": "no machine"}]
    assert "| speed | 0.93 ratio | <= 1 | yes | 36.7 |" in shape.table(result)


def test_the_benchmarks_allotter_is_the_products_allotment_for_every_run():
    """Two runs of a fleet, the second far on its way: fractions as `next_allotment` takes them from evidence."""
    traffic, k = (0.7, 0.3), 2
    world = World(traffic, (0.8,) * k, (0.0, 0.3), shadow=0.1, discordant=0.3)
    fleet, rng = Fleet(2, [0.02] * k), np.random.default_rng(5)
    block = draw(world, 2, 0, 400, 400, rng)
    for row in range(400):
        fleet.pair(np.array([1]), block.k[row][[1]], block.control[row][[1]], block.changed[row][[1]])
    allotter = shadows.Allotter(2, k, 0.1)
    assert allotter.allot(fleet).tolist() == [[0.1, 0.1]] * 2, "even, before any tag was seen"
    allotter.watch(block)
    found = allotter.allot(fleet)
    for run in range(2):
        seen = block.tag[:, run][block.lot[:, run] < 0.1]
        tags = {str(c): int((seen == c).sum()) for c in range(k)}
        needs = []
        for c in range(k):
            cell = run * k + c
            moment = fleet.past.pair_squares[cell] / fleet.past.pairs[cell]
            needs.append(Need(traffic_of(str(c), tags, k), 0.5, fleet.e_values[cell], moment))
        assert found[run].tolist() == list(fractions(needs, 0.1)[0])
    assert found[1][1] > found[0][1], "the capability that fell draws the pairs"


def test_the_simulated_test_of_known_answers_is_the_products() -> None:
    moved = judge_drift.shifts(seed=3, runs=4, count=500, begins=150, fall=0.3, redrawn=0.1)
    want = []
    for run in moved.T:
        process, at = DriftProcess(), 0
        for step, x in enumerate(run, 1):
            process.add(float(x))
            if not at and process.e_value >= BAR:
                at = step
        want.append(at)
    assert judge_drift.stops(moved).at.tolist() == want
    assert all(want)
