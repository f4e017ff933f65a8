"""Writes the model that lies between base and a fine-tune, so that an engine serves it like any other.

Tensor by tensor out of base's safetensors: no model is built, and one shard of the result is all that is held. The
fine-tune is a model's folder, or an adapter's: then its weights are base plus s * B A, with dora rescaled row by
row. Sums are taken in float32 and rounded once, to the precision that base has them in.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final, Protocol

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from serving.models.manifest import MANIFEST
from telemetry.errors import UsageError
from trainer.merging.interpolation import Method, Weights, between, layer_count, weight_of
from trainer.merging.pruning import pruned
from trainer.methods.lora import DTYPES

_INDEX: Final = "model.safetensors.index.json"
_WEIGHTS: Final = (".safetensors", ".bin", ".pt", ".pth", ".gguf")
_PREFIX: Final = "base_model.model."  # what peft puts before a layer's name


def merge_adapter(base: Path, adapter: Path, output: Path, dtype: str | None = None) -> None:
    """Write base plus adapter to `output` as safetensors; see `interpolate`."""
    interpolate(base, adapter, output, dtype=dtype)


def interpolate(
    base: Path,
    tuned: Path,
    output: Path,
    method: Method = "linear",
    weights: Weights = (1.0,),
    dtype: str | None = None,
    keep: float = 1.0,
) -> None:
    """Write to `output` the model at `weights` between base and `tuned`, an adapter's folder or a model's.

    Weight 1 is the fine-tune, 0 is base; three weights are for the thirds of the layers. Everything beside the
    weights (tokenizer, chat template, generation config) is base's, byte for byte, so that two arms can differ in
    their weights only. Each weight has the type that it has in base, or `dtype`. With `keep` below 1 the fine-tune is
    first pruned to that part of each matrix's changes (`trainer.merging.pruning`). Raises UsageError where the two do
    not belong together.
    """
    source = _Folder(base)
    end: _Tuned = _Adapter(tuned) if (tuned / "adapter_config.json").is_file() else _Folder(tuned)
    missing = end.names() - source.names()
    if missing:
        raise UsageError(f"{tuned} has weights that {base} has not: {', '.join(sorted(missing)[:5])}")
    layers = layer_count(source.names())
    wanted = DTYPES[dtype] if dtype is not None else None
    output.mkdir(parents=True, exist_ok=True)
    for shard in source.shards:
        merged = {}
        for name in source.names(shard):
            start = source.read(name)
            stored = start.dtype
            final = end.changed(name, start)
            if final is not None:
                final = pruned(start, final, keep)
                start = between(start, final, weight_of(name, layers, weights), method)
            merged[name] = start.to(wanted or stored) if start.is_floating_point() else start
        save_file(merged, str(output / shard), metadata={"format": "pt"})
    _copy_the_rest(base, output, dtype)


class _Tuned(Protocol):
    """Where the fine-tune's weights come from."""

    def names(self) -> set[str]:
        """Of the tensors that it has or changes."""

    def changed(self, name: str, start: torch.Tensor) -> torch.Tensor | None:
        """The fine-tune's tensor where base's is `start`; None where it is base's."""


class _Folder:
    """A model's safetensors by name; a tensor is read when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.shards = _shards(folder)
        self._shard_of: dict[str, str] = {}
        for shard in self.shards:
            with safe_open(str(folder / shard), framework="pt") as file:
                self._shard_of |= dict.fromkeys(file.keys(), shard)

    def names(self, shard: str | None = None) -> set[str]:
        return {name for name, place in self._shard_of.items() if shard in (None, place)}

    def read(self, name: str) -> torch.Tensor:
        with safe_open(str(self._folder / self._shard_of[name]), framework="pt") as file:
            tensor: torch.Tensor = file.get_tensor(name)
        return tensor

    def changed(self, name: str, start: torch.Tensor) -> torch.Tensor | None:
        if name not in self._shard_of:
            raise UsageError(f"{self._folder} has no weight {name}, which base has")
        found = self.read(name)
        if found.shape != start.shape:
            raise UsageError(
                f"{self._folder}: {name} has shape {tuple(found.shape)}, in base {tuple(start.shape)}"
            )
        return found


class _Adapter:
    """A LoRA adapter's changes, by the names of the weights that they change."""

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "adapter_config.json").read_bytes())
        unmergeable = [key for key in ("alpha_pattern", "rank_pattern", "modules_to_save") if config.get(key)]
        if config.get("peft_type") != "LORA" or unmergeable:
            raise UsageError(
                f"{folder}: expected a LoRA adapter of one rank and alpha, "
                f"found {config.get('peft_type')} with {', '.join(unmergeable) or 'no pattern'}",
                hint="Merge it with peft, and give the model's folder.",
            )
        self._folder = folder
        self._config = config
        self._tensors = load_file(str(folder / "adapter_model.safetensors"))
        self._names = {self._weight_name(key) for key in self._tensors}

    def names(self) -> set[str]:
        return self._names

    def changed(self, name: str, start: torch.Tensor) -> torch.Tensor | None:
        if name not in self._names:
            return None
        a, b = self._part(name, "lora_A.weight"), self._part(name, "lora_B.weight")
        across = bool(self._config.get("fan_in_fan_out"))  # GPT-2 keeps its weights as (in, out)
        rank = a.shape[0]
        scaling = self._config["lora_alpha"] / (rank**0.5 if self._config.get("use_rslora") else rank)
        weight: torch.Tensor = (start.t() if across else start).float() + scaling * (b @ a)
        if self._config.get("use_dora"):
            weight *= (self._part(name, "lora_magnitude_vector") / weight.norm(dim=1)).unsqueeze(1)
        return weight.t().contiguous() if across else weight

    def _weight_name(self, key: str) -> str:
        layer, _, part = key.removeprefix(_PREFIX).partition(".lora_")
        if part not in ("A.weight", "B.weight", "magnitude_vector"):
            raise UsageError(f"{self._folder} has a weight {key}, which is no part of a low-rank adapter")
        return f"{layer}.weight"

    def _part(self, name: str, part: str) -> torch.Tensor:
        values: torch.Tensor = self._tensors[f"{_PREFIX}{name.removesuffix('weight')}{part}"]
        return values.float()


def _shards(folder: Path) -> list[str]:
    index = folder / _INDEX
    if index.is_file():
        return sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
    if not (folder / "model.safetensors").is_file():
        raise UsageError(f"{folder} has no model.safetensors and no {_INDEX}")
    return ["model.safetensors"]


def _copy_the_rest(base: Path, output: Path, dtype: str | None) -> None:
    for file in sorted(base.iterdir()):
        hidden = file.name.startswith(".") or file.name == MANIFEST
        if file.is_file() and not hidden and not file.name.endswith(_WEIGHTS):
            shutil.copyfile(file, output / file.name)
    if dtype is None:
        return
    config = json.loads((base / "config.json").read_bytes())
    key = "torch_dtype" if "torch_dtype" in config else "dtype"
    if config.get(key) != dtype:
        config[key] = dtype
        (output / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
