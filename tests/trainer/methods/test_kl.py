from __future__ import annotations

from typing import Any

import pytest
import torch
from accelerate import Accelerator
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from telemetry.errors import UsageError
from tests.trainer.loop.test_train import adapted, model
from trainer.data.encoding import IGNORED, Example
from trainer.data.feed import Row
from trainer.methods.kl import divergence
from trainer.methods.modes import as_base
from trainer.methods.objective import Objective, labelled_logits, labelled_tokens, tensors

SAID = (
    Example(tokens=(1, 3, 4, 5, 2), labels=(IGNORED, IGNORED, 4, 5, 2)),
    Example(tokens=(1, 6, 7, 2), labels=(IGNORED, IGNORED, 7, 2)),
    Example(tokens=(1, 9, 9, 8, 8, 2), labels=(IGNORED, IGNORED, IGNORED, 8, 8, 2)),
)


def changed() -> Any:
    """With an adapter that is not base any more, in training mode, with dropout."""
    made = adapted(dropout=0.3)
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.5, generator=torch.Generator().manual_seed(1))
    return made.train()


def rows(*rehearsed: bool, packed: bool = False) -> list[Row]:
    return [
        Row(example, "s", n, 0 if packed else n, new_task=not mark, rehearsed=mark)
        for n, (example, mark) in enumerate(zip(SAID, rehearsed, strict=True))
    ]


def gradients(
    net: Any, given_: list[Row], kl: float, packed: bool = False, *, learn: bool = True
) -> tuple[float, list[torch.Tensor]]:
    net.zero_grad()
    torch.manual_seed(0)
    objective = Objective(net, Accelerator(cpu=True), 0, packed=packed, kl=kl, learn=learn)
    loss = objective.backward(given_, objective.tokens(given_)).total
    return loss, [weight.grad.clone() for weight in net.parameters() if weight.grad is not None]


@given(st.integers(0, 9999), st.integers(1, 5), st.integers(2, 9))
def test_the_divergence_is_that_of_the_two_distributions(seed: int, tokens: int, vocabulary: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    base, candidate = (torch.randn(tokens, vocabulary, generator=draw) * 3 for _ in range(2))
    wanted = entropy(base.softmax(-1).numpy(), candidate.softmax(-1).numpy(), axis=1).sum()
    assert divergence(base, candidate).item() == pytest.approx(wanted, rel=1e-3, abs=1e-5)
    assert divergence(base, base).item() == pytest.approx(0.0, abs=1e-5)


def test_base_under_the_adapter_is_base_and_the_candidate_is_found_as_it_was_left() -> None:
    net, batch = changed(), tensors(SAID, 0)
    base, _ = labelled_logits(model(), batch)
    modes = [part.training for part in net.modules()]
    free = [weight.requires_grad for weight in net.parameters()]
    with as_base(net):
        found, _ = labelled_logits(net, batch)
    assert torch.equal(found, base)
    assert not found.requires_grad
    assert modes == [part.training for part in net.modules()]
    assert free == [weight.requires_grad for weight in net.parameters()]
    with pytest.raises(UsageError, match="LlamaForCausalLM, which has no adapter"), as_base(model()):
        pass


@pytest.mark.parametrize("packed", [False, True])
def test_each_rehearsed_token_adds_its_divergence_and_no_other_does(packed: bool) -> None:
    net = changed().eval()  # without dropout: the sum below draws its own
    given_ = rows(False, True, True, packed=packed)
    plain, _ = gradients(net, given_, 0.0, packed)
    with_kl, _ = gradients(net, given_, 0.7, packed)
    batch = tensors(SAID[1:], 0)
    with torch.no_grad():
        candidate, base = labelled_logits(net, batch)[0], labelled_logits(model(), batch)[0]
    wanted = entropy(base.softmax(-1).numpy(), candidate.softmax(-1).numpy(), axis=1).sum()
    assert with_kl - plain == pytest.approx(0.7 * wanted / labelled_tokens(given_), rel=1e-4)


@pytest.mark.parametrize("packed", [False, True])
def test_where_answers_are_not_learnt_they_add_their_divergence_alone(packed: bool) -> None:
    net = changed().eval()
    given_ = rows(False, True, True, packed=packed)
    found, _ = gradients(net, given_, 0.7, packed, learn=False)
    with torch.no_grad():
        target, said = labelled_logits(net, tensors(SAID[:1], 0))
        candidate, base = (labelled_logits(one, tensors(SAID[1:], 0))[0] for one in (net, model()))
    apart = entropy(base.softmax(-1).numpy(), candidate.softmax(-1).numpy(), axis=1).sum()
    learnt = torch.nn.functional.cross_entropy(target, said, reduction="sum").item()
    assert found == pytest.approx((learnt + 0.7 * apart) / len(said), rel=1e-4)


@pytest.mark.parametrize("packed", [False, True])
def test_a_step_of_rehearsed_rows_alone_takes_the_mean_of_their_divergence(packed: bool) -> None:
    net = changed().eval()
    given_ = rows(True, True, True, packed=packed)
    found, _ = gradients(net, given_, 0.7, packed, learn=False)
    with torch.no_grad():
        candidate, base = (labelled_logits(one, tensors(SAID, 0))[0] for one in (net, model()))
    apart = entropy(base.softmax(-1).numpy(), candidate.softmax(-1).numpy(), axis=1).mean()
    assert found == pytest.approx(0.7 * apart, rel=1e-4)


def test_a_model_that_answers_as_base_does_is_left_alone() -> None:
    _, pulled = gradients(adapted(), rows(True, True, True), 1.0, learn=False)
    assert max(gradient.abs().max().item() for gradient in pulled) < 1e-6


def test_its_gradient_pulls_towards_base() -> None:
    net = changed().eval()
    given_ = rows(False, True, True)
    _, plain = gradients(net, given_, 0.0)
    _, with_kl = gradients(net, given_, 1.0)
    batch = tensors(SAID[1:], 0)
    base = labelled_logits(model(), batch)[0].detach()
    before = divergence(base, labelled_logits(net, batch)[0]).item()
    free = [weight for weight in net.parameters() if weight.grad is not None]
    with torch.no_grad():
        for weight, one, both in zip(free, plain, with_kl, strict=True):
            weight.sub_(0.05 * (both - one))
    assert divergence(base, labelled_logits(net, batch)[0]).item() < before


def test_without_rehearsed_rows_there_is_no_second_pass() -> None:
    net, calls = changed(), []
    net.register_forward_hook(lambda *_: calls.append(1))
    gradients(net, rows(False, False, False), 1.0)
    assert len(calls) == 1
    gradients(net, rows(False, True, False), 1.0)
    assert len(calls) == 3


def test_rows_of_unlike_lengths_are_read_apart_and_give_the_same_loss_and_gradient(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = changed().eval()
    said = [
        Example(tokens=(1, *[3 + n % 7] * n, 2), labels=(IGNORED, *[IGNORED] * (n - 2), 4, 5, 2))
        for n in (4, 90, 6, 80)
    ]
    given_ = [Row(example, "s", n, n, new_task=n < 2, rehearsed=n >= 2) for n, example in enumerate(said)]
    read: list[int] = []
    hook = net.register_forward_hook(lambda _, __, out: read.append(out.logits.shape[0]))
    apart, theirs = gradients(net, given_, 0.7)
    assert read == [2, 1, 2, 1]  # the short ones, base on the rehearsed one; the long ones, base
    read.clear()
    monkeypatch.setattr("trainer.methods.objective._PASS", 10_000)
    together, wanted = gradients(net, given_, 0.7)
    hook.remove()
    assert len(read) == 2
    assert apart == pytest.approx(together, rel=1e-5)
    for one, other in zip(theirs, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)
