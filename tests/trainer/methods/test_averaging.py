from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from telemetry.errors import SettingsError
from tests.trainer.loop.sharding import one_process, shard_free_weights
from tests.trainer.loop.test_train import Kept, adapted, feed, settings
from trainer.config import load_train_settings
from trainer.loop import resume
from trainer.loop.keeping import Checkpoints
from trainer.loop.resume import State
from trainer.loop.train import Parts, Training
from trainer.methods.adapted import adapted_layers, whole
from trainer.methods.averaging import Average, averaged, first_averaged
from trainer.scoring.checkpoints import CapabilityScore, Evaluation

STEPS, LAST, FIRST = 8, 0.5, 5
Tensors = dict[str, torch.Tensor]


class Seen(Kept):
    """Keeps what is evaluated, too."""

    def __init__(self, every: int, most: int = 99) -> None:
        super().__init__(every, most)
        self.models: list[Tensors] = []

    def enough(self, step: int, model: Any) -> bool:
        self.models.append(free(model))
        return super().enough(step, model)


def free(model: Any) -> Tensors:
    return {name: w.detach().clone() for name, w in model.named_parameters() if w.requires_grad}


def trained(keeper: Any = None, saved: State | None = None, **changes: Any) -> Training:
    chosen = settings(steps=STEPS, learning_rate=0.02, **{"average": {"last": LAST}, **changes})
    training = Training(adapted(), feed().rows, 0, chosen, Parts(keeper=keeper, saved=saved))
    training.run(lambda _: None)
    return training


def walked() -> list[Tensors]:
    """The weights after each step of the same training without averaging."""
    kept = Kept(1)
    trained(kept, average=None)
    return [state.weights for state in kept.states]


def mean(points: list[Tensors]) -> Tensors:
    return {name: torch.stack([point[name].double() for point in points]).mean(0) for name in points[0]}


def test_what_ships_is_the_mean_of_the_last_steps_and_training_goes_on_beside_it() -> None:
    points = walked()
    state = trained().state()
    assert all(torch.equal(state.weights[name], value) for name, value in points[-1].items())
    assert state.shipped.keys() == state.weights.keys()
    for name, value in mean(points[FIRST - 1 :]).items():
        assert state.shipped[name].dtype == torch.float32
        torch.testing.assert_close(state.shipped[name].double(), value, rtol=1e-5, atol=1e-7)
        assert not torch.equal(state.shipped[name], state.weights[name])


def test_a_checkpoint_is_evaluated_as_the_mean_up_to_it_and_before_the_part_as_it_is() -> None:
    points, seen = walked(), Seen(1)
    training = trained(seen)
    for step, model in enumerate(seen.models, start=1):
        wanted = points[step - 1] if step < FIRST else mean(points[FIRST - 1 : step])
        for name, value in wanted.items():
            torch.testing.assert_close(model[name].double(), value.double(), rtol=1e-5, atol=1e-7)
    assert all(torch.equal(v, points[-1][name]) for name, v in training.state().weights.items())


@pytest.mark.parametrize("stop", [3, 5, 7])
def test_a_killed_training_goes_on_to_the_same_mean(stop: int, tmp_path: Path) -> None:
    kept = Kept(stop, most=1)
    trained(kept)
    resume.save(tmp_path, kept.states[0], "r")
    found = trained(saved=resume.newest(tmp_path, "r", pytest.fail)).state()
    wanted = trained().state()
    assert found.methods.keys() == wanted.methods.keys()
    assert all(torch.equal(found.methods[name], value) for name, value in wanted.methods.items())
    assert all(torch.equal(found.shipped[name], value) for name, value in wanted.shipped.items())


def scored(step: int, target: float) -> Evaluation:
    score = {"threshold": 0.1, "n": 8, "base": 1.0, "verdict": "inconclusive"}
    return Evaluation(
        step=step,
        capabilities=(
            CapabilityScore(name="t", role="target", candidate=target, **score),
            CapabilityScore(name="a", role="adjacent", candidate=1.0, **score),
        ),
    )


@pytest.mark.parametrize("best", [6, 8])
def test_the_checkpoint_that_is_chosen_is_the_mean_that_was_evaluated(tmp_path: Path, best: int) -> None:
    evaluated: dict[int, Tensors] = {}

    def evaluate(step: int, model: Any) -> Evaluation:
        evaluated[step] = free(model)
        return scored(step, 1.0 if step == best else 0.5)

    keeper = Checkpoints(tmp_path, "r", range(2, STEPS + 1, 2), evaluate)
    trained(keeper)
    chosen = keeper.chosen()
    assert chosen is not None
    step, weights = chosen
    assert step == best
    assert all(torch.equal(weights[name], value) for name, value in evaluated[best].items())


def test_the_mean_of_the_factors_differs_from_that_of_the_products_by_their_covariance() -> None:
    """Which the factors' standard deviations bound, and which is small beside the change itself."""
    last = walked()[FIRST - 1 :]
    factors = mean(last)
    for layer in adapted_layers(adapted()):
        of = {part: f"base_model.model.{layer.name}.lora_{part}.default.weight" for part in "AB"}
        a, b = ([point[of[part]].double() for point in last] for part in "AB")
        product = torch.stack([x @ y for x, y in zip(b, a, strict=True)]).mean(0)
        mean_a, mean_b = factors[of["A"]], factors[of["B"]]
        covariance = torch.stack([(x - mean_b) @ (y - mean_a) for x, y in zip(b, a, strict=True)]).mean(0)
        torch.testing.assert_close(product - mean_b @ mean_a, covariance, rtol=1e-6, atol=1e-12)
        spread_a = torch.stack([(y - mean_a).square().sum() for y in a]).mean().sqrt()
        spread_b = torch.stack([(x - mean_b).square().sum() for x in b]).mean().sqrt()
        assert covariance.norm() <= spread_a * spread_b
        assert covariance.norm() < 0.05 * product.norm()


def test_the_weights_come_back_bit_by_bit_also_where_the_block_fails() -> None:
    model = adapted()
    average = Average(1.0, 4, model)
    for step in (1, 2):
        for weight in model.parameters():
            if weight.requires_grad:
                weight.data.add_(0.1)
        average.after_update(step)
    before = free(model)

    def fails() -> None:
        with average.applied():
            assert any(not torch.equal(value, before[name]) for name, value in free(model).items())
            raise RuntimeError("the judge is away")

    with pytest.raises(RuntimeError, match="judge"):
        fails()
    assert all(torch.equal(value, before[name]) for name, value in free(model).items())


def test_sharded_weights_have_the_same_mean() -> None:
    def means(model: Any) -> Tensors:
        first, second = Average(1.0, 3, model), Average(1.0, 3, model)
        for step in (1, 2, 3):
            for weight in model.parameters():
                if weight.requires_grad:
                    weight.data.add_(0.1 * step)
            if step == 3:
                second.recall(first.memory())
                first = second
            first.after_update(step)
        with first.applied():
            applied = {n: whole(w).clone() for n, w in model.named_parameters() if w.requires_grad}
        found = averaged(first.memory())
        assert all(torch.equal(found[name], value) for name, value in applied.items())
        return found

    expected, other = means(adapted()), adapted()
    with one_process() as mesh:
        shard_free_weights(other, mesh)
        found = means(other)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value)


@given(st.floats(0, 1, exclude_min=True), st.integers(1, 500))
def test_the_part_is_what_was_asked_to_half_a_step_and_never_empty(last: float, steps: int) -> None:
    count = steps - first_averaged(last, steps) + 1
    assert 1 <= count <= steps
    assert count == 1 or abs(count - last * steps) <= 0.5


@pytest.mark.parametrize("last", [0, 1.5])
def test_a_part_that_is_none_is_refused(tmp_path: Path, last: float) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(f"base: b\ndata: d\noutput: o\nname: c\naverage: {{last: {last}}}\n")
    with pytest.raises(SettingsError, match=r"average\.last"):
        load_train_settings(path)
