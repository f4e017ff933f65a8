"""The two variants of the adapter that peft starts or keeps differently: corda and osf.

corda (Yang et al., 2024, arXiv:2406.05223), in its knowledge-preserving mode: A and B start as those r components
of the weight that the retention data's inputs use least, which are taken out of the base's weight. The change of
the weight is then s * (BA - B0 A0).

osf (orthogonal subspace fine-tuning; Nayak et al., 2025, arXiv:2504.07097): the weight's singular vectors of the
largest singular values are fixed, and the r smallest components are trained, with gradients orthogonal to what is
fixed. The change of the weight is U S V - U0 S0 V0. Adam's step divides by each weight's own scale and so leaves
the orthogonal subspace a little; peft projects the gradient, not the step.

Both changes are products of rank 2r, so both are saved as the LoRA adapter that they are, which needs nothing of
this to be loaded, merged or served.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora.config import CordaConfig
from peft.tuners.lora.corda import preprocess_corda
from peft.tuners.osf import OSFConfig, OSFLayer
from safetensors.torch import save_file

from telemetry.errors import SettingsError
from trainer.config import LoraSettings
from trainer.data.encoding import Example
from trainer.methods.adapted import (
    ADAPTER,
    START,
    Adapted,
    adapted_layers,
    base_name,
    spread,
)
from trainer.methods.targets import linear_layers

Product = tuple[torch.Tensor, torch.Tensor, float]  # left (out, k), right (k, in), scaling


def add_corda(model: Any, config: LoraConfig, settings: LoraSettings, retention: Sequence[Example]) -> Any:
    """An adapter that starts where the retention data's inputs have the least to lose.

    Takes an inverse and a singular value decomposition of every adapted layer: half a minute of one core for 135M
    parameters, beside reading the retention data once.
    """
    if not retention:
        raise SettingsError(
            "lora.variant corda starts from retention data, and there are none",
            hint="Give mix or rehearsal.",
        )
    config.target_modules = list(linear_layers(model, settings.targets))
    config.init_lora_weights = "corda"
    config.corda_config = CordaConfig(corda_method="kpm")

    def read_retention() -> None:
        for example in retention:  # one by one: peft's covariance is over the tokens of a single example
            model(input_ids=torch.tensor([example.tokens], device=model.device), use_cache=False)

    training = model.training
    preprocess_corda(model, config, run_model=read_retention)
    model.train(training)
    made = get_peft_model(model, config)
    for layer in adapted_layers(made):
        setattr(layer.module, START, (layer.b.detach().clone(), layer.a.detach().clone()))
    return made


@contextmanager
def at_start(model: Any) -> Iterator[None]:
    """A corda model as it started while the block runs: as base, up to the rounding of base's own dtype.

    Switching its adapter off gives base without the components that were put into the adapter.
    """
    layers = [layer for layer in adapted_layers(model) if hasattr(layer.module, START)]
    now = [(layer.b.detach().clone(), layer.a.detach().clone()) for layer in layers]
    for layer in layers:
        _put(layer, getattr(layer.module, START))
    try:
        yield
    finally:
        for layer, factors in zip(layers, now, strict=True):
            _put(layer, factors)


def _put(layer: Adapted, factors: tuple[torch.Tensor, torch.Tensor]) -> None:
    for weight, values in zip((layer.b, layer.a), factors, strict=True):
        weight.data.copy_(spread(values, weight))


def add_osf(model: Any, settings: LoraSettings) -> Any:
    """Train the `rank` smallest singular components of each layer, fewer where a layer has fewer.

    The decomposition is taken of float32 copies: of bfloat16 ones peft would train rounded factors that are no
    longer orthogonal, and lose the projection when it casts them up.
    """
    layers = linear_layers(model, settings.targets)
    kept = {name: max(1, min(layer.weight.shape) - settings.rank) for name, layer in layers.items()}
    config = OSFConfig(
        target_modules=list(layers),
        rank_pattern={f"^{re.escape(name)}$": rank for name, rank in kept.items()},
        task_type="CAUSAL_LM",
    )
    given = {name: layer.weight.data for name, layer in layers.items()}
    for layer in layers.values():
        layer.weight.data = layer.weight.data.float()
    made = get_peft_model(model, config)
    for name, layer in layers.items():
        layer.weight.data = given[name]
    return made


def save_converted(model: Any, folder: Path) -> bool:
    """Save the change of a corda or osf model as a LoRA adapter; False, and nothing is done, for other variants."""
    products = {**_corda_products(model), **_osf_products(model)}
    if not products:
        return False
    rank = max(right.shape[0] for _, right, _ in products.values())
    scaling = next(iter(products.values()))[2]
    tensors = {}
    for name, (left, right, _) in products.items():
        missing = rank - right.shape[0]  # osf on a layer that is smaller than the rank
        tensors[f"base_model.model.{name}.lora_A.weight"] = _padded(right, (0, 0, 0, missing))
        tensors[f"base_model.model.{name}.lora_B.weight"] = _padded(left, (0, missing))
    config = LoraConfig(
        r=rank,
        lora_alpha=scaling * rank,
        target_modules=sorted(products),
        task_type="CAUSAL_LM",
        inference_mode=True,
    )
    folder.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(str(folder))
    save_file(tensors, str(folder / "adapter_model.safetensors"), metadata={"format": "pt"})
    return True


def _corda_products(model: Any) -> dict[str, Product]:
    return {
        layer.name: (*layer.change(), layer.scaling)
        for layer in adapted_layers(model)
        if hasattr(layer.module, START)
    }


def _osf_products(model: Any) -> dict[str, Product]:
    products: dict[str, Product] = {}
    for name, module in model.named_modules():
        if isinstance(module, OSFLayer):
            now = module.osf_svd_params[ADAPTER]
            u, s, v = (now[part].detach() for part in ("U_low", "S_low", "V_low"))
            u0, s0, v0 = (getattr(module, f"_osf_{part}_low_init")[ADAPTER] for part in ("U", "S", "V"))
            left, right = torch.cat((u * s, -(u0 * s0)), dim=1), torch.cat((v, v0), dim=0)
            products[base_name(name)] = (left, right, 1.0)
    return products


def _padded(values: torch.Tensor, by: tuple[int, ...]) -> torch.Tensor:
    return torch.nn.functional.pad(values, by).cpu().contiguous()
