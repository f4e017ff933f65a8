from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from telemetry.errors import UsageError
from trainer.loop.disk import DiskFull
from trainer.loop.keeping import Checkpoints
from trainer.loop.resume import State
from trainer.scoring.checkpoints import CapabilityScore, Evaluation


def evaluation(step: int, target: float, kept: float, kl: float | None = None) -> Evaluation:
    terms = {"threshold": 0.1, "n": 8, "verdict": "inconclusive"}
    return Evaluation(
        step=step,
        capabilities=(
            CapabilityScore(name="t", role="target", base=0.0, candidate=target, **terms),
            CapabilityScore(name="a", role="adjacent", base=1.0, candidate=kept, **terms),
        ),
        kl=kl,
    )


def state(step: int) -> State:
    return State(step, {"w": torch.full((3,), float(step))}, {"w|exp_avg": torch.ones(3)})


class Asked:
    """Scores the checkpoints as told, and keeps which it was asked about."""

    def __init__(self, scores: Sequence[tuple[float, ...]]) -> None:
        self.scores, self.steps = list(scores), []

    def __call__(self, step: int, _model: Any) -> Evaluation:
        self.steps.append(step)
        return evaluation(step, *self.scores[step - 1])


def kept(
    folder: Path, asked: Asked | None, patience: int | None = None, most_kl: float | None = None
) -> Checkpoints:
    return Checkpoints(folder, "recipe", range(1, 7), asked, patience, most_kl)


def walk(checkpoints: Checkpoints, steps: Sequence[int]) -> int:
    """Keep and evaluate these steps; the one after which there were enough, else the last."""
    for step in steps:
        checkpoints.keep(state(step))
        if checkpoints.enough(step, None):
            return step
    return steps[-1]


RISING = [(0.2, 0.9), (0.5, 0.8), (0.9, 0.7), (0.8, 0.6), (0.9, 0.6), (0.7, 0.5)]


def test_training_has_enough_once_so_many_checkpoints_brought_nothing_new(tmp_path: Path) -> None:
    assert walk(kept(tmp_path, Asked(RISING), patience=2), range(1, 7)) == 5
    assert walk(kept(tmp_path / "b", Asked(RISING), patience=None), range(1, 7)) == 6


FARTHER = [(0.2, 0.9, 0.1), (0.5, 0.8, 0.3), (0.9, 0.95, 0.8), (0.9, 0.6, 1.5)]


def test_training_stops_at_what_is_too_far_from_base_and_ends_with_the_best_before_it(
    tmp_path: Path,
) -> None:
    checkpoints = kept(tmp_path, Asked(FARTHER), most_kl=0.5)
    assert walk(checkpoints, range(1, 5)) == 3
    chosen = checkpoints.chosen()
    assert chosen is not None
    assert (chosen[0], chosen[1]["w"].tolist()) == (2, [2.0] * 3)
    freely = kept(tmp_path / "freely", Asked(FARTHER))
    walk(freely, range(1, 5))
    assert (freely.chosen() or (0,))[0] == 3


def test_where_the_first_checkpoint_is_too_far_already_it_is_the_only_one_and_taken(tmp_path: Path) -> None:
    checkpoints = kept(tmp_path, Asked(FARTHER), most_kl=0.05)
    assert walk(checkpoints, range(1, 5)) == 1
    assert (checkpoints.chosen() or (0,))[0] == 1


def test_a_training_that_was_killed_after_a_checkpoint_that_was_too_far_has_enough_still(
    tmp_path: Path,
) -> None:
    walk(kept(tmp_path, Asked(FARTHER), most_kl=0.5), range(1, 4))
    again = Asked(FARTHER)
    checkpoints = kept(tmp_path, again, most_kl=0.5)
    checkpoints.saved(pytest.fail)
    assert checkpoints.enough(3, None)
    assert again.steps == []
    assert (checkpoints.chosen() or (0,))[0] == 2


def test_the_weights_of_the_front_are_kept_and_no_others(tmp_path: Path) -> None:
    better = [(0.2, 0.9), (0.1, 0.8), (0.3, 0.95), (0.9, 0.1)]
    walk(kept(tmp_path, Asked(better)), range(1, 5))
    assert sorted(path.name for path in (tmp_path / "front").iterdir()) == [
        "step-000003.safetensors",
        "step-000004.safetensors",
    ]


def test_the_best_checkpoint_s_weights_come_back_whichever_step_it_was(tmp_path: Path) -> None:
    checkpoints = kept(tmp_path, Asked(RISING))
    walk(checkpoints, range(1, 7))
    chosen = checkpoints.chosen()
    assert chosen is not None
    assert (chosen[0], chosen[1]["w"].tolist()) == (3, [3.0] * 3)


def test_a_training_that_goes_on_asks_nothing_twice_and_chooses_as_if_it_had_never_stopped(
    tmp_path: Path,
) -> None:
    walk(kept(tmp_path, Asked(RISING)), range(1, 5))
    again = Asked(RISING)
    checkpoints = kept(tmp_path, again)
    saved = checkpoints.saved(pytest.fail)
    assert saved is not None
    assert saved.step == 4
    checkpoints.enough(4, None)
    walk(checkpoints, (5, 6))
    assert again.steps == [5, 6]
    assert [e.step for e in checkpoints.evaluations] == [1, 2, 3, 4, 5, 6]
    assert (checkpoints.chosen() or (0,))[0] == 3


def test_what_was_scored_after_a_damaged_state_is_scored_again(tmp_path: Path) -> None:
    walk(kept(tmp_path, Asked(RISING)), range(1, 5))
    (tmp_path / "states" / "step-000004" / "state.json").write_text("{")
    told: list[str] = []
    checkpoints = kept(tmp_path, Asked(RISING))
    saved = checkpoints.saved(told.append)
    assert saved is not None
    assert saved.step == 3
    assert [e.step for e in checkpoints.evaluations] == [1, 2, 3]
    assert "step-000004 is damaged" in told[0]


def test_damaged_weights_of_the_best_checkpoint_are_refused(tmp_path: Path) -> None:
    checkpoints = kept(tmp_path, Asked(RISING))
    walk(checkpoints, range(1, 7))
    file = tmp_path / "front" / "step-000003.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(UsageError, match=r"step-000003\.safetensors are damaged"):
        checkpoints.chosen()


def test_damaged_evaluations_are_told_of(tmp_path: Path) -> None:
    walk(kept(tmp_path, Asked(RISING)), range(1, 4))
    (tmp_path / "evaluations.json").write_text("{")
    told: list[str] = []
    checkpoints = kept(tmp_path, Asked(RISING))
    checkpoints.saved(told.append)
    assert "evaluations.json is damaged" in told[0]
    assert checkpoints.evaluations == []


def test_without_a_suite_states_are_kept_and_nothing_is_chosen(tmp_path: Path) -> None:
    checkpoints = kept(tmp_path, None, patience=1)
    assert walk(checkpoints, range(1, 7)) == 6
    assert checkpoints.chosen() is None


def test_a_full_disk_stops_before_the_state_is_cut_short_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = kept(tmp_path, None)
    checkpoints.keep(state(1))
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DiskFull, match="state after step 2") as caught:
        checkpoints.keep(state(2))
    assert "goes on from the last state" in caught.value.hint
    assert [path.name for path in (tmp_path / "states").iterdir()] == ["step-000001"]
