from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch.nn.utils import parametrize

from telemetry.errors import SettingsError
from tests.trainer.loop.sharding import one_process, shard_free_weights
from tests.trainer.loop.test_train import Kept, feed, fisher, same, settings
from tests.trainer.tiny import tiny_base
from trainer.config import LoraSettings, load_train_settings
from trainer.loop import resume
from trainer.loop.train import Parts, Training
from trainer.methods import lora
from trainer.methods.adapted import adapted_layers, whole
from trainer.methods.oplora import Oplora

KEEP = 3
METHODS: dict[str, Any] = {"sam": {"rho": 0.1, "every": 3}, "ewc": {"strength": 0.1}}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("oplora") / "base", spread=0.3)


def adapted(base: Path) -> Any:
    chosen = LoraSettings(rank=2, variant="oplora", keep=KEEP, alpha=8)
    return lora.add_adapter(lora.load_base(base, "float32"), chosen, seed=3)


def training(model: Any, steps: int, parts: Parts | None = None, **changes: Any) -> Training:
    given = {"rank": 2, "variant": "oplora", "keep": KEEP, "alpha": 8}
    chosen = settings(steps=steps, learning_rate=0.02, **{"lora": given, **changes})
    return Training(model, feed().rows, 0, chosen, parts)


def changes(model: Any) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Each adapted layer's weight and its change, in float64."""
    return {
        layer.name: (
            layer.base.weight.detach().double(),
            layer.scaling * layer.b.detach().double() @ layer.a.detach().double(),
        )
        for layer in adapted_layers(model)
    }


@pytest.mark.parametrize("methods", [{}, METHODS], ids=["alone", "with sam and ewc"])
def test_the_largest_singular_triples_of_each_weight_are_untouched(
    base: Path, methods: dict[str, Any]
) -> None:
    model = adapted(base)
    training(model, 8, Parts(fisher=fisher(model)), **methods).run(lambda _: None)
    found = changes(model)
    assert len(found) == 14
    for weight, change in found.values():
        left, values, right = torch.linalg.svd(weight)
        assert change.norm() > 1e-2
        assert (left[:, :KEEP].T @ change).norm() < 1e-5 * change.norm()
        assert (change @ right[:KEEP].T).norm() < 1e-5 * change.norm()
        after = torch.linalg.svdvals(weight + change)
        for value, u, v in zip(values[:KEEP], left.T, right, strict=False):
            assert (after - value).abs().min() < 1e-5 * value
            torch.testing.assert_close((weight + change) @ v, value * u, rtol=0, atol=1e-5 * float(value))
            torch.testing.assert_close((weight + change).T @ u, value * v, rtol=0, atol=1e-5 * float(value))


def test_plain_lora_does_touch_them(base: Path) -> None:
    model = adapted(base)
    training(model, 8, lora={"rank": 2, "alpha": 8}).run(lambda _: None)
    for weight, change in changes(model).values():
        left = torch.linalg.svd(weight)[0]
        assert (left[:, :KEEP].T @ change).norm() > 1e-3 * change.norm()


class Without(torch.nn.Module):
    """A factor as the paper writes it: free, and projected where it is used."""

    def __init__(self, basis: torch.Tensor, *, right: bool) -> None:
        super().__init__()
        self.basis, self.right = basis, right

    def forward(self, free: torch.Tensor) -> torch.Tensor:
        across = torch.eye(len(self.basis)) - self.basis @ self.basis.T
        return free @ across if self.right else across @ free


def test_every_step_is_that_of_free_factors_between_projections(base: Path) -> None:
    """The paper's own form, traced by autograd and stepped by the loop that plain LoRA uses."""
    ours, theirs = adapted(base), adapted(base)
    for layer in adapted_layers(theirs):
        left, _, right = torch.linalg.svd(layer.base.weight.detach())
        for factor, basis, is_right in (
            (layer.module.lora_A["default"], right[:KEEP].T, True),
            (layer.module.lora_B["default"], left[:, :KEEP], False),
        ):
            parametrize.register_parametrization(factor, "weight", Without(basis, right=is_right))
    one = training(ours, 5)
    one.run(lambda _: None)
    other = training(theirs, 5, lora={"rank": 2, "alpha": 8})
    other.run(lambda _: None)
    assert [s.loss for s in one.steps] == pytest.approx([s.loss for s in other.steps], rel=1e-4)
    wanted = changes(theirs)
    for name, (_, change) in changes(ours).items():
        torch.testing.assert_close(change, wanted[name][1], rtol=0, atol=2e-3 * float(change.norm()))


@pytest.mark.parametrize("stop", [1, 3, 4])
def test_a_killed_training_goes_on_to_the_same_bits(base: Path, tmp_path: Path, stop: int) -> None:
    def made(**parts: Any) -> Training:
        model = adapted(base)
        return training(model, 6, Parts(fisher=fisher(model), **parts), **METHODS)

    whole_run, kept = made(), Kept(stop, most=1)
    whole_run.run(lambda _: None)
    made(keeper=kept).run(lambda _: None)
    resume.save(tmp_path, kept.states[0], "r")
    resumed = made(saved=resume.newest(tmp_path, "r", pytest.fail))
    resumed.run(lambda _: None)
    assert same(whole_run.state(), resumed.state())


def test_what_is_saved_is_a_plain_adapter_that_answers_the_same(base: Path, tmp_path: Path) -> None:
    model = adapted(base)
    training(model, 3).run(lambda _: None)
    lora.save_adapter(model, tmp_path / "adapter", "abc")
    again = PeftModel.from_pretrained(lora.load_base(base, "float32"), str(tmp_path / "adapter"))
    tokens = torch.tensor([[1, 3, 4, 5, 6, 2]])
    with torch.no_grad():
        torch.testing.assert_close(again.eval()(tokens).logits, model.eval()(tokens).logits)


def test_sharded_weights_and_gradients_are_projected_alike(base: Path) -> None:
    def moved(model: Any, held: Oplora) -> list[torch.Tensor]:
        for layer in adapted_layers(model):
            for weight in (layer.a, layer.b):
                weight.data.add_(1.0)
                weight.grad = weight.detach().clone()
        held.project_gradients()
        held.project_weights()
        return [whole(t) for layer in adapted_layers(model) for w in (layer.a, layer.b) for t in (w, w.grad)]

    one, other = adapted(base), adapted(base)
    expected = moved(one, Oplora(KEEP, one))
    held = Oplora(KEEP, other)
    with one_process() as mesh:
        shard_free_weights(other, mesh)
        for found, wanted in zip(moved(other, held), expected, strict=True):
            torch.testing.assert_close(found, wanted)


def test_a_layer_with_no_direction_left_is_told(base: Path) -> None:
    with pytest.raises(SettingsError, match=r"lora.keep 8 leaves nothing of .*k_proj to train, .* 8 by 16"):
        Oplora(8, adapted(base))


def test_keep_is_refused_with_another_variant(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    text = "base: b\ndata: d\noutput: o\nname: c\nlora: {keep: %d, variant: %s}\n"
    for keep, variant in ((16, "dora"), (4, "oplora")):
        path.write_text(text % (keep, variant))
        assert load_train_settings(path).lora.keep == keep
    path.write_text(text % (4, "dora"))
    with pytest.raises(SettingsError, match="keep is oplora's, and the variant is dora"):
        load_train_settings(path)
