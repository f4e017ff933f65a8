from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from tests.trainer.tiny import tiny_base, tiny_tokenizer
from trainer.config import LoraSettings, WatchingSettings
from trainer.methods import lora
from trainer.watching.drift import LONGEST, PROBES, Watch, choose_probes, encode_probes, layer_of

TASK = torch.tensor([[1, 3, 4, 5, 6, 2], [1, 7, 8, 9, 10, 2]])
TEXTS = ("where is my parcel", "how are you")
LAYERS = ["layers.0", "layers.1"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("drift") / "base")


@pytest.fixture
def model(base: Path) -> Any:
    return lora.add_adapter(lora.load_base(base, "float32"), LoraSettings(rank=2, dropout=0.5), seed=3)


def watch(model: Any, every: int = 2, alarm: float = 20.0) -> Watch:
    settings = WatchingSettings(every=every, alarm=alarm)
    return Watch(model, settings, encode_probes(TEXTS, tiny_tokenizer()), lambda loss: loss.backward())


def free(model: Any) -> dict[str, torch.nn.Parameter]:
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def step(model: Any, seen: Watch, optimizer: torch.optim.Optimizer, number: int) -> list[Any]:
    model(input_ids=TASK, labels=TASK).loss.backward()
    seen.new_task(number)
    seen.before_update()
    optimizer.step()
    optimizer.zero_grad()
    return seen.after_update(number)


def sgd(model: Any, rate: float = 0.5) -> torch.optim.Optimizer:
    return torch.optim.SGD(free(model).values(), lr=rate)


def test_norms_are_those_of_the_layers_gradient_and_of_what_was_added_to_its_weights(model: Any) -> None:
    seen, optimizer = watch(model), sgd(model)
    model(input_ids=TASK, labels=TASK).loss.backward()
    seen.new_task(1)
    gradients = {n: w.grad.clone() for n, w in free(model).items()}
    before = {n: w.detach().clone() for n, w in free(model).items()}
    seen.before_update()
    optimizer.step()
    rows = seen.after_update(1)
    assert [row.layer for row in rows] == LAYERS
    for row in rows:
        mine = [name for name in before if f".{row.layer}." in name]
        assert len(mine) == len(before) / 2
        gradient = torch.cat([gradients[name].flatten() for name in mine])
        moved = torch.cat([(free(model)[name].detach() - before[name]).flatten() for name in mine])
        assert row.gradient_norm == pytest.approx(float(gradient.norm()), rel=1e-5)
        assert row.update_norm == pytest.approx(float(moved.norm()), rel=1e-5)


def test_interference_is_the_cosine_with_the_gradient_of_what_base_finds_most_likely(
    model: Any, base: Path
) -> None:
    seen, optimizer = watch(model, every=1), sgd(model)
    step(model, seen, optimizer, 1)  # with B = 0 half of the gradients are zero
    model.eval()
    probes = encode_probes(TEXTS, tiny_tokenizer())
    real = probes.mask.bool()
    likely = lora.load_base(base, "float32")(input_ids=probes.tokens, attention_mask=probes.mask).logits
    ours = model(input_ids=probes.tokens, attention_mask=probes.mask).logits
    loss = functional.cross_entropy(ours[real], likely.argmax(dim=-1)[real])
    retention = torch.autograd.grad(loss, list(free(model).values()))
    task = torch.autograd.grad(model(input_ids=TASK, labels=TASK).loss, list(free(model).values()))
    model(input_ids=TASK, labels=TASK).loss.backward()
    seen.new_task(2)
    seen.before_update()
    for row in seen.after_update(2):
        mine = [i for i, name in enumerate(free(model)) if f".{row.layer}." in name]
        a, b = (torch.cat([g[i].flatten() for i in mine]) for g in (task, retention))
        assert row.interference == pytest.approx(float(functional.cosine_similarity(a, b, dim=0)), abs=1e-5)


def test_drift_is_that_of_the_weights_which_the_step_began_with(model: Any, base: Path) -> None:
    seen, optimizer = watch(model, every=1), sgd(model)
    first = step(model, seen, optimizer, 1)
    assert [(row.drift_cosine, row.drift_l2) for row in first] == [(pytest.approx(0, abs=1e-6), 0.0)] * 2
    probes = encode_probes(TEXTS, tiny_tokenizer())
    given = {"input_ids": probes.tokens, "attention_mask": probes.mask, "output_hidden_states": True}
    model.eval()
    with torch.no_grad():
        now = model(**given).hidden_states
        then = lora.load_base(base, "float32")(**given).hidden_states
    model.train()
    for number, row in enumerate(step(model, seen, optimizer, 2), start=1):
        a, b = (states[number][probes.mask.bool()] for states in (now, then))
        assert row.drift_cosine == pytest.approx(
            float((1 - functional.cosine_similarity(a, b, dim=-1)).mean()), rel=1e-3
        )
        assert row.drift_l2 == pytest.approx(float(((a - b).norm(dim=-1) / b.norm(dim=-1)).mean()), rel=1e-4)
        assert row.drift_l2 > 0


def test_looking_changes_neither_gradients_nor_weights_nor_the_random_state(model: Any) -> None:
    seen = watch(model, every=1)
    model.train()
    model(input_ids=TASK, labels=TASK).loss.backward()
    before = {name: (w.detach().clone(), w.grad.clone()) for name, w in free(model).items()}
    random = torch.get_rng_state()
    seen.new_task(1)
    seen.before_update()
    assert model.training
    assert torch.equal(random, torch.get_rng_state())
    for name, weight in free(model).items():
        assert torch.equal(weight, before[name][0])
        assert torch.equal(weight.grad, before[name][1])


def test_interference_and_drift_are_measured_in_the_first_step_and_every_so_many(model: Any) -> None:
    seen, optimizer = watch(model, every=3), sgd(model, rate=0.01)
    for number in range(1, 8):
        step(model, seen, optimizer, number)
    measured = {row.step for row in seen.log if row.interference is not None}
    assert measured == {row.step for row in seen.log if row.drift_l2 is not None} == {1, 3, 6}
    assert {row.step for row in seen.log} == set(range(1, 8))


def test_a_layer_that_runs_away_is_named(model: Any) -> None:
    seen, optimizer = watch(model, alarm=5.0), sgd(model, rate=1e-3)
    for number in range(1, 8):
        step(model, seen, optimizer, number)
    optimizer.param_groups[0]["lr"] = 1.0
    assert [row.runs_away for row in step(model, seen, optimizer, 8)] == ["update", "update"]
    assert all(row.runs_away is None for row in seen.log if row.step < 8)


def test_a_restored_watch_goes_on_as_if_it_had_seen_all_itself(model: Any) -> None:
    seen, optimizer = watch(model, alarm=5.0), sgd(model, rate=1e-3)
    for number in range(1, 8):
        step(model, seen, optimizer, number)
    fresh = watch(model, alarm=5.0)
    fresh.restore(seen.log)
    optimizer.param_groups[0]["lr"] = 1.0
    rows = step(model, fresh, optimizer, 8)
    assert [row.runs_away for row in rows] == ["update", "update"]
    assert fresh.log == [*seen.log, *rows]


def test_probes_come_from_each_capability_in_turn_the_shortest_first() -> None:
    prompts = [["long prompt a", "a"], ["b"], ["cc", "c", "ccc"]]
    assert choose_probes(prompts, 5) == ("a", "b", "c", "long prompt a", "cc")
    assert choose_probes([], 2) == PROBES[:2]


def test_probes_are_cut_and_padding_is_masked() -> None:
    probes = encode_probes(["hello " * 40, "hello"], tiny_tokenizer())
    assert probes.tokens.shape == (2, LONGEST)
    assert probes.mask.sum(dim=1).tolist() == [LONGEST, 1]


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("module.base_model.model.model.layers.3.self_attn.q_proj.lora_A.default.weight", "layers.3"),
        ("base_model.model.transformer.h.11.attn.c_attn.lora_B.default.weight", "h.11"),
        ("base_model.model.model.layers.2.mlp.experts.7.up_proj.lora_A.default.weight", "layers.2"),
        ("base_model.model.lm_head.lora_A.default.weight", "lm_head"),
        ("model.embed_tokens.weight", "embed_tokens"),
    ],
)
def test_a_weight_belongs_to_its_block_or_else_to_its_module(name: str, layer: str) -> None:
    assert layer_of(name) == layer
