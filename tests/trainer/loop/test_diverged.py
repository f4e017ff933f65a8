from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from trainer.loop.diverged import TrainingDiverged, diverged, find_where


class Net(nn.Module):
    """Three layers; `root` makes a gradient infinite where its input is zero, though its output is finite."""

    def __init__(self, *, root: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.third = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 1)
        self.root = root

    def forward(self, x: torch.Tensor) -> Any:
        x = self.second(self.first(x))
        return self.third(torch.sqrt(x * 0) if self.root else x)


def run(net: Net) -> None:
    net(torch.ones(2, 4)).sum().backward()


@pytest.mark.parametrize("name", ["first", "second", "third"])
def test_the_first_module_whose_output_is_not_finite_is_named(name: str) -> None:
    net = Net()
    with torch.no_grad():
        getattr(net, name).weight[0, 0] = float("nan")
    assert find_where(net, lambda: run(net)).endswith(f"that of {name}")


def test_where_all_outputs_are_finite_the_first_gradient_that_is_not_is_named() -> None:
    net = Net(root=True)
    assert find_where(net, lambda: run(net)).endswith("that of second's output")


def test_where_only_a_weight_s_gradient_is_broken_the_weight_is_named() -> None:
    net = Net()

    def with_penalty() -> None:
        run(net)
        net.third.bias.grad = torch.tensor([float("inf")])

    assert find_where(net, with_penalty).endswith("is third.bias")


def test_what_does_not_come_again_is_said_to_be_finite() -> None:
    net = Net()
    assert "every output and gradient is finite" in find_where(net, lambda: run(net))


def test_looking_leaves_no_hook_behind() -> None:
    net = Net()
    find_where(net, lambda: run(net))
    assert not any(module._forward_hooks for module in net.modules())


def test_the_error_tells_step_layer_and_batch() -> None:
    error = diverged("the loss became nan", 3, 9, "in layers.2", ["target 4", "target 17"], 0.1)
    assert isinstance(error, TrainingDiverged)
    assert str(error).startswith(
        "the loss became nan in step 3 of 9: in layers.2; the batch was target 4, target 17"
    )
