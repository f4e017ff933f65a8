"""One training, from prepared data to a trained model. The sweep and the pipeline train through this."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate.utils import DistributedType

from serving.models.manifest import file_sha256
from telemetry.errors import SettingsError
from trainer.config import TrainSettings
from trainer.data.encoding import Example
from trainer.loop.keeping import Checkpoints, Evaluate
from trainer.loop.processes import accelerator, is_main
from trainer.loop.resume import LoggedStep, Tensors
from trainer.loop.stock import Stock
from trainer.loop.train import Parts, Told, Training, prepared_torch
from trainer.methods import fisher_file, lora
from trainer.methods.devices import dtype_on
from trainer.methods.fisher import Fisher, estimate, examples_sha256
from trainer.methods.objective import tensors
from trainer.scoring.checkpoints import Evaluation
from trainer.watching.watch_log import Row


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where states are kept, after which steps, and how a checkpoint is evaluated (None: not at all).

    `patience` and `most_kl` are those of `CheckpointSettings`; None of either stops nothing.
    """

    folder: Path
    recipe: str
    at: Collection[int]
    evaluate: Evaluate | None = None
    patience: int | None = None
    most_kl: float | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained model, in memory, as it was after `step`; `steps` and `watched` are of the whole training.

    `fisher_sha256` is the hash of the Fisher's sidecar.
    """

    model: Any
    step: int
    steps: tuple[LoggedStep, ...]
    watched: tuple[Row, ...]
    evaluations: tuple[Evaluation, ...]
    fisher_sha256: str | None


def fit(
    settings: TrainSettings, stock: Stock, on_step: Callable[[Told], None], keeping: Keeping | None = None
) -> Fitted:
    """Train on the stock's data; with `keeping`, go on from what was kept, and end at the best checkpoint.

    Raises TrainingDiverged, DiskFull, and what the methods raise. In a run of many processes all of them call it, and
    the main one's model is what counts.
    """
    with prepared_torch(settings):
        base = _base(settings)
        fisher, fisher_sha256 = fisher_of(base, settings, stock)  # before the adapter: it is base's
        model = lora.add_adapter(base, settings.lora, settings.seed, stock.retention)
        keeper = None
        if keeping is not None:
            keeper = Checkpoints(
                keeping.folder,
                keeping.recipe,
                keeping.at,
                keeping.evaluate,
                keeping.patience,
                keeping.most_kl,
                main=is_main(),
            )
        saved = keeper.saved(stock.notice) if keeper is not None else None
        parts = Parts(fisher=fisher, probes=stock.probes, keeper=keeper, saved=saved)
        training = Training(model, stock.feed(settings).rows, stock.padding, settings, parts)
        if saved is not None:
            stock.notice(f"going on after step {saved.step} of {settings.steps}")
        training.run(on_step)
        state = training.state()
        chosen = keeper.chosen() if keeper is not None and is_main() else None
        step, weights = chosen or (state.step, state.shipped)
        if accelerator().distributed_type == DistributedType.FSDP and is_main():
            # The trained one lies in pieces in all processes.
            model = lora.add_adapter(_base(settings), settings.lora, settings.seed, stock.retention)
        if is_main():
            _set_weights(model, weights)
    evaluations = tuple(keeper.evaluations) if keeper is not None else ()
    return Fitted(model, step, state.steps, state.watched, evaluations, fisher_sha256)


def _base(settings: TrainSettings) -> Any:
    device = accelerator().device
    if accelerator().distributed_type == DistributedType.FSDP:  # which moves it piece by piece
        return lora.load_base(settings.base, dtype_on(settings.dtype, device))
    return lora.load_onto(settings.base, settings.dtype, device)


def _set_weights(model: Any, weights: Tensors) -> None:
    unknown = model.load_state_dict(dict(weights), strict=False).unexpected_keys
    if unknown:
        raise ValueError(f"the model has no weights {', '.join(unknown[:3])}")


def fisher_of(base: Any, settings: TrainSettings, stock: Stock) -> tuple[Fisher | None, str | None]:
    """The Fisher of base on retention data, from its sidecar where it was taken before; and the sidecar's hash.

    Both are None where the settings do not ask for EWC. Raises SettingsError where there are no retention data.
    """
    if settings.ewc is None:
        return None, None
    ewc, examples = settings.ewc, _evenly(stock.retention, settings.ewc.samples)
    if not examples:
        raise SettingsError(
            "ewc takes the Fisher on retention data, and there are none",
            hint="Give mix, rehearsal, or a brief with exemplars.",
        )
    origin = fisher_file.Origin(
        base_sha256=stock.base_sha256,
        data_sha256=examples_sha256(examples),
        kind=ewc.fisher,
        samples=len(examples),
        storage=ewc.storage,
        seed=settings.seed,
    )
    path = ewc.sidecar or fisher_file.default_sidecar(settings.base, origin)

    def take() -> Fisher:
        batches = (tensors(examples[n : n + 1], stock.padding) for n in range(len(examples)))
        return estimate(base, batches, ewc.fisher, storage=ewc.storage, seed=settings.seed)

    with accelerator().main_process_first():
        return fisher_file.kept(path, origin, take), file_sha256(path)


def _evenly(examples: Sequence[Example], count: int) -> tuple[Example, ...]:
    """At most `count` of them, evenly over all sources."""
    most = min(count, len(examples))
    return tuple(examples[n * len(examples) // most] for n in range(most))
