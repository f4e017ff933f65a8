from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from telemetry.errors import SettingsError
from tests.trainer.tiny import tiny_base
from trainer.config import LoraSettings
from trainer.data.encoding import IGNORED, Example
from trainer.methods import fisher_file, lora
from trainer.methods.fisher import Factors, Fisher, estimate, examples_sha256
from trainer.methods.fisher_file import Origin

ORIGIN = Origin(base_sha256="b", data_sha256="d", kind="true", samples=4, storage="bfloat16", seed=7)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return lora.load_base(tiny_base(tmp_path_factory.mktemp("fisher") / "base"), "float32")


def batch(rows: list[tuple[int, ...]], labelled_from: int) -> dict[str, torch.Tensor]:
    """Rows padded to the longest on the right; the last tokens of each row, from a place on, are labelled."""
    width = max(map(len, rows))
    tokens = torch.tensor([[*row, *[2] * (width - len(row))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    labels = tokens.clone()
    labels[mask == 0] = IGNORED
    labels[:, :labelled_from] = IGNORED
    return {"input_ids": tokens, "attention_mask": mask, "labels": labels}


ONE_TOKEN_EACH = batch([(1, 3, 4, 5), (1, 7, 8, 9), (1, 6, 6, 10)], labelled_from=3)
MANY_TOKENS = batch([(1, 3, 4, 5, 2), (1, 7, 8, 9)], labelled_from=1)


def by_autograd(model: Any, rows: dict[str, torch.Tensor], *, true: bool) -> dict[str, torch.Tensor]:
    """F token by token, each with a backward pass of its own; with `true`, the exact mean over the vocabulary."""
    weights = {
        name.removesuffix(".weight"): weight
        for name, weight in model.named_parameters()
        if name.endswith("_proj.weight")
    }
    total = {name: torch.zeros_like(weight, dtype=torch.float64) for name, weight in weights.items()}
    count = 0
    for index, labels in enumerate(rows["labels"]):
        length = int(rows["attention_mask"][index].sum())
        logits = model(input_ids=rows["input_ids"][index : index + 1, :length]).logits[0]
        for place in range(1, length):
            if labels[place] == IGNORED:
                continue
            count += 1
            chances = functional.log_softmax(logits[place - 1], dim=-1)
            answers = range(len(chances)) if true else [int(labels[place])]
            for answer in answers:
                weight_of = float(chances[answer].detach().exp()) if true else 1.0
                gradients = torch.autograd.grad(chances[answer], list(weights.values()), retain_graph=True)
                for name, gradient in zip(weights, gradients, strict=True):
                    total[name] += weight_of * gradient.double() ** 2
    return {name: values / count for name, values in total.items()}


def test_the_empirical_fisher_is_the_mean_square_of_each_token_s_gradient(model: Any) -> None:
    expected = by_autograd(model, ONE_TOKEN_EACH, true=False)
    found = estimate(model, [ONE_TOKEN_EACH], "empirical")
    assert found.layers.keys() == expected.keys()
    assert len(expected) == 14
    for name, values in expected.items():
        torch.testing.assert_close(found.layers[name].double(), values, rtol=2**-8, atol=1e-12)


@pytest.mark.parametrize("kind", ["empirical", "true"])
def test_over_many_draws_the_estimate_comes_to_the_exact_fisher_per_token(model: Any, kind: Any) -> None:
    expected = by_autograd(model, MANY_TOKENS, true=kind == "true")
    many = {key: values.repeat(250, 1) for key, values in MANY_TOKENS.items()}
    found = estimate(model, [many] * 4, kind, seed=1)
    for name, values in expected.items():
        mean = found.layers[name].double()
        assert float(mean.sum() / values.sum()) == pytest.approx(1.0, abs=0.08), name
        assert float((mean - values).norm() / values.norm()) < 0.2, name


def test_without_signs_the_tokens_of_an_example_would_be_mixed_up(model: Any) -> None:
    """The square of the summed gradient is not the sum of squares, so the test above can fail."""
    exact = by_autograd(model, MANY_TOKENS, true=False)
    naive = torch.zeros_like(next(iter(exact.values())))
    for index in range(2):
        length = int(MANY_TOKENS["attention_mask"][index].sum())
        tokens = MANY_TOKENS["input_ids"][index : index + 1, :length]
        weight = model.model.layers[0].self_attn.q_proj.weight
        logits = model(input_ids=tokens).logits[0, :-1]
        loss = functional.cross_entropy(logits, tokens[0, 1:], reduction="sum")
        naive += torch.autograd.grad(loss, weight)[0].double() ** 2
    naive /= int((MANY_TOKENS["labels"][:, 1:] != IGNORED).sum())
    expected = exact["model.layers.0.self_attn.q_proj"]
    assert float((naive - expected).norm() / expected.norm()) > 0.4


def test_factors_have_the_row_and_column_sums_of_the_matrix(model: Any) -> None:
    matrices = estimate(model, [MANY_TOKENS], "true", seed=4).layers
    factors = estimate(model, [MANY_TOKENS], "true", seed=4, storage="factored").layers
    for name, matrix in matrices.items():
        factor = factors[name]
        assert isinstance(factor, Factors)
        product = torch.outer(factor.rows, factor.columns)
        for axis in (0, 1):
            torch.testing.assert_close(product.sum(axis), matrix.float().sum(axis), rtol=2**-7, atol=1e-9)


def test_the_same_seed_gives_the_same_fisher_and_the_model_is_left_as_it_was(model: Any) -> None:
    model.train()
    one, same, other = (estimate(model, [MANY_TOKENS], "true", seed=seed).layers for seed in (1, 1, 2))
    name = "model.layers.1.mlp.up_proj"
    assert torch.equal(one[name], same[name])
    assert not torch.equal(one[name], other[name])
    assert model.training
    assert all(weight.grad is None for weight in model.parameters())
    assert all(weight.requires_grad for weight in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_no_labelled_token_and_an_overflow_are_told(model: Any) -> None:
    with pytest.raises(SettingsError, match="no labelled token"):
        estimate(model, [batch([(1, 3, 4)], labelled_from=3)], "true")
    weight = model.model.layers[0].mlp.up_proj.weight
    before = weight.detach().clone()
    weight.data[0, 0] = float("nan")
    with pytest.raises(SettingsError, match="not finite"):
        estimate(model, [MANY_TOKENS], "empirical")
    weight.data.copy_(before)


def test_a_model_that_carries_an_adapter_already_is_no_base(tmp_path: Path) -> None:
    adapted = lora.add_adapter(lora.load_base(tiny_base(tmp_path / "base"), "float32"), LoraSettings(), 1)
    with pytest.raises(ValueError, match="expected a base model"):
        estimate(adapted, [MANY_TOKENS], "true")


def test_the_hash_of_examples_counts_tokens_and_labels() -> None:
    one, other = Example((1, 2), (IGNORED, 2)), Example((1, 2), (1, 2))
    assert examples_sha256([one]) == examples_sha256([Example((1, 2), (IGNORED, 2))])
    assert len({examples_sha256(given) for given in ([one], [other], [one, other], [other, one])}) == 4


@pytest.mark.parametrize("storage", ["bfloat16", "factored"])
def test_the_sidecar_is_taken_once_and_comes_back_as_it_was(model: Any, tmp_path: Path, storage: Any) -> None:
    origin = ORIGIN.model_copy(update={"storage": storage})
    path = fisher_file.default_sidecar(tmp_path / "base", origin)
    assert path.parent == tmp_path
    taken: list[Fisher] = []

    def take() -> Fisher:
        taken.append(estimate(model, [MANY_TOKENS], "true", storage=storage))
        return taken[-1]

    for _ in range(3):
        found = fisher_file.kept(path, origin, take)
    assert len(taken) == 1
    assert [path] == list(tmp_path.iterdir())
    assert found.layers.keys() == taken[0].layers.keys()
    for name, diagonal in taken[0].layers.items():
        back = found.layers[name]
        if isinstance(diagonal, Factors):
            assert isinstance(back, Factors)
            assert torch.equal(back.rows, diagonal.rows)
            assert torch.equal(back.columns, diagonal.columns)
        else:
            assert torch.equal(back, diagonal)


@pytest.mark.parametrize(
    "change", [{"base_sha256": "x"}, {"data_sha256": "x"}, {"kind": "empirical"}, {"samples": 5}]
)
def test_a_sidecar_of_another_origin_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "f.safetensors"
    fisher_file.save(path, Fisher({"layer": torch.ones(2, 3, dtype=torch.bfloat16)}), ORIGIN)
    key, value = next(iter(change.items()))
    with pytest.raises(SettingsError, match=f"{key} is .*, expected {value}"):
        fisher_file.load(path, ORIGIN.model_copy(update=change))


def test_a_damaged_sidecar_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.safetensors"
    fisher_file.save(path, Fisher({"layer": torch.ones(2, 3, dtype=torch.bfloat16)}), ORIGIN)
    whole = path.read_bytes()
    for damaged in (whole[:-3], b"", b"x" * 40):
        path.write_bytes(damaged)
        with pytest.raises(SettingsError, match="cannot be read"):
            fisher_file.load(path, ORIGIN)
    about = {"belay_fisher": ORIGIN.model_dump_json()}
    for tensors, why in (
        ({"layer.diagonal": torch.full((2, 3), -1.0)}, "negative"),
        ({"layer.diagonal": torch.full((2, 3), float("nan"))}, "not finite"),
        ({"layer.rows": torch.ones(2)}, "no part of one"),
        ({"layer.weight": torch.ones(2, 2)}, "no part of one"),
    ):
        save_file(tensors, str(path), metadata=about)
        with pytest.raises(SettingsError, match=why):
            fisher_file.load(path, ORIGIN)
    save_file({"layer.diagonal": torch.ones(2, 3)}, str(path))
    with pytest.raises(SettingsError, match="cannot be read"):
        fisher_file.load(path, ORIGIN)
    assert load_file(str(path)).keys() == {"layer.diagonal"}
