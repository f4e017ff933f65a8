from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from telemetry.errors import UsageError
from trainer.data.encoding import IGNORED, Example
from trainer.data.mixture import Draw, Ingredient, Mixture
from trainer.data.packing import PackedMixture, packed_tensors

MIXTURE = [Ingredient("target", 0.6, 7), Ingredient("cot", 0.4, 11)]


def length_of(draw: Draw) -> int:
    return 1 + (draw.source * 31 + draw.number * 17) % 9


def packed(rows: int, length: int, seed: int = 7, tokens_of: Any = length_of) -> PackedMixture:
    return PackedMixture(Mixture(MIXTURE, seed), tokens_of, rows, length)


@given(rows=st.integers(1, 5), length=st.integers(9, 40), seed=st.integers(0, 99))
def test_nothing_is_lost_or_doubled_and_little_waits(rows: int, length: int, seed: int) -> None:
    packing, steps = packed(rows, length, seed), 6
    packs = [pack for step in range(steps) for pack in packing.step(step)]
    assert len(packs) == rows * steps
    assert all(sum(map(length_of, pack)) <= length for pack in packs)
    taken = sorted(draw for pack in packs for draw in pack)
    slots = Mixture(MIXTURE, seed).take(len(taken) + 8)
    for draw in taken:
        slots.remove(draw)  # raises where it was taken more often than it was drawn
    assert len(slots) == 8


@given(rows=st.integers(1, 5), asked=st.lists(st.integers(0, 7), max_size=4))
def test_a_resumed_run_packs_the_steps_that_the_whole_run_packed(rows: int, asked: list[int]) -> None:
    whole = packed(rows, 20)
    steps = [whole.step(step) for step in range(8)]
    resumed = packed(rows, 20)
    assert [resumed.step(step) for step in asked] == [steps[step] for step in asked]


def test_sequences_are_nearly_full_where_dialogues_are_short_beside_them() -> None:
    packing = packed(8, 64)
    used = [sum(map(length_of, pack)) for step in range(20) for pack in packing.step(step)]
    assert sum(used) / (64 * len(used)) > 0.98


def test_a_dialogue_longer_than_a_sequence_is_refused() -> None:
    with pytest.raises(UsageError, match="of 9 tokens does not fit a sequence of 8"):
        packed(2, 8, tokens_of=lambda _: 9).step(0)


def tiny(attention: str, dtype: torch.dtype = torch.float32) -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        attn_implementation=attention,
        initializer_range=0.4,
    )
    return LlamaForCausalLM(config).to(dtype)


def examples(seed: int, count: int) -> list[Example]:
    draw = random.Random(seed)
    made = []
    for _ in range(count):
        tokens = tuple(draw.randrange(32) for _ in range(draw.randint(2, 9)))
        asked = draw.randint(1, len(tokens) - 1)
        made.append(Example(tokens, (IGNORED,) * asked + tokens[asked:]))
    return made


def losses(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The loss of every labelled token, in order."""
    counted = labels[:, 1:] != IGNORED
    return functional.cross_entropy(logits[:, :-1][counted].float(), labels[:, 1:][counted], reduction="none")


def alone(model: Any, example: Example) -> torch.Tensor:
    logits = model(input_ids=torch.tensor([example.tokens])).logits
    return losses(logits, torch.tensor([example.labels]))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 9999), counts=st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_losses_equal_those_of_each_dialogue_alone(attention: str, seed: int, counts: list[int]) -> None:
    model = tiny(attention)
    packs = [examples(seed + number, count) for number, count in enumerate(counts)]
    with torch.no_grad():
        batch = packed_tensors(packs, 0, torch.float32)
        labels = batch.pop("labels")
        together = losses(model(**batch).logits, labels)
        apart = torch.cat([alone(model, example) for pack in packs for example in pack])
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-5)


def test_gradients_equal_those_of_each_dialogue_alone() -> None:
    packs = [examples(1, 3), examples(2, 2)]
    together, apart = tiny("sdpa"), tiny("sdpa")
    batch = packed_tensors(packs, 0, torch.float32)
    labels = batch.pop("labels")
    losses(together(**batch).logits, labels).sum().backward()
    torch.cat([alone(apart, example) for pack in packs for example in pack]).sum().backward()
    for one, other in zip(together.parameters(), apart.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-3, atol=1e-4)


def test_what_a_neighbour_says_changes_nothing() -> None:
    model = tiny("sdpa")
    first, second = examples(5, 2)
    other = Example(tuple(31 - token for token in first.tokens), first.labels)
    found = []
    for neighbour in (first, other):
        batch = packed_tensors([[neighbour, second]], 0, torch.float32)
        batch.pop("labels")
        with torch.no_grad():
            found.append(model(**batch).logits[0, len(first.tokens) :])
    assert torch.equal(*found)


def test_a_bfloat16_model_takes_the_batch_and_filling_gives_numbers() -> None:
    packs = [examples(1, 4), examples(2, 1)]
    batch = packed_tensors(packs, 0, torch.bfloat16)
    batch.pop("labels")
    assert torch.isfinite(tiny("sdpa", torch.bfloat16)(**batch).logits).all()


def test_a_dialogues_first_token_is_not_learnt_from_the_one_before() -> None:
    learns_all = Example((5, 6), (5, 6))
    batch = packed_tensors([[learns_all, learns_all]], 0, torch.float32)
    assert batch["labels"].tolist() == [[IGNORED, 6, IGNORED, 6]]
    assert batch["position_ids"].tolist() == [[0, 1, 0, 1]]
