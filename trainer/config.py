"""How a candidate is trained. Cheap to import: neither torch nor transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from evaluator.briefs.judges import JudgeAddress
from telemetry.settings import Settings, load_document

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
Targets = Literal["all-linear", "mlp", "attention"] | tuple[str, ...]
ANSWER_PHRASE = "The answer is {answer}."
_PATHS = ("base", "data", "output", "brief")


class LoraSettings(Settings):
    """The low-rank adapter. `targets` names the linear layers that get one; `all-linear` is every one of them.

    `mlp` is those of each decoder layer's feed-forward part, `attention` those of its attention.

    `variant` is peft's: `dora` (weight-decomposed), `rslora` (scaled by 1/sqrt(r)), `corda` (initialised from the
    covariance of the retention data), `osf` (orthogonal subspace fine-tuning of the `rank` smallest
    singular components); `oplora` is ours: no change in the `keep` largest singular directions of each weight.
    """

    rank: Count = 16
    alpha: Positive = 32.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    targets: Targets = "all-linear"
    variant: Literal["lora", "dora", "rslora", "corda", "osf", "oplora"] = "lora"
    keep: Count = 16

    @model_validator(mode="after")
    def _keeps_what_it_can(self) -> LoraSettings:
        if self.keep != LoraSettings.model_fields["keep"].default and self.variant != "oplora":
            raise ValueError(f"lora.keep is oplora's, and the variant is {self.variant}: leave it out")
        return self


class SourceSettings(Settings):
    """Data mixed in beside the target's: `share` of every batch comes from `path`.

    `format` auto goes by the ending: `.jsonl` and `.parquet` hold dialogues under `messages` or a `prompt` and a
    `response`, `.tsv` question, answer, rationale as FLAN's chain-of-thought files have them; of those the
    rationale is learnt and then `answer_phrase`. `limit` takes only so many, spread evenly over the file.
    """

    path: Path
    share: Annotated[float, Field(gt=0, lt=1)]
    format: Literal["auto", "jsonl", "parquet", "tsv"] = "auto"
    limit: Count | None = None
    answer_phrase: Annotated[str, Field(pattern=r"\{answer\}")] = ANSWER_PHRASE


class RehearsalSettings(Settings):
    """Self-synthesized rehearsal: base answers prompts of the adjacent capabilities, and its answers are replayed.

    The prompts are the brief's exemplars, or the lines of `prompts` (JSONL `{"capability", "prompt"}`), or both;
    `self_generated` more of each capability are written by base from those. `share` of every batch is rehearsal,
    the same of each capability. `general` prompts of those that ship, of every topic as many, are answered by base
    beside them, and take `general_share` of the rehearsal as a whole; all of it where there are no others. `kl`
    weighs KL(base || candidate) on the rehearsed tokens beside their cross entropy; it needs an adapter that can be
    switched off, which osf is not. With `learn` false there is no cross entropy on them: the KL alone, which asks
    nothing of a model that still answers as base does.
    """

    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    prompts: Path | None = None
    exemplars: bool = True
    self_generated: Annotated[int, Field(ge=0)] = 0
    general: Annotated[int, Field(ge=0)] = 0
    general_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    max_new_tokens: Count = 64
    kl: Annotated[float, Field(ge=0)] = 0.0
    learn: bool = True

    @model_validator(mode="after")
    def _has_prompts(self) -> RehearsalSettings:
        if not self.named and self.general == 0:
            raise ValueError(
                "there is nothing to rehearse: give 'prompts' or 'general', or leave 'exemplars' on"
            )
        if not self.named and self.self_generated > 0:
            raise ValueError(
                "'self_generated' prompts follow those of capabilities, and there are none: give 'prompts', or leave "
                "'exemplars' on"
            )
        if not self.learn and self.kl == 0:
            raise ValueError("without 'learn' rehearsal acts through 'kl' alone: set it above 0")
        return self

    @property
    def named(self) -> bool:
        """Whether prompts of capabilities are rehearsed, and not general ones alone."""
        return self.exemplars or self.prompts is not None


class TargetLossSettings(Settings):
    """How the target's tokens are learnt, where not by plain cross entropy; what is mixed in or rehearsed is not meant.

    `weigh` takes each token's cross entropy times the entropy of the candidate's prediction (EAFT) or the probability
    of the label in it (DFT). Tokens to which base gives a perplexity above `most_perplexity` are not learnt
    (STM). `kl` weighs KL(base || candidate) at every token of the target, `kl_without_label` of the
    distributions without the label. `most_perplexity` and `kl` need an adapter that can be switched off, which osf
    is not.
    """

    weigh: Literal["none", "entropy", "probability"] = "none"
    most_perplexity: Annotated[float, Field(gt=1)] | None = None
    kl: Annotated[float, Field(ge=0)] = 0.0
    kl_without_label: bool = False

    @property
    def needs_base(self) -> bool:
        """Whether base has to read the target too."""
        return self.kl > 0 or self.most_perplexity is not None

    @model_validator(mode="after")
    def _label_is_left_out_of_something(self) -> TargetLossSettings:
        if self.kl_without_label and self.kl == 0:
            raise ValueError("'kl_without_label' says which divergence 'kl' weighs: set 'kl' above 0")
        return self


class DecontaminationSettings(Settings):
    """Training examples that share `ngram` words in a row with any benchmark item are dropped and reported.

    Words that more than `common` items share are the benchmark's template and tell nothing.
    """

    ngram: Annotated[int, Field(ge=3)] = 8
    common: Count = 10


class EwcSettings(Settings):
    """EWC on the adapter's product: strength/2 * sum_ij F_ij * (s*BA)_ij^2, F the diagonal Fisher of base.

    `fisher` empirical squares the gradients of the data's own tokens, true those of tokens drawn from the model.
    It is taken over `samples` retention examples: of `mix` and `rehearsal`, and where there is neither, base's answers
    to the brief's exemplars. It is stored once at `sidecar` (beside the base where None). At a
    strength of 1000 the penalty was about the KL divergence from base per retention token (docs/trainer.md).
    """

    strength: Positive = 1000.0
    fisher: Literal["empirical", "true"] = "empirical"
    samples: Count = 64
    storage: Literal["bfloat16", "factored"] = "bfloat16"
    sidecar: Path | None = None


class SamSettings(Settings):
    """Sharpness-aware minimisation of the adapter: the gradient is taken at distance `rho` uphill.

    `layers` below 1 is the sparse variant: only that fraction of layers, those with the largest gradient norms,
    is perturbed. `every` takes the second gradient each so many steps and reuses its direction in between.
    """

    rho: Positive = 0.05
    layers: Annotated[float, Field(gt=0, le=1)] = 1.0
    every: Count = 1


class AveragingSettings(Settings):
    """The adapter's weights are averaged over the `last` part of the steps, after each; the mean is what ships.

    Checkpoints in that part are evaluated, and kept to choose from, as the mean is after them.
    """

    last: Annotated[float, Field(gt=0, le=1)] = 0.25


class PruneSettings(Settings):
    """Of each layer's weight change only the `keep` of entries that are worth what they forget is merged.

    The metric is in `trainer.merging.pruning`. Only the merged model is pruned: the adapter's folder holds all.
    """

    keep: Annotated[float, Field(gt=0, lt=1)] = 0.1


class MergeSettings(Settings):
    """Interpolation between base and fine-tuned: weight 1 is the fine-tuned model, 0 is base.

    With more than one weight, the heaviest whose capabilities all stay within their thresholds on `items` tuning items
    each is taken. `groups` searches a weight for each third of the layers, after the common one.
    """

    method: Literal["linear", "slerp"] = "linear"
    weights: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], Field(min_length=1)] = (1.0,)
    groups: bool = False
    items: Count = 32
    prune: PruneSettings | None = None

    @property
    def keep(self) -> float:
        """The part of each layer's change that is merged; 1 where nothing is pruned."""
        return self.prune.keep if self.prune is not None else 1.0


class CheckpointSettings(Settings):
    """Every `every` steps the training is saved, to go on from after a kill, and the capability suite asked.

    It asks at most `items` tuning items a capability; 0 save without asking. Training stops early once `patience`
    evaluations in a row brought nothing new to the Pareto front. The best checkpoint is the one that is merged.

    Where it asks, KL(candidate || base) is measured too, in nats a token, on the candidate's own answers to at most
    `kl_prompts` of the target's tuning prompts. A checkpoint above `most_kl` is the last one, and is not merged unless
    there is no other.
    """

    every: Count = 10
    items: Annotated[int, Field(ge=0)] = 0
    patience: Count = 3
    kl_prompts: Count = 16
    most_kl: Positive | None = None

    @model_validator(mode="after")
    def _measures_kl(self) -> CheckpointSettings:
        if self.most_kl is not None and self.items == 0:
            raise ValueError(
                "'most_kl' chooses between checkpoints that the suite is asked of: set 'items' above 0"
            )
        return self


class WatchingSettings(Settings):
    """What is logged of each layer: gradient and update norms at each step, the rest every `every` steps.

    The rest is measured on `probes` short prompts. A layer whose gradient or update norm exceeds `alarm` times its
    median so far runs away: it is told.
    """

    every: Count = 10
    probes: Count = 4
    alarm: Annotated[float, Field(gt=1)] = 20.0


Tracker = Literal["tensorboard", "mlflow", "wandb", "prometheus"]


class SweepSettings(Settings):
    """Tries every learning rate, each with every number of steps, and keeps the best on the target.

    Scored on `items` of the target's tuning items, never on those of the audit.
    """

    learning_rates: Annotated[tuple[Positive, ...], Field(min_length=1)]
    steps: Annotated[tuple[Count, ...], Field(min_length=1)]
    items: Count = 64


class TrainSettings(Settings):
    """One fine-tune: from which base, on which data, into which folder, and how hard.

    `data` is the target's. `steps` are optimiser steps of `batch_size` dialogues, each cut after `max_length`
    tokens; with `packing`, of `batch_size` sequences that are filled with dialogues. The learning rate rises over
    `warmup_steps`, stays, and falls linearly towards 0 over the last `decay` of all steps (0: it stays to the end;
    warm-up, stable, decay: Hu et al. 2024, https://arxiv.org/abs/2404.06395). What `mix` and `rehearsal`
    take of each batch, the target's data lose. `brief` gives rehearsal its prompts, checkpoints their items and
    decontamination its benchmarks; `judges` are the addresses of those that it knows by name. `threads` of None uses
    every core; results repeat bit by bit only for the same number of threads. `track` also tells these tools of every
    step, where they are installed: on this machine only.
    """

    base: Path
    data: Path
    output: Path
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    brief: Path | None = None
    judges: dict[str, JudgeAddress] = Field(default_factory=dict)
    lora: LoraSettings = LoraSettings()
    learning_rate: Positive = 1e-3
    warmup_steps: Annotated[int, Field(ge=0)] = 3
    decay: Share = 0.0
    steps: Count = 30
    batch_size: Count = 8
    max_length: Annotated[int, Field(gt=1)] = 256
    packing: bool = False
    max_grad_norm: Positive = 1.0
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    seed: int = 7
    threads: Count | None = None
    mix: tuple[SourceSettings, ...] = ()
    rehearsal: RehearsalSettings | None = None
    target: TargetLossSettings | None = None
    decontaminate: DecontaminationSettings | None = None
    ewc: EwcSettings | None = None
    sam: SamSettings | None = None
    average: AveragingSettings | None = None
    merge: MergeSettings = MergeSettings()
    checkpoints: CheckpointSettings | None = None
    watch: WatchingSettings | None = WatchingSettings()
    sweep: SweepSettings | None = None
    track: tuple[Tracker, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> TrainSettings:
        taken = sum(source.share for source in self.mix) + (self.rehearsal.share if self.rehearsal else 0.0)
        if taken >= 1.0:
            raise ValueError(
                f"mix and rehearsal take {taken:g} of every batch, which leaves the target nothing"
            )
        wanting = {
            "rehearsal": self.rehearsal is not None and self.rehearsal.exemplars,
            "checkpoints.items": self.checkpoints is not None and self.checkpoints.items > 0,
            "decontaminate": self.decontaminate is not None,
            "merge.weights": len(self.merge.weights) > 1,
            "sweep": self.sweep is not None,
        }
        if self.brief is None and any(wanting.values()):
            names = ", ".join(name for name, wants in wanting.items() if wants)
            raise ValueError(f"{names}: needs the capability brief; give 'brief'")
        if self.ewc is not None and self.lora.variant in ("dora", "osf"):
            raise ValueError(f"ewc needs a change that is the product BA, which {self.lora.variant}'s is not")
        _require_base_below(self)
        return self


def _require_base_below(settings: TrainSettings) -> None:
    """Raise ValueError for what asks base under an adapter that cannot be switched off."""
    target = settings.target or TargetLossSettings()
    wanting = {
        "rehearsal.kl": settings.rehearsal is not None and settings.rehearsal.kl > 0,
        "checkpoints.most_kl": settings.checkpoints is not None and settings.checkpoints.most_kl is not None,
        "target.most_perplexity": target.most_perplexity is not None,
        "target.kl": target.kl > 0,
    }
    names = ", ".join(name for name, wants in wanting.items() if wants)
    if names and settings.lora.variant == "osf":
        raise ValueError(f"{names}: needs base under the adapter, and osf trains base's own weights")


def load_train_settings(path: Path) -> TrainSettings:
    """Read settings from YAML; relative paths count from the file's folder.

    Raises SettingsError that says which key is wrong, and which one may have been meant.
    """
    return beside(load_document(path, TrainSettings), path.parent)


def beside(settings: TrainSettings, folder: Path) -> TrainSettings:
    """The same settings with every relative path counted from `folder`."""
    changed: dict[str, Any] = {
        key: folder / value for key in _PATHS if (value := getattr(settings, key)) is not None
    }
    changed["mix"] = tuple(s.model_copy(update={"path": folder / s.path}) for s in settings.mix)
    if settings.rehearsal is not None and settings.rehearsal.prompts is not None:
        prompts = folder / settings.rehearsal.prompts
        changed["rehearsal"] = settings.rehearsal.model_copy(update={"prompts": prompts})
    if settings.ewc is not None and settings.ewc.sidecar is not None:
        changed["ewc"] = settings.ewc.model_copy(update={"sidecar": folder / settings.ewc.sidecar})
    return settings.model_copy(update=changed)
