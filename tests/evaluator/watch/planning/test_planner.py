import io
from math import inf

import pytest
from rich.console import Console

from evaluator.watch.planning.planner import (
    Plan,
    PlannedCapability,
    check_by_simulation,
    forecast,
    render,
    render_shadows,
    shadows_of,
)
from evaluator.watch.planning.plot import plot
from telemetry.errors import UsageError

STAGES = ((0.05, 1000), (0.25, 1000), (0.5, 0))


def _plan(**changes):
    capabilities = tuple(
        PlannedCapability(name=name, traffic=traffic, base=0.8, threshold=0.02, weight=1 / 3)
        for name, traffic in (("target", 0.6), ("facts", 0.3), ("json", 0.1))
    )
    settings = {"capabilities": capabilities, "rate": 40.0, "stages": STAGES, "discordant": 0.15} | changes
    return Plan(**settings)


def _one(plan, name, drop, shadow=None):
    found = forecast(plan, (drop,), None if shadow is None else (shadow,))
    return next(f for f in found if f.capability == name)


def test_larger_drops_more_traffic_and_more_pairs_are_found_sooner():
    plan = _plan()
    assert _one(plan, "facts", 0.2).p50 < _one(plan, "facts", 0.1).p50 < _one(plan, "facts", 0.05).p50
    assert _one(plan, "facts", 0.1).p50 < _one(plan, "json", 0.1).p50
    assert _one(plan, "facts", 0.1, 0.2).p50 < _one(plan, "facts", 0.1, 0.0).p50
    assert all(f.p50 < f.p90 for f in forecast(plan, (0.1, 0.2)))


def test_a_tolerated_drop_is_never_found_and_half_the_fresh_traffic_takes_twice_as_long():
    assert _one(_plan(), "facts", 0.02).p50 == inf
    even = {"stages": ((0.5, 0),), "discordant": None}
    whole, half = _plan(fresh=1.0, **even), _plan(fresh=0.5, **even)
    assert _one(half, "facts", 0.1).p50 == pytest.approx(2 * _one(whole, "facts", 0.1).p50)


def test_bad_answers_count_what_the_candidate_served_by_then():
    plan = _plan(stages=((0.25, 0),))
    one = _one(plan, "facts", 0.1)
    assert one.bad_answers == pytest.approx(one.p50 * 0.3 * 0.25 * 0.1)


def test_the_forecast_meets_the_simulation():
    plan = _plan(shadow=0.1)
    forecasts = [f for f in forecast(plan, (0.1, 0.2)) if f.capability == "facts"]
    for checked in check_by_simulation(plan, forecasts, runs=60, horizon=20_000):
        assert checked.p50 == pytest.approx(checked.forecast.p50, rel=0.35)
        assert checked.p90 == pytest.approx(checked.forecast.p90, rel=0.35)


def test_allotted_pairs_shorten_the_life_of_a_drop_in_the_rare_capability_within_the_same_budget():
    allotted, evenly = _plan(shadow=0.1), _plan(shadow=0.1, evenly=True)
    assert _one(allotted, "json", 0.1).p50 < 0.7 * _one(evenly, "json", 0.1).p50
    assert _one(allotted, "target", 0.1).p50 < 1.5 * _one(evenly, "target", 0.1).p50
    spent = sum(f * c.traffic for f, c in zip(shadows_of(allotted, 0.1), allotted.capabilities, strict=True))
    assert spent == pytest.approx(0.1, abs=1e-3)
    assert shadows_of(evenly, 0.1) == (0.1,) * 3


def test_what_pairs_buy_is_told_by_fraction():
    console = Console(record=True, width=140, file=io.StringIO())
    console.print(render_shadows(_plan(), 0.2))
    text = console.export_text()
    assert "20 points" in text
    assert "none" in text
    assert "json" in text


def test_the_table_names_capabilities_and_times():
    plan = _plan()
    console = Console(record=True, width=140, file=io.StringIO())
    console.print(render(plan, forecast(plan, (0.02, 0.1))))
    text = console.export_text()
    assert "facts" in text
    assert "10 points" in text
    assert "never / never" in text


def test_the_plot_is_a_png(tmp_path):
    plan = _plan()
    plot(plan, forecast(plan, (0.02, 0.1, 0.2), (0.0, 0.1)), tmp_path / "img" / "plan.png")
    assert (tmp_path / "img" / "plan.png").read_bytes().startswith(b"\x89PNG")
    assert [f.name for f in (tmp_path / "img").iterdir()] == ["plan.png"]


def test_an_empty_plan_is_a_clear_error():
    with pytest.raises(UsageError, match="a plan needs capabilities"):
        forecast(_plan(capabilities=()))
