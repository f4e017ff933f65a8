"""Whether a rollout's models are those that lie here: known by their hashes, the candidate with the audit it names."""

from __future__ import annotations

from pathlib import Path

from router.control.spec_checks import SpecRefused
from serving.models.store import ModelStore, StoredModel
from telemetry.events import ModelRef, RolloutSpec


def check_models(models: Path | None, spec: RolloutSpec) -> None:
    """Raise SpecRefused where the folder has models and the rollout's are not among them, or were audited otherwise.

    A folder without any tells nothing: control may run on another machine than the engines.
    """
    here = (
        {model.manifest.sha256: model for model in ModelStore(models).every()} if models is not None else {}
    )
    if not here:
        return
    for arm, ref in (("base", spec.base), ("candidate", spec.candidate)):
        if ref.sha256 not in here:
            raise _refused(spec, f"its {arm} is {_told(ref)}, which is none of the models in {models}", here)
    if spec.candidate.sha256 != spec.base.sha256:  # base against itself needs no audit
        _check_audit(spec, here[spec.candidate.sha256])


def _check_audit(spec: RolloutSpec, candidate: StoredModel) -> None:
    found, said = candidate.manifest.audit, spec.audit
    if found is None and said.verdict != "pass":
        return  # overridden by name, which is recorded
    if found is None:
        raise SpecRefused(
            f"Start of {spec.rollout_id!r}: candidate {candidate.name!r} has no audit in its manifest",
            hint=f"Audit it: `belay audit {candidate.name}`.",
        )
    if (found.verdict, found.sha256) != (said.verdict, said.sha256):
        raise SpecRefused(
            f"Start of {spec.rollout_id!r}: it names audit {said.sha256[:12]} ({said.verdict}), and candidate "
            f"{candidate.name!r} was audited last by {found.sha256[:12]} ({found.verdict})",
            hint="Draft it anew: `belay rollout draft` takes the audit that the model has now.",
        )


def _told(ref: ModelRef) -> str:
    return f"{ref.name!r} with sha256 {ref.sha256[:12]}"


def _refused(spec: RolloutSpec, why: str, here: dict[str, StoredModel]) -> SpecRefused:
    names = ", ".join(_told(model.ref) for model in here.values())
    return SpecRefused(f"Start of {spec.rollout_id!r}: {why}", hint=f"There are {names}.")
