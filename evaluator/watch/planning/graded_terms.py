"""From people's grades to a rollout's terms: the file read back, and which calibration of a capability counts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from evaluator.judge.judges.calibration import Calibration
from evaluator.watch.planning.graded import GradedJudges
from evaluator.watch.planning.terms import Measured
from telemetry.codec import explain
from telemetry.errors import UsageError
from telemetry.events import ModelRef


def read_grades(path: Path) -> GradedJudges:
    """What `belay review --report --json` wrote. Raises UsageError where it is no such file."""
    try:
        return GradedJudges.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UsageError(
            f"{path} is no report of grades: {explain(error)}",
            hint="Write one: `belay review --report --json`.",
        ) from error


def check_grades(found: GradedJudges, *, base: ModelRef, candidate: ModelRef, brief_sha256: str) -> None:
    """Raise UsageError where the grades are of other models, or of another brief, than a draft.

    A judge may err otherwise on another candidate's answers, so that the grades of one say nothing of the other's.
    """
    for what, own, wanted in (
        ("base", found.base.sha256, base.sha256),
        ("candidate", found.candidate.sha256, candidate.sha256),
        ("brief", found.brief_sha256, brief_sha256),
    ):
        if own != wanted:
            raise UsageError(
                f"the grades of {found.rollout_id} are of {what} {own[:12]}, the draft is of {wanted[:12]}",
                hint="Grades count for the models and the brief of their rollout.",
            )


def merged(
    audit: Mapping[str, Measured], people: Mapping[str, Measured]
) -> tuple[dict[str, Measured], list[str]]:
    """Of each capability the calibration with more labels, and a line for each that people graded.

    How many labels there are does not depend on what they say, so that choosing by it keeps the bounds.
    """
    found, lines = dict(audit), []
    for name, own in sorted(people.items()):
        other = audit.get(name)
        more = other is None or pairs_worth(own) > pairs_worth(other)
        if more:
            found[name] = own
        told = "no other calibration" if other is None else f"{_labels(other)} of the audit"
        lines.append(
            f"{name}: {_labels(own)} by people, {told}: {'people' if more else 'the audit'} set the terms"
        )
    return found, lines


def pairs_worth(measured: Measured) -> int:
    """Labels as pairs, so that both kinds can be compared: a label of one answer is half a pair."""
    return measured.labels if isinstance(measured, Calibration) else measured.labels // 2


def _labels(measured: Measured) -> str:
    return f"{measured.labels} {'pairs' if isinstance(measured, Calibration) else 'labels'}"
