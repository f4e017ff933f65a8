"""How a candidate is trained. Cheap to import: neither torch nor transformers."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from telemetry.errors import SettingsError


class LoraSettings(BaseModel):
    """The low-rank adapter. `targets` names the linear layers that get one; `all-linear` is every one of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: Annotated[int, Field(gt=0)] = 16
    alpha: Annotated[float, Field(gt=0)] = 32.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    targets: Literal["all-linear"] | tuple[str, ...] = "all-linear"


class TrainSettings(BaseModel):
    """One fine-tune: from which base, on which data, into which folder, and how hard.

    `steps` are optimiser steps of `batch_size` dialogues, each cut after `max_length` tokens. `threads` of
    None uses every core; results repeat bit by bit only for the same number of threads.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: Path
    data: Path
    output: Path
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    lora: LoraSettings = LoraSettings()
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    warmup_steps: Annotated[int, Field(ge=0)] = 3
    steps: Annotated[int, Field(gt=0)] = 30
    batch_size: Annotated[int, Field(gt=0)] = 8
    max_length: Annotated[int, Field(gt=1)] = 256
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    seed: int = 7
    threads: Annotated[int, Field(gt=0)] | None = None


def load_train_settings(path: Path) -> TrainSettings:
    """Read settings from YAML; relative paths count from the file's folder.

    Raises SettingsError that says which key is wrong, and which one may have been meant.
    """
    if not path.is_file():
        raise SettingsError(f"no training settings at {path}", hint="Give the path of a YAML file.")
    try:
        raw = yaml.safe_load(path.read_bytes())
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(raw, dict):
        raise SettingsError(f"{path}: expected a mapping at the top, found {type(raw).__name__}")
    for key in ("base", "data", "output"):
        if isinstance(raw.get(key), str):
            raw[key] = path.parent / raw[key]
    try:
        return TrainSettings.model_validate(raw)
    except ValidationError as error:
        lines = "\n".join(_explain(dict(detail)) for detail in error.errors())
        raise SettingsError(f"{path}:\n{lines}") from error


def _explain(detail: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in detail["loc"])
    if detail["type"] != "extra_forbidden":
        return f"  {where}: {detail['msg']}, found {detail['input']!r}"
    fields = LoraSettings.model_fields if detail["loc"][0] == "lora" else TrainSettings.model_fields
    near = difflib.get_close_matches(str(detail["loc"][-1]), sorted(fields), n=1)
    suggestion = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(fields))}"
    return f"  {where}: unknown key{suggestion}"
