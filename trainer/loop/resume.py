"""A training's state on disk, so that after any kill it goes on as if nothing had happened: to the same bits.

    states/step-000010/    tensors.safetensors   trained weights, the optimiser's moments, what methods remember
                           watch.parquet         the watching's log
                           state.json            step, losses so far, the recipe's hash, the hash of each file above

A state is written beside its name and renamed, so a kill leaves a whole one or none. Read back, every file's hash is
compared; a damaged state is refused, with its reason, and the one before it taken. Random states need no saving: the
loop seeds each step anew.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)

from serving.models.manifest import file_sha256
from serving.models.staging import staged_folder
from telemetry.errors import UsageError
from telemetry.events import Value
from trainer.methods.averaging import averaged
from trainer.watching.watch_log import Row, read_rows, write_rows

FORMAT: Final = "belay-training-1"
KEPT: Final = 2
"""Newest states that stay: the last one, and the one before it in case the last is damaged."""
_TENSORS, _WATCH, _INDEX = "tensors.safetensors", "watch.parquet", "state.json"
_KINDS: Final = ("weights", "moments", "methods")
AVERAGE: Final = "average/"
"""What precedes the names of averaging's tensors among the methods'."""
_BETWEEN: Final = "|"  # between a weight's name and a moment's
_WRAPPER = re.compile(r"(?<![^.])(?:module|_orig_mod|_fsdp_wrapped_module)\.")

Tensors = dict[str, torch.Tensor]


class LoggedStep(Value):
    """One step as `training.jsonl` has it: no clock, so that the same training gives the same bytes.

    `loss` is the mean cross entropy per labelled token, of the target's as `target` weighs them; `gradient_norm` is
    taken before clipping. `kl` (on what is rehearsed), `anchor_kl` and `ewc` are what these methods add to the loss,
    None where they are off; `runs_away` names the layers that raised the alarm.
    """

    step: int
    loss: float
    gradient_norm: float
    kl: float | None = None
    anchor_kl: float | None = None
    ewc: float | None = None
    runs_away: tuple[str, ...] = ()


class _Index(Value):
    format: str
    recipe: str
    step: int
    steps: tuple[LoggedStep, ...]
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class State:
    """All that the steps after `step` depend on, whole and on the CPU, and what the steps before have logged."""

    step: int
    weights: Tensors
    moments: Tensors
    methods: Tensors = field(default_factory=dict)
    steps: tuple[LoggedStep, ...] = ()
    watched: tuple[Row, ...] = ()

    @property
    def shipped(self) -> Tensors:
        """The weights that are evaluated and shipped: where averaging has begun, the mean of them."""
        mine = {
            name.removeprefix(AVERAGE): value
            for name, value in self.methods.items()
            if name.startswith(AVERAGE)
        }
        return {**self.weights, **averaged(mine)}


def collect(model: Any, optimizer: torch.optim.Optimizer) -> tuple[Tensors, Tensors]:
    """The trained weights, and the optimiser's moments, by name.

    Every process of a run has to call it; where they are sharded, only the main one is given them.
    """
    options = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True)
    free = {_WRAPPER.sub("", name) for name, weight in model.named_parameters() if weight.requires_grad}
    found = get_model_state_dict(model, options=options)
    weights = {name: value for name, value in found.items() if name in free}  # tied frozen weights come too
    moments: Any = get_optimizer_state_dict(model, optimizer, options=options).get("state", {})
    flat = {f"{name}{_BETWEEN}{key}": value for name, each in moments.items() for key, value in each.items()}
    return _own(weights), _own(flat)


def put_back(model: Any, optimizer: torch.optim.Optimizer, state: State) -> None:
    """Give the model and its optimiser, in every process, what `collect` took from them."""
    options = StateDictOptions(full_state_dict=True, ignore_frozen_params=True, strict=False)
    set_model_state_dict(model, dict(state.weights), options=options)
    moments: dict[str, Any] = {}
    for name, value in state.moments.items():
        weight, _, key = name.rpartition(_BETWEEN)
        moments.setdefault(weight, {})[key] = value
    found = get_optimizer_state_dict(model, optimizer, options=options)
    set_optimizer_state_dict(model, optimizer, {**found, "state": moments}, options=options)


def save(folder: Path, state: State, recipe: str) -> Path:
    """Write the state below `folder`, and remove all but the newest `KEPT`; the new one's folder."""
    place = folder / f"step-{state.step:06d}"
    with staged_folder(place) as beside:
        named = {kind: getattr(state, kind) for kind in _KINDS}
        tensors = {f"{kind}/{name}": value for kind, each in named.items() for name, value in each.items()}
        save_file(tensors, str(beside / _TENSORS))
        write_rows(beside / _WATCH, state.watched)
        files = {name: file_sha256(beside / name) for name in (_TENSORS, _WATCH)}
        index = _Index(format=FORMAT, recipe=recipe, step=state.step, steps=state.steps, files=files)
        (beside / _INDEX).write_text(index.model_dump_json(indent=1) + "\n", encoding="utf-8")
    for old in _newest_first(folder)[KEPT:]:
        shutil.rmtree(old)
    return place


def newest(folder: Path, recipe: str, on_damage: Callable[[str], None]) -> State | None:
    """The newest whole state below `folder`, None where there is none; `on_damage` is told of each refused one."""
    for place in _newest_first(folder):
        try:
            return load(place, recipe)
        except UsageError as error:
            on_damage(error.message)
    return None


def load(place: Path, recipe: str) -> State:
    """The state in one folder. Raises UsageError where it is damaged, or of a run with another recipe."""
    try:
        index = _Index.model_validate_json((place / _INDEX).read_bytes())
    except (OSError, ValidationError) as error:
        raise UsageError(f"the saved state {place} is damaged: {_INDEX} cannot be read: {error}") from error
    if (index.format, index.recipe) != (FORMAT, recipe):
        raise UsageError(
            f"the saved state {place} is of a run with another base, other data or other settings"
        )
    for name in (_TENSORS, _WATCH):
        if not (place / name).is_file() or file_sha256(place / name) != index.files.get(name):
            raise UsageError(f"the saved state {place} is damaged: {name} is not what was written")
    kinds: dict[str, Tensors] = {kind: {} for kind in _KINDS}
    for key, value in load_file(str(place / _TENSORS)).items():
        kind, _, name = key.partition("/")
        kinds[kind][name] = value
    return State(index.step, **kinds, steps=index.steps, watched=tuple(read_rows(place / _WATCH)))


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"), reverse=True)


def _own(tensors: dict[str, Any]) -> Tensors:
    """Copies that the next step does not change, in the order of their names."""
    return {name: tensors[name].detach().to("cpu", copy=True).contiguous() for name in sorted(tensors)}
