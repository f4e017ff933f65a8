"""How the target's tokens are learnt: by explicit sums over small distributions, and as a part of a step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch.nn import functional

from tests.trainer.methods.test_kl import changed, rows
from trainer.config import TargetLossSettings
from trainer.methods import target_loss
from trainer.methods.modes import as_base
from trainer.methods.objective import Losses, Objective, labelled_logits, tensors

SEEDS = st.integers(0, 9999)


def drawn(seed: int, tokens: int, vocabulary: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits of candidate and base, and labels."""
    draw = torch.Generator().manual_seed(seed)
    candidate, base = (torch.randn(tokens, vocabulary, generator=draw) * 3 for _ in range(2))
    return candidate, base, torch.randint(vocabulary, (tokens,), generator=draw)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits.astype(float) - logits.max())
    found: np.ndarray = powers / powers.sum()
    return found


@given(SEEDS, st.integers(1, 4), st.integers(2, 40))
def test_entropy_weighs_by_the_part_of_what_the_most_likely_tokens_could_have(
    seed: int, tokens: int, vocabulary: int
) -> None:
    candidate, base, labels = drawn(seed, tokens, vocabulary)
    wanted = 0.0
    for row, label in zip(candidate.numpy(), labels.tolist(), strict=True):
        likely = softmax(np.sort(row)[::-1][:20].copy())
        weight = -sum(p * math.log(p) for p in likely if p > 0) / math.log(min(20, vocabulary))
        wanted += -math.log(softmax(row)[label]) * weight
    found = target_loss.learnt_sum(TargetLossSettings(weigh="entropy"), candidate, labels, base)
    assert found.item() == pytest.approx(wanted, rel=1e-3, abs=1e-4)


@given(SEEDS, st.integers(1, 4), st.integers(2, 20))
def test_probability_makes_a_token_s_gradient_that_of_its_probability(
    seed: int, tokens: int, vocabulary: int
) -> None:
    candidate, base, labels = drawn(seed, tokens, vocabulary)
    candidate.requires_grad_()
    target_loss.learnt_sum(TargetLossSettings(weigh="probability"), candidate, labels, base).backward()
    again = candidate.detach().clone().requires_grad_()
    (-again.softmax(-1)[torch.arange(tokens), labels]).sum().backward()
    torch.testing.assert_close(candidate.grad, again.grad, rtol=1e-4, atol=1e-6)


def test_a_weight_is_no_way_to_lower_the_loss() -> None:
    candidate, base, labels = drawn(1, 3, 10)
    candidate.requires_grad_()
    weights = target_loss.entropy_weights(candidate.detach())
    target_loss.learnt_sum(TargetLossSettings(weigh="entropy"), candidate, labels, base).backward()
    again = candidate.detach().clone().requires_grad_()
    (functional.cross_entropy(again, labels, reduction="none") * weights).sum().backward()
    torch.testing.assert_close(candidate.grad, again.grad)


@given(SEEDS, st.floats(1.1, 50.0))
def test_what_base_finds_too_surprising_is_not_learnt(seed: int, most: float) -> None:
    candidate, base, labels = drawn(seed, 6, 8)
    settings = TargetLossSettings(most_perplexity=most)
    wanted = 0.0
    for ours, theirs, label in zip(candidate.numpy(), base.numpy(), labels.tolist(), strict=True):
        perplexity = 1.0 / softmax(theirs)[label]
        if abs(perplexity - most) < 1e-3 * most:
            return
        if perplexity < most:
            wanted += -math.log(softmax(ours)[label])
    found = target_loss.learnt_sum(settings, candidate, labels, base)
    assert found.item() == pytest.approx(wanted, rel=1e-3, abs=1e-4)


def test_where_nothing_is_learnt_loss_and_gradient_are_0() -> None:
    candidate, _, labels = drawn(2, 4, 8)
    base = torch.zeros(4, 8).scatter(-1, labels[:, None], -50.0)
    candidate.requires_grad_()
    found = target_loss.learnt_sum(TargetLossSettings(most_perplexity=2.5), candidate, labels, base)
    found.backward()
    assert found.item() == 0.0
    assert torch.equal(candidate.grad, torch.zeros_like(candidate))


@given(SEEDS, st.integers(1, 4), st.integers(3, 12))
def test_without_the_label_the_rest_of_the_words_is_held(seed: int, tokens: int, vocabulary: int) -> None:
    candidate, base, labels = drawn(seed, tokens, vocabulary)
    candidate.requires_grad_()
    settings = TargetLossSettings(kl=1.0, kl_without_label=True)
    found = target_loss.anchor_sum(settings, candidate, labels, base)
    wanted = 0.0
    for ours, theirs, label in zip(candidate.detach().numpy(), base.numpy(), labels.tolist(), strict=True):
        p, q = (softmax(np.delete(row, label)) for row in (theirs, ours))
        wanted += float((p * np.log(p / q)).sum())
    assert found.item() == pytest.approx(wanted, rel=1e-3, abs=1e-4)
    found.backward()
    assert torch.all(candidate.grad[torch.arange(tokens), labels] == 0)


def stepped(net: Any, given_: list[Any], packed: bool = False, **told: Any) -> tuple[Losses, list[Any]]:
    net.zero_grad()
    torch.manual_seed(0)
    objective = Objective(net, Accelerator(cpu=True), 0, packed=packed, **told)
    losses = objective.backward(given_, objective.tokens(given_))
    return losses, [weight.grad.clone() for weight in net.parameters() if weight.grad is not None]


@pytest.mark.parametrize("packed", [False, True])
def test_of_a_step_only_the_target_s_tokens_are_learnt_otherwise(packed: bool) -> None:
    net = changed().eval()
    settings = TargetLossSettings(weigh="entropy", kl=0.7, most_perplexity=40.0)
    given_ = rows(False, True, False, packed=packed)
    losses, _ = stepped(net, given_, packed, target=settings)
    total, anchored, count = 0.0, 0.0, 0
    for row in given_:
        batch = tensors([row.example], 0)
        ours, wanted = labelled_logits(net, batch)
        with as_base(net):
            base, _ = labelled_logits(net, batch)
        count += len(wanted)
        if row.new_task:
            total += target_loss.learnt_sum(settings, ours, wanted, base).item()
            anchored += target_loss.anchor_sum(settings, ours, wanted, base).item()
        else:
            total += functional.cross_entropy(ours.float(), wanted, reduction="sum").item()
    assert losses.data == pytest.approx(total / count, rel=1e-3)
    assert losses.anchor_kl == pytest.approx(0.7 * anchored / count, rel=1e-3)
    assert losses.kl == 0.0


def test_a_step_taken_in_parts_is_the_same_step() -> None:
    net = changed().eval()
    given_ = rows(False, True, False)
    settings = TargetLossSettings(weigh="probability", kl=0.7, kl_without_label=True, most_perplexity=40.0)
    whole, gradients = stepped(net, given_, kl=0.5, learn=False, target=settings)
    objective = Objective(net, Accelerator(cpu=True), 0, kl=0.5, learn=False, target=settings)
    net.zero_grad()
    parts = [objective.backward([row], objective.tokens(given_)) for row in given_]
    for one, figures in zip(whole, zip(*parts, strict=True), strict=True):
        assert one == pytest.approx(sum(figures), rel=1e-4)
    summed = [weight.grad for weight in net.parameters() if weight.grad is not None]
    for mine, theirs in zip(summed, gradients, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-6)


def test_settings_that_change_nothing_are_plain_cross_entropy() -> None:
    net = changed()
    plain, gradients = stepped(net, rows(False, True, False), kl=0.5)
    same, likewise = stepped(net, rows(False, True, False), kl=0.5, target=TargetLossSettings())
    assert same.total == pytest.approx(plain.total, rel=1e-6)
    for one, other in zip(gradients, likewise, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)


def test_the_target_s_anchor_and_the_rehearsal_s_divergence_come_of_one_look_at_base() -> None:
    net = changed().eval()
    told = {"kl": 0.5, "learn": False, "target": TargetLossSettings(kl=0.3, kl_without_label=True)}
    both, _ = stepped(net, rows(False, True, False), **told)
    rehearsed, _ = stepped(net, rows(False, True, False), kl=0.5, learn=False)
    assert both.kl == pytest.approx(rehearsed.kl, rel=1e-5)
    assert both.data == pytest.approx(rehearsed.data, rel=1e-5)
    assert both.anchor_kl > 0.0


def test_a_divergence_without_label_has_to_weigh_something() -> None:
    with pytest.raises(ValidationError, match="set 'kl' above 0"):
        TargetLossSettings(kl_without_label=True)
