from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.progress import silent
from trainer.config import SweepSettings, TrainSettings
from trainer.data.feed import Encoded
from trainer.loop import sweep
from trainer.loop.diverged import TrainingDiverged
from trainer.loop.fit import Fitted, Keeping
from trainer.loop.resume import LoggedStep
from trainer.loop.stock import Stock
from trainer.loop.sweep import choose, run_sweep
from trainer.scoring.checkpoints import CapabilityScore, Evaluation
from trainer.scoring.records import SweepRow

rows = st.lists(
    st.builds(
        SweepRow,
        learning_rate=st.sampled_from([1e-4, 1e-3, 1e-2]),
        steps=st.sampled_from([10, 20, 40]),
        target=st.none() | st.sampled_from([0.0, 0.5, 0.9]),
    ),
    min_size=1,
    max_size=9,
)


@given(rows)
def test_the_best_target_is_taken_then_the_fewest_steps_then_the_lowest_rate(found: list[SweepRow]) -> None:
    scored = [row for row in found if row.target is not None]
    if not scored:
        with pytest.raises(TrainingDiverged):
            choose(found)
        return
    taken = choose(found)
    best = max(row.target or 0.0 for row in scored)
    equal = [row for row in scored if row.target == best]
    fewest = min(row.steps for row in equal)
    assert (taken.target, taken.steps) == (best, fewest)
    assert taken.learning_rate == min(row.learning_rate for row in equal if row.steps == fewest)


@pytest.mark.parametrize(
    ("changed", "trained"),
    [({}, [40, 40]), ({"decay": 0.5}, [10, 40, 10, 40]), ({"average": {}}, [10, 40, 10, 40])],
)
def test_one_training_passes_through_all_numbers_of_steps_only_where_the_end_changes_nothing(
    changed: dict[str, Any], trained: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []

    def fit(settings: TrainSettings, _stock: Stock, _on_step: Any, keeping: Keeping) -> Fitted:
        taken.append(settings.steps)
        score = {"name": "t", "role": "target", "threshold": 0.1, "n": 8, "base": 0.0, "verdict": "pass"}
        evaluations = tuple(
            Evaluation(step=step, capabilities=(CapabilityScore(**score, candidate=step / 100, floor=None),))
            for step in keeping.at
        )
        steps = tuple(LoggedStep(step=n, loss=1.0, gradient_norm=1.0) for n in range(1, settings.steps + 1))
        return Fitted(None, settings.steps, steps, (), evaluations, None)

    monkeypatch.setattr(sweep, "fit", fit)
    asked = SweepSettings(learning_rates=(1e-3, 1e-2), steps=(40, 10))
    path = Path("x")
    settings = TrainSettings(base=path, data=path, output=path, brief=path, name="c", **changed)
    stock = Stock("", Encoded((), (), {}), 0, None, lambda _: None)
    found = run_sweep(settings, asked, stock, lambda *_: None, tmp_path, "r", silent)  # type: ignore[arg-type,return-value]  # never asked
    assert taken == trained
    assert [(row.learning_rate, row.steps, row.target) for row in found.rows] == [
        (rate, steps, steps / 100) for rate in (1e-3, 1e-2) for steps in (10, 40)
    ]
    assert (found.learning_rate, found.steps) == (1e-3, 40)
