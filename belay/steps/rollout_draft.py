"""What `belay rollout draft` does: everything that a rollout fixes before it starts, out of what lies in the home."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from belay.home import Home
from belay.steps.brief_loading import read_brief
from belay.steps.stages import parse_stages
from belay.steps.teaching import calibrations_of
from evaluator.audit.baseline import load_baseline
from evaluator.watch.evidence.of_keys import most_of
from evaluator.watch.planning.graded import GradedJudges
from evaluator.watch.planning.graded_terms import check_grades, merged
from evaluator.watch.planning.terms import Measured, rollout_spec, stages_of
from serving.models.store import ModelStore, StoredModel
from telemetry.errors import BaselineError, UsageError
from telemetry.events import DEFAULT_ROUTE, AdvancePolicy, AuditRef, RolloutSpec
from telemetry.files import write_renamed

_HEAD = """# A rollout: everything that is fixed when it starts. `belay rollout start {name}` starts it.
# guardrails watch errors, refusals and latency too, for example:
#   - {{kind: errors, threshold: 0.02}}
#   - {{kind: latency, threshold: 0.1, limit_ms: 20000}}
# A stage may say for how long it lasts at least (min_hours: 24). When the machine promotes nothing, and what becomes of
# a rollout that nobody watches, for example:
#   windows: [{{days: [fri, sat, sun]}}, {{begin: "18:00", end: "08:00", zone: Europe/Berlin}}]
#   blind: {{after_minutes: 30, then: pause}}
# How much of the evidence one API key may be, where keys belong to many (most_of_key: 0.03 is three of any hundred).
# What people grade while it runs (`belay review --pairs`) is evidence where it has a part of alpha (people: 0.25).
"""


def draft(
    home: Home,
    brief: Path,
    candidate: str,
    *,
    alias: str,
    stages: str,
    advance: AdvancePolicy,
    shadow: float,
    override_by: str,
    override_reason: str,
    grades: GradedJudges | None = None,
    people: bool = False,
    most_of_key: float | None = None,
    route: str = DEFAULT_ROUTE,
    say: Callable[[str], None] = lambda _: None,
) -> RolloutSpec:
    """The rollout of a candidate against base on a router's `route`.

    What was measured of the judge that its audit taught moves the thresholds, or what people's `grades` measured where
    they have more labels; `say` is told which. With `people` what they grade during the rollout is part of its
    evidence; `most_of_key` bounds one API key's part of it. Raises BaselineError where the baseline is not of this
    brief, UsageError where its audit did not pass and nobody overrides, or where the grades are of other models or
    another brief.
    """
    loaded = read_brief(brief)
    store = ModelStore(home.models)
    model = store.get(candidate)
    base = store.base_of(model)
    baseline = load_baseline(home.baselines, base.manifest.sha256)
    if baseline.binding.brief_sha256 != loaded.sha256:
        raise BaselineError(
            f"the baseline in {home.baselines} was recorded for another version of {brief}",
            hint="Record it for this one: `belay baseline`.",
        )
    calibrations: Mapping[str, Measured] = calibrations_of(home, loaded, model)
    if grades is not None:
        check_grades(grades, base=base.ref, candidate=model.ref, brief_sha256=loaded.sha256)
        calibrations, lines = merged(calibrations, grades.calibrations)
        for line in lines or [
            f"the grades of {grades.rollout_id} have no calibration: it takes pairs of which both answers are graded"
        ]:
            say(line)
    spec = rollout_spec(
        loaded,
        baseline,
        base=base.ref,
        candidate=model.ref,
        alias=alias,
        stages=stages_of(parse_stages(stages), advance),
        shadow=shadow,
        audit=_audit(model, override_by, override_reason),
        advance=advance,
        calibrations=calibrations,
        people=people,
        most_of_key=most_of_key,
    )
    return spec.model_copy(update={"route": route})


def write_draft(path: Path, spec: RolloutSpec) -> None:
    """Write the rollout's file, for people to read and change."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = yaml.safe_dump(spec.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    write_renamed(path, (_HEAD.format(name=path.name) + content).encode())


def terms_lines(spec: RolloutSpec) -> list[str]:
    """What judges each capability, its threshold as the judge's error leaves it, and which cannot roll back."""
    lines = []
    for c in spec.capabilities:
        own = (
            ""
            if c.tolerated is None
            else f" (the brief's {100 * c.tolerated:.3g}, moved by the judge's error)"
        )
        say = "" if c.unwatched is None else f"; not watched: {c.unwatched}"
        lines.append(f"{c.name}: judged by {c.judged_by}, threshold {100 * c.threshold:.3g} points{own}{say}")
    if spec.people:
        lines.append(
            f"people's grades of pairs (`belay review --pairs`) may roll it back, with {spec.people:.0%} of alpha, and "
            "refute a judge"
        )
    if spec.most_of_key is not None:
        lines.append(
            f"of any 100 pairs, and units, of a capability one API key's are at most {most_of(spec.most_of_key)}"
        )
    for number, stage in enumerate(spec.stages if spec.advance == "evidence" else ()):
        unable = [c.name for c in spec.capabilities if c.watched and c.judged_margin(stage.margin) is None]
        if unable:
            lines.append(
                f"stage {number} will not be promoted by evidence: the error of the judge of {', '.join(unable)} may "
                "hide its whole margin"
            )
    if holding := [c.name for c in spec.capabilities if c.holds and spec.advance == "evidence"]:
        lines.append(
            f"no stage will be promoted by evidence: no judge can prove anything of {', '.join(holding)}. Calibrate "
            "one (`belay review --pairs` on a rollout of it, then --grades), or draft it with "
            "--advance schedule or manual"
        )
    return lines


def unbounded_keys(spec: RolloutSpec, *, keys_wanted: bool) -> str | None:
    """What to say of a rollout whose router wants API keys, and that bounds none of them; None where nothing is."""
    if not keys_wanted or spec.most_of_key is not None:
        return None
    return (
        "the router wants API keys, and one key may be all of the evidence: bound its part with --most-of-key 0.03, or "
        "most_of_key in the file"
    )


def _audit(model: StoredModel, override_by: str, override_reason: str) -> AuditRef:
    audit, name = model.manifest.audit, model.name
    if audit is None:
        raise UsageError(
            f"{model.folder} has no audit: no passing audit, no rollout",
            hint=f"Audit it: `belay audit {name}`.",
        )
    if audit.verdict == "pass":
        return audit
    if not (override_by and override_reason):
        raise UsageError(
            f"the audit of {name} is {audit.verdict!r}: no passing audit, no rollout",
            hint="An override is possible, named and recorded: --override-by YOU --override-reason WHY.",
        )
    return audit.model_copy(update={"override_by": override_by, "override_reason": override_reason})
