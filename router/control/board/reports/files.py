"""What is read of `audit.json`, `training.json` and `manifest.json`: the fields that are shown, and no others. Pure.

Their own definitions are evaluator/audit/result.py, trainer/scoring/records.py and serving/models/manifest.py; a file
of another version is read as far as these fields go.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from router.control.board.reports.told import AuditTold, AuditVerdict, Checkpoint, Measured, TrainingTold


class Read(BaseModel):
    """A value of a file that may have more than is asked for."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Model(Read):
    """A model by name and hash."""

    name: str
    sha256: str


class Measure(Read):
    """One measure of an audit; `gap` is base - candidate."""

    base_mean: float | None
    candidate_mean: float | None
    gap: float | None
    lower: float
    upper: float
    verdict: AuditVerdict
    at_floor: str | None = None
    not_measured: str | None = None
    unable: str | None = None


class AuditedCapability(Read):
    """One capability of an audit, the measure by its own items first."""

    name: str
    role: Literal["target", "adjacent"]
    measures: tuple[Measure, ...]

    @property
    def verdict(self) -> AuditVerdict:
        """It fails with any of its measures, and passes with all that have a say."""
        verdicts = {one.verdict for one in self.measures if one.at_floor is None}
        if "fail" in verdicts:
            return "fail"
        return "pass" if verdicts == {"pass"} else "inconclusive"


class Cost(Read):
    """What an audit asked."""

    calls: int | None = None


class AuditFile(Read):
    """`audit.json`."""

    verdict: AuditVerdict
    findings: tuple[str, ...]
    base: Model
    candidate: Model
    brief: str
    started: AwareDatetime
    seconds: float
    cost: Cost = Cost()
    capabilities: tuple[AuditedCapability, ...]

    def told(self, name: str) -> AuditTold:
        """The audit in the folder of this name."""
        capabilities = tuple(_measured(one) for one in self.capabilities if one.measures)
        target = next((one for one in capabilities if one.role == "target"), None)
        return AuditTold(
            name=name,
            at=self.started,
            seconds=self.seconds,
            verdict=self.verdict,
            findings=self.findings,
            base=self.base.name,
            candidate=self.candidate.name,
            candidate_sha256=self.candidate.sha256,
            brief=self.brief,
            base_target=target.base if target is not None else None,
            target=target.candidate if target is not None else None,
            retention=retention(
                [
                    (one.base, one.candidate)
                    for one in capabilities
                    if one.role == "adjacent" and not one.silent
                ]
            ),
            capabilities=capabilities,
            calls=self.cost.calls,
        )


class ScoredCapability(Read):
    """One capability at one checkpoint."""

    role: Literal["target", "adjacent"]
    base: float | None
    candidate: float | None
    verdict: AuditVerdict
    floor: str | None = None


class EvaluatedStep(Read):
    """One checkpoint's evaluation."""

    step: int
    capabilities: tuple[ScoredCapability, ...]

    def told(self) -> Checkpoint:
        """What it is worth."""
        kept = [one for one in self.capabilities if one.floor is None]
        adjacent = [(one.base, one.candidate) for one in kept if one.role == "adjacent"]
        return Checkpoint(
            step=self.step,
            target=next((one.candidate for one in self.capabilities if one.role == "target"), None),
            retention=retention(adjacent),
            fallen=sum(one.verdict == "fail" for one in kept),
        )


class Source(Read):
    """Data that was trained on."""

    name: str
    examples: int


class MergeTaken(Read):
    """The weights between base and fine-tune."""

    method: str
    weights: tuple[float, ...]


class TrainingFile(Read):
    """`training.json`."""

    sources: tuple[Source, ...]
    learning_rate: float
    steps: int
    checkpoint: int
    alarms: tuple[str, ...] = ()
    evaluations: tuple[EvaluatedStep, ...] = ()
    merge: MergeTaken

    def told(self, name: str, manifest: ManifestFile) -> TrainingTold:
        """The training in the folder of this name."""
        checkpoints = tuple(one.told() for one in self.evaluations)
        taken = next((one for one in checkpoints if one.step == self.checkpoint), None)
        target = next(
            (c.base for one in self.evaluations for c in one.capabilities if c.role == "target"), None
        )
        weights = ", ".join(f"{weight:g}" for weight in self.merge.weights)
        return TrainingTold(
            name=name,
            at=manifest.created,
            base_sha256=manifest.base_sha256,
            recipe=manifest.recipe,
            steps=self.steps,
            checkpoint=self.checkpoint,
            learning_rate=self.learning_rate,
            examples=sum(source.examples for source in self.sources),
            alarms=len(self.alarms),
            merge="none" if self.merge.weights == (1.0,) else f"{self.merge.method} at {weights}",
            checkpoints=checkpoints,
            measured=None if taken is None else "checkpoint",
            verdict=None,
            base_target=target if taken is not None else None,
            target=taken.target if taken is not None else None,
            retention=taken.retention if taken is not None else None,
        )


class ManifestFile(Read):
    """`manifest.json`."""

    kind: str
    created: AwareDatetime
    base_sha256: str | None = None
    settings: dict[str, Any] = {}
    training: dict[str, Any] = {}

    @property
    def trained(self) -> bool:
        """Whether a training of ours made it."""
        return bool(self.training)

    @property
    def recipe(self) -> tuple[str, ...]:
        """What was done beyond the target's data, in some words."""
        lora = self.settings.get("lora")
        variant = lora.get("variant") if isinstance(lora, dict) else None
        words = [str(variant or "lora")]
        for key, word in _PARTS.items():
            value = self.settings.get(key)
            if value:
                share = value.get("share") if isinstance(value, dict) else None
                words.append(f"{word} {share:.0%}" if isinstance(share, int | float) else word)
        return tuple(words)


_PARTS = {
    "mix": "mixed data",
    "rehearsal": "rehearsal",
    "ewc": "EWC",
    "sam": "SAM",
    "checkpoints": "checkpoints",
    "sweep": "sweep",
}


def retention(pairs: list[tuple[float | None, float | None]]) -> float | None:
    """1 - mean of (base - candidate) / base, of those where base is above 0; None where there are none.

    As `Evaluation.retention` of trainer/scoring/checkpoints.py.
    """
    kept = [candidate / base for base, candidate in pairs if base and candidate is not None]
    return sum(kept) / len(kept) if kept else None


def _measured(one: AuditedCapability) -> Measured:
    items = one.measures[0]
    silent = items.at_floor or items.not_measured or items.unable
    told = items.gap is not None
    return Measured(
        name=one.name,
        role=one.role,
        base=items.base_mean,
        candidate=items.candidate_mean,
        change=None if items.gap is None else -items.gap,
        low=-items.upper if told else None,
        high=-items.lower if told else None,
        verdict=one.verdict,
        silent=silent,
    )
