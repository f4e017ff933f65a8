"""What an audit taught, as it lies beside the audit: weights, and what they are worth. A value."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import ValidationError

from evaluator.judge.judges.calibration import Calibration
from evaluator.judge.judges.learned.features import LIKELIHOOD_NAMES, NAMES
from evaluator.judge.judges.learned.fitting import Fit
from telemetry.errors import AttestationError
from telemetry.events import ModelRef, Value
from telemetry.files import write_renamed

FORMAT: Final = 3
INFORMED_NAMES: Final = (*NAMES, *LIKELIHOOD_NAMES)


class Rate(Value):
    """A mean score over `n` answers, with bounds that hold with 95%; all None without answers."""

    n: int
    low: float | None
    estimate: float | None
    high: float | None


class ArmWorth(Value):
    """How one arm's answers were scored by a fit that had not seen their prompts.

    `of_good` is the mean predicted score of answers that are good (verified score above .5), the sensitivity of a
    graded judge; `of_bad` that of the others, 1 - specificity.
    """

    of_good: Rate
    of_bad: Rate
    predicted: float | None
    true: float | None


class Worth(Value):
    """What a capability's predictions are worth on prompts that were not learnt from.

    `auc` is the chance that a good answer is predicted above a bad one (None where one kind is missing), over the
    answers of both arms. `shift_high` and `hidden_high` are `Calibration`'s, of `labels` pairs.
    """

    control: ArmWorth
    candidate: ArmWorth
    auc: float | None
    shift_high: float
    hidden_high: float
    labels: int

    @property
    def calibration(self) -> Calibration:
        """What the rollout's terms take from it."""
        return Calibration(self.shift_high, self.hidden_high, self.labels)


class LearnedCapability(Value):
    """One capability's weights for the standardised features, in the order of their names."""

    name: str
    weights: tuple[float, ...]
    intercept: float
    lessons: int
    worth: Worth


class Weighed(Value):
    """Weights for the features `names`, standardised by `mean` and `scale`, and what they are worth."""

    names: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    capabilities: tuple[LearnedCapability, ...]

    @cached_property
    def fit(self) -> Fit:
        """The weights as arrays."""
        return Fit(
            np.array(self.mean),
            np.array(self.scale),
            np.array([one.weights for one in self.capabilities]),
            np.array([one.intercept for one in self.capabilities]),
        )


class LearnedModel(Weighed):
    """A fitted judge, bound to what it was made of: features, encoder, brief, base and candidate.

    `informed` is the same with base's likelihoods among the features, for pairs about which base's engine was asked;
    None where it was not asked when this was taught, or told nothing that the other features do not.
    """

    format: int = FORMAT
    encoder: str
    brief_sha256: str
    base: ModelRef
    candidate: ModelRef
    informed: Weighed | None = None

    @cached_property
    def sha256(self) -> str:
        """The hash under which scores name it."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Each capability's row in `fit`, which is the same in `informed`."""
        return {one.name: number for number, one in enumerate(self.capabilities)}

    @property
    def calibrations(self) -> dict[str, Calibration]:
        """For the rollout's terms, by capability: bounds that hold whichever of the two fits judges a pair."""
        found = {one.name: one.worth.calibration for one in self.capabilities}
        for one in self.informed.capabilities if self.informed is not None else ():
            found[one.name] = wider(found[one.name], one.worth.calibration)
        return found


def wider(one: Calibration, other: Calibration) -> Calibration:
    """Bounds that hold of both, and of any mixture."""
    return Calibration(
        max(one.shift_high, other.shift_high),
        max(one.hidden_high, other.hidden_high),
        min(one.labels, other.labels),
    )


def write_model(model: LearnedModel, file: Path) -> None:
    """Put it beside its audit."""
    write_renamed(file, model.model_dump_json(indent=1).encode())


def read_model(file: Path, encoder: str) -> LearnedModel:
    """Raises AttestationError for a file that is none, or that was made with other features or another encoder."""
    try:
        model = LearnedModel.model_validate_json(file.read_bytes())
    except OSError as error:
        raise AttestationError(
            f"no learned judge at {file}", hint="An audit leaves one: `belay audit NAME`."
        ) from error
    except ValidationError as error:
        raise AttestationError(f"{file} is no learned judge: {error}") from error
    informed = INFORMED_NAMES if model.informed is None else model.informed.names
    made = (model.format, model.names, informed, model.encoder)
    if made != (FORMAT, NAMES, INFORMED_NAMES, encoder):
        raise AttestationError(
            f"{file} was made by another version (format {model.format}, encoder {model.encoder}); "
            f"expected format {FORMAT}, encoder {encoder}",
            hint="Audit the candidate again; what was answered is known and not asked again.",
        )
    return model
