"""A Hugging Face model folder from elsewhere, looked at without loading anything: what it is, what it lacks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from serving.models.tensors import INDEX, missing_shards, shapes_in
from telemetry.errors import AttestationError

CONFIG: Final = "config.json"
TOKENIZERS: Final = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model", "tekken.json")
TEMPLATE: Final = "chat_template.jinja"
_TOKENIZER_CONFIG: Final = "tokenizer_config.json"
_LARGEST_JSON: Final = 16 << 20
_PICKLES: Final = ("pytorch_model*.bin", "*.pt", "*.pth")
_NEEDED: Final = (
    CONFIG, INDEX, "generation_config.json", "tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*",
    "merges.txt", "spiece.model", "tekken.json", "chat_template*", "preprocessor_config.json", "*.safetensors",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HfFolder:
    """What a model folder says of itself. `notes` are for people: what works less well than it might."""

    folder: Path
    architecture: str
    config: dict[str, Any]
    files: tuple[Path, ...]
    has_tokenizer: bool
    notes: tuple[str, ...]


def look_at(folder: Path) -> HfFolder:
    """What lies in `folder`. Raises AttestationError that names everything which is missing or cannot be used."""
    if not folder.is_dir():
        raise AttestationError(
            f"no folder at {folder}",
            hint="Give a model's folder, or an engine's URL with http:// or https://.",
        )
    config, wrong = _config(folder)
    wrong += _wrong_with_weights(folder)
    wrong += [
        f"{name} names code of its own ('auto_map'), which Belay never runs"
        for name in (CONFIG, _TOKENIZER_CONFIG)
        if _names_code(folder / name)
    ]
    architectures = config.get("architectures") or []
    if config and not architectures:
        wrong.append(f"{CONFIG} names no 'architectures'")
    if wrong:
        raise AttestationError(
            f"{folder} cannot be used as a model: " + "; ".join(wrong), hint=_hint(folder, wrong)
        )
    return HfFolder(
        folder=folder,
        architecture=str(architectures[0]),
        config=config,
        files=tuple(sorted({path for pattern in _NEEDED for path in folder.glob(pattern) if path.is_file()})),
        has_tokenizer=any((folder / name).is_file() for name in TOKENIZERS),
        notes=tuple(_notes(config)),
    )


def _config(folder: Path) -> tuple[dict[str, Any], list[str]]:
    path = folder / CONFIG
    if not path.is_file():
        return {}, [f"no {CONFIG}"]
    if path.stat().st_size > _LARGEST_JSON:
        return {}, [f"{CONFIG} has {path.stat().st_size:,} bytes, expected at most {_LARGEST_JSON:,}"]
    try:
        config = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        return {}, [f"{CONFIG} is no JSON ({error})"]
    return (config, []) if isinstance(config, dict) else ({}, [f"{CONFIG} is no object"])


def _names_code(path: Path) -> bool:
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False  # what cannot be read is told elsewhere, and runs nothing
    return isinstance(said, dict) and bool(said.get("auto_map"))


def _wrong_with_weights(folder: Path) -> list[str]:
    lost = missing_shards(folder)
    if lost:
        return [f"{INDEX} names weights that are not there: {', '.join(lost)}"]
    if any(folder.glob("*.safetensors")):
        shapes_in(folder)  # says which file is cut off
        return []
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if pickles:
        return [f"its weights are pickles ({pickles[0]}), and reading a pickle runs its code"]
    ggufs = sorted(path.name for path in folder.glob("*.gguf"))
    return [f"its weights are GGUF ({ggufs[0]})" if ggufs else "no *.safetensors"]


def _hint(folder: Path, wrong: list[str]) -> str:
    said = " ".join(wrong)
    if "pickles" in said or "GGUF" in said:
        return "Load it with transformers where you trust it, and write it with `save_pretrained(FOLDER)`."
    if not any(folder.iterdir()):
        return "The folder is empty."
    nested = sorted(path.parent.name for path in folder.glob(f"*/{CONFIG}"))
    if nested:
        return f"Did you mean a folder in it: {', '.join(nested[:5])}?"
    return "Give the folder that `save_pretrained` wrote, or that a hub's model was downloaded to."


def _notes(config: dict[str, Any]) -> list[str]:
    found = []
    if config.get("quantization_config"):
        method = config["quantization_config"].get("quant_method", "an unknown method")
        found.append(f"quantised by {method}: it can be served and audited, not trained")
    return found
