"""The live view: every moment can be drawn, and says what there is to know."""

from __future__ import annotations

import pytest
from rich.console import Console

from belay.launcher import live
from belay.launcher.rollout_run import Tick
from belay.launcher.traffic import TrafficCount
from belay.launcher.view import StackView
from telemetry.events import ArmCount, CapabilityEvidence


def drawn(view: StackView, traffic: TrafficCount) -> str:
    console = Console(width=150, force_terminal=False)
    with console.capture() as capture:
        console.print(live.render(Tick(view, traffic)))
    return capture.get()


def evidence(name: str, *, watched: bool = True, e_value: float = 1.0) -> CapabilityEvidence:
    return CapabilityEvidence(
        capability=name,
        watched=watched,
        threshold=0.05,
        weight=0.5,
        e_value=e_value,
        control=ArmCount(n=10, mean=0.9),
        candidate=ArmCount(n=4, mean=0.25),
        pairs=3,
        pair_gap=0.5,
        unscored=0,
        unwatched=None if watched else "at the floor: base is no better than chance",
    )


def test_before_anything_happened_it_can_be_drawn() -> None:
    assert "starting" in drawn(StackView(), TrafficCount(planned=10))


def test_each_capability_shows_both_arms_its_drop_and_what_is_allowed() -> None:
    view = StackView(
        rollout_id="r-1",
        status="ramping",
        share=0.25,
        stages=3,
        stage=1,
        requests={"control": 12, "candidate": 4},
        evidence=(evidence("json_output", e_value=8.0), evidence("word_problem", watched=False)),
    )
    shown = drawn(view, TrafficCount(planned=100, answered=16))
    row = next(line for line in shown.splitlines() if "json output" in line)
    for part in ("90 (10)", "25 (4)", "+65", " 5 ", "4"):
        assert part in row
    assert "at the floor" in next(line for line in shown.splitlines() if "word problem" in line)
    assert "25%" in shown
    assert "stage 2 of 3" in shown


@pytest.mark.parametrize(
    ("draw", "shown"),
    [
        ("by capability", "pairs asked 7 (by capability)"),
        ("evenly: no word table (x)", "pairs asked 7 (evenly)"),
    ],
)
def test_how_shadows_are_drawn_is_shown(draw: str, shown: str) -> None:
    assert shown in drawn(StackView(shadows=7, shadow_draw=draw), TrafficCount(planned=10))


def test_time_left_follows_from_the_rate_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    traffic = TrafficCount(planned=100, answered=20, began=1000.0)
    monkeypatch.setattr("belay.launcher.traffic.time.monotonic", lambda: 1010.0)
    assert traffic.rate == pytest.approx(2.0)
    assert traffic.left_s == pytest.approx(40.0)
    assert "0:40 left" in live.line(Tick(StackView(), traffic))
