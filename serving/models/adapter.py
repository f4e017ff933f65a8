"""A LoRA adapter as peft writes it: what it changes, how large it is, and whether a base has what it changes.

What an adapter's config claims about its base is not believed: its tensors' names and shapes are compared with the
base's. Adapters of another base with the very same shapes pass this; who trained one has to say on which it was.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from serving.models.tensors import Shapes, header_of
from telemetry.errors import AttestationError

CONFIG: Final = "adapter_config.json"
WEIGHTS: Final = "adapter_model.safetensors"
RANKS: Final = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The largest ranks that vLLM can be told of."""
_PART: Final = re.compile(
    r"^(?P<layer>.+)\.(?P<part>lora_A|lora_B|lora_embedding_A|lora_embedding_B|lora_magnitude_vector)"
    r"(?:\.\w+)?(?:\.weight)?$"
)


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter's folder: its largest rank, what it changes, and what its config says of its base.

    `layers` gives (inputs, outputs) by the name of the base's layer, `whole` the shape of tensors that it replaces
    altogether (peft's `modules_to_save`). `dora` tells that it scales columns too, which vLLM cannot serve.
    """

    folder: Path
    rank: int
    layers: dict[str, tuple[int, int]]
    whole: dict[str, tuple[int, ...]]
    dora: bool
    claimed_base: str


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter and no model."""
    return (folder / CONFIG).is_file()


def read_adapter(folder: Path) -> Adapter:
    """The adapter in `folder`. Raises AttestationError where it is none, is incomplete, or is no LoRA."""
    config = _config(folder)
    kind = str(config.get("peft_type", "none")).upper()
    if kind != "LORA":
        raise AttestationError(
            f"{folder} holds a peft adapter of type {kind}, expected LORA",
            hint="Other kinds cannot be served beside their base. Merge it with peft and adopt the merged folder.",
        )
    if not (folder / WEIGHTS).is_file():
        pickled = (folder / "adapter_model.bin").is_file()
        raise AttestationError(
            f"{folder} has no {WEIGHTS}" + (", but a pickled adapter_model.bin" if pickled else ""),
            hint="Reading a pickle runs its code: write it anew with peft's `save_pretrained(folder)`.",
        )
    layers, whole = _sorted_out(header_of(folder / WEIGHTS), folder / WEIGHTS)
    patterns = [int(r) for r in (config.get("rank_pattern") or {}).values()]
    return Adapter(
        folder=folder,
        rank=max([int(config.get("r", 0)), *patterns]),
        layers=layers,
        whole=whole,
        dora=bool(config.get("use_dora")),
        claimed_base=str(config.get("base_model_name_or_path") or ""),
    )


def lora_rank(folder: Path) -> int:
    """The smallest of vLLM's ranks in which the adapter in `folder` has room. AttestationError where none is."""
    rank = read_adapter(folder).rank
    for room in RANKS:
        if rank <= room:
            return room
    raise AttestationError(
        f"{folder} is an adapter of rank {rank}; vLLM serves at most {RANKS[-1]}",
        hint="Adopt it as a candidate: `belay adopt FOLDER --as candidate` merges it into its base.",
    )


def misfits(adapter: Adapter, base: Shapes) -> list[str]:
    """Why the adapter is not of a base with these tensors, one line a layer; nothing where it fits."""
    found = []
    for layer, (inputs, outputs) in adapter.layers.items():
        shape = base.get(f"{layer}.weight")
        if shape is None:
            found.append(f"{layer}: the base has no such layer")
        elif shape not in {(outputs, inputs), (inputs, outputs)}:  # GPT-2's Conv1D has it the other way round
            found.append(f"{layer}: {inputs} inputs and {outputs} outputs, the base's weight is {shape}")
    for name, whole in adapter.whole.items():
        if base.get(name) != whole:
            found.append(f"{name}: {whole}, the base has {base.get(name, 'no such tensor')}")
    return found


def _config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    try:
        config = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise AttestationError(
            f"{folder} has no {CONFIG}, so it is no adapter of peft",
            hint="Give the folder that peft's `save_pretrained` wrote.",
        ) from None
    except ValueError as error:
        raise AttestationError(f"{path} is no JSON: {error}") from error
    if not isinstance(config, dict):
        raise AttestationError(f"{path} is a {type(config).__name__}, expected an object")
    return config


def _sorted_out(shapes: Shapes, path: Path) -> tuple[dict[str, tuple[int, int]], dict[str, tuple[int, ...]]]:
    """Layers with both halves as (inputs, outputs), and tensors that stand for the base's own."""
    halves: dict[str, dict[str, tuple[int, ...]]] = {}
    whole: dict[str, tuple[int, ...]] = {}
    for name, shape in shapes.items():
        bare = name.removeprefix("base_model.model.")
        found = _PART.match(bare)
        if found is None:
            whole[bare.replace(".modules_to_save", "")] = shape
        elif found["part"] != "lora_magnitude_vector":
            halves.setdefault(found["layer"], {})[found["part"][-1]] = shape
    layers = {}
    for layer, both in halves.items():
        if both.keys() != {"A", "B"} or both["A"][0] != both["B"][1]:
            raise AttestationError(
                f"{path}: the halves of {layer} do not belong together: {both}",
                hint="The file is damaged, or not written by peft.",
            )
        layers[layer] = (both["A"][1], both["B"][0])
    if not layers:
        raise AttestationError(f"{path} has no LoRA tensors among its {len(shapes)}")
    return layers, whole
