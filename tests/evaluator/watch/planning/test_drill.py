import io

from rich.console import Console

from evaluator.watch.planning.drill import DrillTraffic, Plant, render, run_drill
from telemetry.events import Stage
from tests.evaluator.support.scores import rollout

NAMES = ("target", "facts", "json")
STAGES = (
    Stage(share=0.05, min_units=100),
    Stage(share=0.25, min_units=200),
    Stage(share=0.5, min_units=10**6),
)
TRAFFIC = DrillTraffic(dict.fromkeys(NAMES, 1 / 3), dict.fromkeys(NAMES, 0.9))


def _spec():
    return rollout(NAMES, stages=STAGES).model_copy(update={"shadow": 0.1})


def test_an_equal_candidate_survives_and_planted_drops_do_not():
    report = run_drill(
        _spec(), TRAFFIC, plants=(Plant(0.0), Plant(0.5), Plant(0.6, "json")), runs=12, horizon=1500
    )
    equal, broad, one = report.cases
    assert equal.rolled_back == 0
    assert equal.scores == 12 * 1500
    assert broad.rolled_back == one.rolled_back == 12
    assert broad.delay_p50 < one.delay_p50 <= one.delay_p90 < 1500
    assert 0 < broad.bad_answers < broad.delay_p90


def test_a_few_quiet_runs_do_not_prove_a_rate_of_zero():
    report = run_drill(_spec(), TRAFFIC, plants=(Plant(0.0),), runs=10, horizon=200)
    assert report.cases[0].rate == 0.0
    assert 0.2 < report.cases[0].rate_at_most < 0.3


def test_the_same_seed_gives_the_same_report():
    first, second = (
        run_drill(_spec(), TRAFFIC, plants=(Plant(0.4),), runs=4, horizon=600, seed=3) for _ in range(2)
    )
    assert first == second


def test_progress_is_told_and_the_table_shows_every_case():
    heard = []
    report = run_drill(
        _spec(),
        TRAFFIC,
        plants=(Plant(0.0), Plant(0.4)),
        runs=2,
        horizon=100,
        on_progress=lambda done, of: heard.append((done, of)),
    )
    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4)]
    console = Console(record=True, width=140, file=io.StringIO())
    console.print(render(report))
    text = console.export_text()
    assert "A/A (no drop)" in text
    assert "40 points in every adjacent capability" in text
