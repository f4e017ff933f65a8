from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from telemetry.errors import UsageError
from tests.trainer.tiny import tiny_base
from trainer.config import LoraSettings
from trainer.loop import resume
from trainer.loop.resume import LoggedStep, State
from trainer.methods import lora
from trainer.watching.watch_log import Row

TOKENS = torch.tensor([[1, 3, 4, 5, 6, 2]])
ROWS = (Row(1, "layers.0", 0.5, 0.25, interference=-0.125), Row(1, "layers.1", 1.0, 2.0))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("resume") / "base")


def made(base: Path) -> tuple[Any, torch.optim.Optimizer]:
    model = lora.add_adapter(lora.load_base(base, "bfloat16"), LoraSettings(rank=2), seed=3)
    free = [weight for weight in model.parameters() if weight.requires_grad]
    return model, torch.optim.AdamW(free, lr=0.01, weight_decay=0.0)


def walk(model: Any, optimizer: torch.optim.Optimizer, steps: int) -> None:
    for _ in range(steps):
        model(input_ids=TOKENS, labels=TOKENS).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def state(base: Path, step: int = 3) -> State:
    model, optimizer = made(base)
    walk(model, optimizer, step)
    weights, moments = resume.collect(model, optimizer)
    logged = tuple(LoggedStep(step=n, loss=1.0 / n, gradient_norm=0.5) for n in range(1, step + 1))
    return State(step, weights, moments, {"direction": torch.ones(2)}, logged, ROWS)


def test_training_goes_on_from_a_saved_state_to_the_same_bits(base: Path, tmp_path: Path) -> None:
    model, optimizer = made(base)
    walk(model, optimizer, 3)
    resume.save(tmp_path, State(3, *resume.collect(model, optimizer)), "recipe")
    walk(model, optimizer, 3)
    other, other_optimizer = made(base)
    saved = resume.newest(tmp_path, "recipe", pytest.fail)
    assert saved is not None
    resume.put_back(other, other_optimizer, saved)
    walk(other, other_optimizer, 3)
    for kind in (0, 1):
        ours = resume.collect(model, optimizer)[kind]
        theirs = resume.collect(other, other_optimizer)[kind]
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_only_trained_weights_are_saved_and_what_was_logged_comes_back(base: Path, tmp_path: Path) -> None:
    before = state(base)
    resume.save(tmp_path, before, "recipe")
    found = resume.newest(tmp_path, "recipe", pytest.fail)
    assert found is not None
    assert all("lora_" in name for name in found.weights)
    assert (found.step, found.steps, found.watched) == (3, before.steps, ROWS)
    assert torch.equal(found.methods["direction"], torch.ones(2))


def test_the_newest_two_stay(base: Path, tmp_path: Path) -> None:
    for step in (1, 2, 3):
        resume.save(tmp_path, state(base, step), "recipe")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000002", "step-000003"]


@pytest.mark.parametrize("name", ["tensors.safetensors", "watch.parquet", "state.json"])
@pytest.mark.parametrize("how", ["cut", "changed", "gone"])
def test_a_damaged_state_is_refused_and_the_one_before_it_taken(
    base: Path, tmp_path: Path, name: str, how: str
) -> None:
    resume.save(tmp_path, state(base, 1), "recipe")
    file = resume.save(tmp_path, state(base, 2), "recipe") / name
    content = file.read_bytes()
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes(content[:-7] if how == "cut" else b"x" + content[1:])
    told: list[str] = []
    found = resume.newest(tmp_path, "recipe", told.append)
    assert found is not None
    assert found.step == 1
    assert len(told) == 1
    assert "step-000002 is damaged" in told[0]
    assert name in told[0]


def test_without_a_whole_state_there_is_none(base: Path, tmp_path: Path) -> None:
    assert resume.newest(tmp_path / "not there", "recipe", pytest.fail) is None
    (resume.save(tmp_path, state(base, 1), "recipe") / "state.json").unlink()
    assert resume.newest(tmp_path, "recipe", lambda _: None) is None


def test_a_state_of_another_recipe_is_refused(base: Path, tmp_path: Path) -> None:
    place = resume.save(tmp_path, state(base, 1), "recipe")
    with pytest.raises(UsageError, match="other settings"):
        resume.load(place, "another")
