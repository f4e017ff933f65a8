from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from trainer.config import TrainSettings
from trainer.data import IGNORED, Example
from trainer.train import Step, TrainingDiverged, completion_loss, train, warmup

EXAMPLES = [Example(tokens=(1, 3, 4, 5, 2), labels=(IGNORED, IGNORED, 4, 5, 2))] * 4


def model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=16, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
    )
    return LlamaForCausalLM(config)


def settings(**changes: object) -> TrainSettings:
    given = {
        "base": Path("b"),
        "data": Path("d"),
        "output": Path("o"),
        "name": "c",
        "batch_size": 2,
        **changes,
    }
    return TrainSettings.model_validate(given)


def test_the_loss_falls_and_every_step_is_told() -> None:
    told: list[Step] = []
    steps = train(model(), EXAMPLES, 0, settings(steps=12, learning_rate=0.02), told.append)
    assert steps == told
    assert [step.number for step in steps] == list(range(1, 13))
    assert steps[-1].loss < steps[0].loss / 2
    assert steps[-1].seconds_left == 0
    assert all(step.rate > 0 and step.gradient_norm > 0 for step in steps)


def test_a_loss_that_is_no_number_stops_with_its_step() -> None:
    broken = model()
    with torch.no_grad():
        broken.lm_head.weight[3, 0] = float("nan")
    with pytest.raises(TrainingDiverged, match="step 1 of 3"):
        train(broken, EXAMPLES, 0, settings(steps=3), lambda _: None)


@pytest.mark.parametrize("starts", [(1, 3), (4, 2), (4, 4)])
def test_the_loss_is_the_plain_cross_entropy_over_labels(starts: tuple[int, int]) -> None:
    tokens = torch.tensor([[1, 3, 4, 5, 2, 6], [1, 7, 8, 9, 2, 0]])
    labels = tokens.clone()
    for row, start in enumerate(starts):
        labels[row, :start] = IGNORED
    labels[1, 5] = IGNORED
    mask = torch.tensor([[1] * 6, [1] * 5 + [0]])
    net = model()
    with torch.no_grad():
        logits = net(input_ids=tokens, attention_mask=mask).logits
        plain = functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        ours = completion_loss(net, {"input_ids": tokens, "attention_mask": mask, "labels": labels})
    assert ours.item() == pytest.approx(plain.item(), rel=1e-5)


def test_the_rate_warms_up_and_then_stays() -> None:
    assert [warmup(step, 3) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert warmup(0, 0) == 1.0
