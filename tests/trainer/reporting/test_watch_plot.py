from __future__ import annotations

import numpy as np
import pytest

from trainer.loop.resume import LoggedStep
from trainer.reporting.watch_plot import MAPS, draw_watch, grid
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
