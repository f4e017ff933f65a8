from dataclasses import replace

import numpy as np
import pytest

from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.evidence.sequential import History, PromotionProcess
from evaluator.watch.planning.fleet import Fleet, PromotionFleet
from evaluator.watch.planning.simulate import World, draw, roll_out
from tests.evaluator.support.scores import rollout, score

NAMES = ("target", "facts", "json")


def test_the_fleet_equals_the_products_fold_score_by_score():
    runs, length = 3, 400
    world = World((0.4, 0.4, 0.2), (0.8, 0.9, 0.6), (0.0, 0.3, 0.1), ((0.1, 200), (0.5, 0)), 0.2)
    part = draw(world, runs, 0, length, length, np.random.default_rng(1))
    fleet = Fleet(runs, [0.02] * 3, [1 / 3] * 3, [False, True, True])
    folds = [RolloutEvidence(rollout(NAMES)) for _ in range(runs)]
    every = np.arange(runs)
    for t in range(length):
        paired, share = part.pair[t], float(part.share[t])
        run = every[paired]
        fleet.pair(run, part.k[t][run], part.control[t][run], part.changed[t][run])
        run = every[~paired]
        candidate = part.candidate[t][run]
        y = np.where(candidate, part.changed[t][run], part.control[t][run])
        fleet.unpaired(run, part.k[t][run], np.full(len(run), share), candidate, y)
        for r, fold in enumerate(folds):
            taken = bool(part.candidate[t, r])
            a, b = float(part.control[t, r]), float(part.changed[t, r])
            fold.settle(
                score(
                    t,
                    arm="candidate" if taken else "control",
                    share=share,
                    capability=NAMES[part.k[t, r]],
                    value=b if taken else a,
                    other=(a if taken else b) if part.pair[t, r] else None,
                ),
                0,
                t,
            )
        want = [fold.e_value for fold in folds]
        assert fleet.combined(every) == pytest.approx(want, rel=1e-9)


def test_the_promotion_fleet_equals_the_products_process():
    rng = np.random.default_rng(2)
    fleet, process, past = PromotionFleet(1, 0.1), PromotionProcess(0.1), History()
    for _ in range(300):
        candidate, y = bool(rng.random() < 0.3), float(rng.random())
        fleet.unpaired(np.array([0]), np.array([0.3]), np.array([candidate]), np.array([y]))
        process.unpaired(past, 0.3, candidate, y)
        past.add(candidate, y)
        a, b = float(rng.random()), float(rng.random())
        fleet.pair(np.array([0]), np.array([a]), np.array([b]))
        process.pair(past, a - b)
        past.add_pair(a, b)
        assert fleet.e_values(np.array([0]))[0] == pytest.approx(sum(process.wealth), rel=1e-9)


def test_worlds_have_the_rates_they_name():
    world = World((0.25, 0.75), (0.8, 0.6), (0.1, 0.0), ((0.3, 0),), (1.0, 0.0), discordant=0.15)
    part = draw(world, 400, 0, 500, 500, np.random.default_rng(3))
    rare = part.k == 0
    assert rare.mean() == pytest.approx(0.25, abs=0.01)
    assert part.candidate.mean() == pytest.approx(0.3, abs=0.01)
    assert (part.control - part.changed)[rare].mean() == pytest.approx(0.1, abs=0.01)
    assert (part.control != part.changed)[rare].mean() == pytest.approx(0.15, abs=0.01)
    assert (part.control - part.changed)[~rare].mean() == pytest.approx(0.0, abs=0.01)
    assert part.pair[rare].all()
    assert not part.pair[~rare].any()


def test_stages_follow_each_other():
    world = World((1.0,), (0.8,), (0.0,), ((0.01, 10), (0.05, 10), (0.5, 0)))
    assert [world.share_at(t) for t in (0, 9, 10, 19, 20, 999)] == [0.01, 0.01, 0.05, 0.05, 0.5, 0.5]


def test_a_drop_is_found_and_an_equal_candidate_is_not():
    bad = roll_out(World((1.0,), (0.8,), (0.3,)), deltas=[0.02], horizon=1000, runs=50, seed=4)
    good = roll_out(World((1.0,), (0.8,), (0.0,)), deltas=[0.02], horizon=1000, runs=50, seed=4)
    assert bad.found == 1.0
    assert good.found == 0.0
    assert (bad.units == bad.stopped).all()
    assert (bad.failing >= bad.bad).all()


def test_the_same_seed_gives_the_same_runs():
    runs = [
        roll_out(World((1.0,), (0.8,), (0.2,)), deltas=[0.02], horizon=800, runs=20, seed=9).stopped
        for _ in range(2)
    ]
    assert (runs[0] == runs[1]).all()


def test_a_wrong_tag_moves_shadows_and_no_score():
    right = World((0.5, 0.5), (0.8, 0.8), (0.0, 0.0), discordant=0.15)
    astray = replace(right, mistagged=0.2)
    a, b = (draw(world, 50, 0, 200, 200, np.random.default_rng(3)) for world in (right, astray))
    assert (a.tag == a.k).all()
    for name in ("k", "candidate", "lot", "control", "changed"):
        assert (getattr(a, name) == getattr(b, name)).all()
    assert (b.tag != b.k).mean() == pytest.approx(
        0.1, abs=0.02
    )  # half of the wrong guesses are right by chance
