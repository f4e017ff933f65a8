"""Which linear layers of a base an adapter is put on: all, those of one part of each decoder layer, or named ones.

`mlp` and `attention` are read from the model's structure. A layer belongs to the part that the outermost module around
it inside its decoder layer tells of, by that module's name or its class's: `model.layers.3.mlp.up_proj` to the
feed-forward part, `gpt_neox.layers.3.attention.dense` to the attention. A layer that stands alone goes by its own name
(OPT's `fc1`). A router that shares a token out among experts is in neither part: it computes nothing of an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, Literal

import torch
from transformers.pytorch_utils import Conv1D

from telemetry.errors import SettingsError
from trainer.config import Targets

Part = Literal["mlp", "attention"]
PARTS: Final[dict[Part, re.Pattern[str]]] = {
    "attention": re.compile(r"attn|attention", re.IGNORECASE),
    "mlp": re.compile(r"mlp|ffn|feed_?forward|moe|^fc_?\d", re.IGNORECASE),
}
_CALLED: Final[dict[Part, str]] = {"mlp": "feed-forward", "attention": "attention"}
_ROUTERS: Final = ("gate", "router", "shared_expert_gate")
_SHOWN: Final = 8
"""Layers that an error names at most."""


def linear_layers(model: Any, targets: Targets) -> dict[str, torch.nn.Linear]:
    """The layers of a base model that `targets` puts an adapter on, as peft reads it: the output head is none.

    Raises SettingsError where there are none, ValueError for a model that carries an adapter already: its layers
    have other names, and base's weights may not be whole any more (corda).
    """
    if hasattr(model, "peft_config"):
        raise ValueError("a model with an adapter on it; expected a base model")
    head = model.get_output_embeddings()
    wanted = peft_targets(model, targets)
    found = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
        and (module is not head if wanted == "all-linear" else _named(name, wanted))
    }
    if not found:
        raise SettingsError(
            f"lora.targets {targets!r} names no linear layer of the model",
            hint="all-linear takes every one but the output head.",
        )
    return found


def peft_targets(model: Any, targets: Targets) -> str | list[str]:
    """The same in peft's words: `all-linear`, or names, which for a part of the decoder layers are whole names.

    Raises SettingsError, which names the layers that there are, where the model has nothing of the part.
    """
    if targets == "mlp" or targets == "attention":
        return _part(model, targets)
    return targets if isinstance(targets, str) else list(targets)


def _part(model: Any, part: Part) -> list[str]:
    inside = dict(_in_decoder_layers(model))
    found = [name for name, of in inside.items() if of == part]
    if not found:
        shown = list(dict.fromkeys(re.sub(r"\.\d+(?=\.)", ".*", name) for name in inside))
        more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
        raise SettingsError(
            f"lora.targets {part}: no {_CALLED[part]} layer is known in this model; "
            f"linear in its decoder layers are {', '.join(shown[:_SHOWN]) or 'none'}{more}",
            hint="Name those that are meant: `targets: [NAME, ...]` takes the last part of a name.",
        )
    return found


def _in_decoder_layers(model: Any) -> Iterator[tuple[str, Part | None]]:
    """Every linear layer inside a numbered layer, with the part that it belongs to."""
    modules = dict(model.named_modules())
    for name, module in modules.items():
        steps = name.split(".")
        block = next((place for place, step in enumerate(steps) if step.isdigit()), None)
        if block is None or not isinstance(module, torch.nn.Linear | Conv1D):
            continue
        around = [(steps[n], modules[".".join(steps[: n + 1])]) for n in range(block + 1, len(steps))]
        yield name, None if steps[-1] in _ROUTERS else _told(around)


def _told(around: list[tuple[str, Any]]) -> Part | None:
    """The part that the first module tells which tells of any, by its name before its class's."""
    for name, module in around:
        for word in (name, type(module).__name__):
            for part, pattern in PARTS.items():
                if pattern.search(word):
                    return part
    return None


def _named(name: str, targets: str | list[str]) -> bool:
    return any(name == target or name.endswith(f".{target}") for target in targets)
