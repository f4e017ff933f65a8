"""The settings of a training run: frozen, checked, hashed into the manifest. Cheap to import."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from telemetry.errors import SettingsError

Positive = Annotated[float, Field(gt=0.0)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LoraSettings(_Settings):
    """The adapter: rank, scaling alpha / rank, and which modules get one ("all-linear" or names)."""

    rank: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    targets: Literal["all-linear"] | tuple[str, ...] = "all-linear"


class TrainSettings(_Settings):
    """One training run.

    `steps` are optimiser steps of `batch_size` dialogues, each cut at `max_length` tokens. The learning rate
    rises over `warmup_steps` and then falls linearly to zero. The same seed gives the same adapter on the
    same machine. `threads` limits PyTorch's threads (None leaves them).
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    base: Path
    data: Path
    output: Path
    lora: LoraSettings = LoraSettings()
    learning_rate: Positive = 8e-4
    steps: int = Field(default=36, ge=1)
    batch_size: int = Field(default=8, ge=1)
    max_length: int = Field(default=256, ge=16)
    warmup_steps: int = Field(default=3, ge=0)
    max_gradient_norm: Positive = 1.0
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    seed: int = 7
    threads: Annotated[int, Field(ge=1)] | None = None


def load_train_settings(path: Path) -> TrainSettings:
    """Settings from a YAML file. Raises SettingsError that names each wrong key, and the near one."""
    if not path.is_file():
        raise SettingsError(f"no training settings at {path}", hint="Give the path of a run.yaml.")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(data, dict):
        raise SettingsError(f"{path}: expected a mapping at the top, found {type(data).__name__}")
    try:
        return TrainSettings.model_validate(data)
    except ValidationError as error:
        known = sorted({*TrainSettings.model_fields, *LoraSettings.model_fields})
        raise SettingsError(
            f"{path}:\n" + "\n".join(_line(dict(d), known) for d in error.errors())
        ) from error


def _line(detail: dict[str, object], known: list[str]) -> str:
    location = detail["loc"]
    where = ".".join(str(part) for part in location) if isinstance(location, tuple) else str(location)
    if detail["type"] != "extra_forbidden":
        return f"  {where}: {detail['msg']}; it is {detail['input']!r}"
    near = difflib.get_close_matches(where.rsplit(".", 1)[-1], known, n=1)
    return f"  {where}: unknown key" + (f"; did you mean {near[0]!r}?" if near else "")
