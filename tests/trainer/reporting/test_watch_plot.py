from __future__ import annotations

import numpy as np
import pytest

from trainer.loop.resume import LoggedStep
from trainer.reporting.watch_plot import MAPS, draw_front, draw_watch, grid
from trainer.scoring.checkpoints import CapabilityScore, Evaluation
from trainer.watching.watch_log import Row

STEPS = [LoggedStep(step=n, loss=1.0 / n, gradient_norm=1.0) for n in range(1, 5)]
ROWS = [
    Row(
        step,
        layer,
        gradient_norm=step + place,
        update_norm=0.0,
        interference=-0.5 if step % 2 else None,
        drift_l2=0.1 * step if step % 2 else None,
    )
    for step in range(1, 5)
    for place, layer in enumerate(("layers.0", "layers.1"))
]

FAR = [(1, 0.1), (2, 0.9)]


def test_a_map_has_a_row_a_layer_and_a_column_a_measured_step() -> None:
    gradient, interference = MAPS[0], MAPS[2]
    steps, layers, values = grid(gradient, ROWS)
    assert (steps, layers) == ([1, 2, 3, 4], ["layers.0", "layers.1"])
    assert values.tolist() == [[1, 2, 3, 4], [2, 3, 4, 5]]
    steps, _, values = grid(interference, ROWS)
    assert steps == [1, 3]
    assert np.all(values == -0.5)


def test_a_step_in_which_a_layer_is_absent_is_empty() -> None:
    _, _, values = grid(MAPS[0], [*ROWS, Row(5, "layers.0", 9.0, 0.0)])
    assert values[0, 4] == 9.0
    assert np.isnan(values[1, 4])


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], [Row(1, "lm_head", 0.0, 0.0, runs_away="gradient")]])
def test_the_picture_is_a_png_and_the_same_each_time(rows: list[Row]) -> None:
    one, other = draw_watch(STEPS, rows), draw_watch(STEPS, rows)
    assert one.startswith(b"\x89PNG")
    assert one == other


def test_the_front_s_picture_shows_how_far_each_checkpoint_is_from_base_and_the_one_taken() -> None:
    terms = {"threshold": 0.1, "n": 8, "verdict": "pass"}

    def evaluated(step: int, kl: float | None) -> Evaluation:
        scores = [
            CapabilityScore(name="t", role="target", base=0.0, candidate=0.2 * step, **terms),  # type: ignore[arg-type]  # terms of several types
            CapabilityScore(name="a", role="adjacent", base=1.0, candidate=0.9, **terms),  # type: ignore[arg-type]  # terms of several types
        ]
        return Evaluation(step=step, capabilities=tuple(scores), kl=kl)

    measured, unmeasured = ([evaluated(n, kl) for n, kl in each] for each in (FAR, [(1, None), (2, None)]))
    pictures = [draw_front(measured), draw_front(measured, most_kl=0.5), draw_front(unmeasured)]
    assert len(set(pictures)) == 3
    assert draw_front(measured, most_kl=0.5) == pictures[1]
