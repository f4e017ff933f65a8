"""The gate: from paired differences to one verdict, and what stands in its way, in words."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from pydantic import AwareDatetime, Field, ValidationError

from evaluator.baseline import Binding
from evaluator.brief import Settings
from evaluator.diff import Diff, Verdict
from telemetry.errors import UsageError
from telemetry.events import AuditRef, ModelRef, Value
from telemetry.files import write_renamed

EXIT_CODES: Final[dict[Verdict, int]] = {"pass": 0, "fail": 1, "inconclusive": 3}


class GateSettings(Settings):
    """How sure the gate must be.

    `alpha_fail` bounds the chance that a candidate without any drop beyond its threshold fails: it is shared
    out evenly over the watched capabilities (Bonferroni). `alpha_pass` bounds the chance that a candidate with
    such a drop passes; to pass, every capability must be certain, so it needs no sharing (intersection-union).
    """

    alpha_fail: float = Field(default=0.01, gt=0.0, lt=1.0)
    alpha_pass: float = Field(default=0.01, gt=0.0, lt=1.0)
    worst_pairs: int = Field(default=3, ge=0)


class ItemPair(Value):
    """One item, answered by both."""

    item: str
    prompt: str
    base: str
    candidate: str
    base_value: float | None
    candidate_value: float | None
    candidate_reason: str


class CapabilityAudit(Value):
    """One capability's part of the audit. `at_floor` says why base shows nothing that could be lost.

    `worst` are the items that lost most, at most a few; `lost` counts all that lost anything.
    """

    name: str
    role: Literal["target", "adjacent"]
    critical: bool
    why: str
    at_floor: str | None
    diff: Diff
    lost: int
    gained: int
    worst: tuple[ItemPair, ...]

    @property
    def verdict(self) -> Verdict:
        """The capability's verdict: at the floor nothing can be told, so it never passes and never fails."""
        return self.diff.verdict if self.at_floor is None else "inconclusive"


class Ruling(Value):
    """The gate's verdict and its reasons, the weightiest first."""

    verdict: Verdict
    findings: tuple[str, ...]


class AuditResult(Value):
    """A whole audit, as it is kept. Its hash is the one of its file."""

    verdict: Verdict
    findings: tuple[str, ...]
    brief: str
    brief_version: str
    base: ModelRef
    candidate: ModelRef
    binding: Binding
    settings: GateSettings
    started: AwareDatetime
    seconds: float
    capabilities: tuple[CapabilityAudit, ...]

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 3 inconclusive."""
        return EXIT_CODES[self.verdict]

    @property
    def content(self) -> bytes:
        """The audit's file."""
        return self.model_dump_json(indent=2).encode()

    @property
    def sha256(self) -> str:
        """The hash of `content`."""
        return hashlib.sha256(self.content).hexdigest()

    def to_ref(self, override_by: str | None = None, override_reason: str | None = None) -> AuditRef:
        """The audit as a manifest or rollout names it. An override needs a name and a reason."""
        if (override_by is None) != (override_reason is None) or "" in (override_by, override_reason):
            raise UsageError(
                f"an override came with name {override_by!r} and reason {override_reason!r}, expected both or none",
                hint="Whoever overrides an audit says who they are and why; both are recorded.",
            )
        return AuditRef(
            verdict=self.verdict,
            sha256=self.sha256,
            override_by=override_by,
            override_reason=override_reason,
        )

    def save(self, folder: Path) -> Path:
        """Write `audit.json` into `folder`; its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "audit.json"
        write_renamed(path, self.content)
        return path


def load_audit(path: Path) -> AuditResult:
    """The audit in a file. Raises UsageError where there is none, or it is none."""
    try:
        return AuditResult.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise UsageError(f"no audit at {path}", hint="`belay audit` makes one.") from error
    except ValidationError as error:
        raise UsageError(f"{path} is not an audit: {error}") from error


def judge_audit(capabilities: Sequence[CapabilityAudit]) -> Ruling:
    """The verdict over all capabilities.

    `fail` as soon as one watched capability certainly dropped beyond its threshold; `pass` only where every
    watched one is certain; else `inconclusive`, also where none is watched. Those at the floor have no say,
    and are listed.
    """
    watched = [c for c in capabilities if c.at_floor is None]
    fallen = [c for c in watched if c.verdict == "fail"]
    open_ones = [c for c in watched if c.verdict == "inconclusive"]
    verdict: Verdict = "fail" if fallen else "pass" if watched and not open_ones else "inconclusive"
    findings = [
        *_target(capabilities, fallen),
        *(_fall(c) for c in sorted(fallen, key=lambda c: -(c.diff.gap or 0.0))),
        *_open(open_ones),
        *_floor(capabilities),
    ]
    if not watched:
        findings.insert(0, "No capability is above the floor: there is nothing that this audit could see.")
    return Ruling(verdict=verdict, findings=tuple(findings))


def _target(capabilities: Sequence[CapabilityAudit], fallen: Sequence[CapabilityAudit]) -> list[str]:
    """What became of the target where it improved; beside a fallen capability, the generalization cliff by name."""
    target = next((c for c in capabilities if c.role == "target"), None)
    if target is None or (target.diff.gap or 0.0) >= 0.0:
        return []
    gain = -100 * (target.diff.gap or 0.0)
    sure = "" if target.diff.upper < 0.0 else " (not certain)"
    better = f"the target {target.name} improved by {gain:.0f} points{sure}"
    adjacent = [c.name for c in fallen if c.role == "adjacent"]
    if adjacent:
        return [f"Overfitting: {better}, while {_listed(adjacent)} fell beyond the threshold."]
    return [f"{better[0].upper()}{better[1:]}."]


def _fall(capability: CapabilityAudit) -> str:
    d = capability.diff
    critical = ", which is critical," if capability.critical else ""
    return (
        f"{capability.name}{critical} fell by {100 * (d.gap or 0.0):.0f} points, certainly by more than "
        f"{100 * d.lower:.0f}; tolerated are {100 * d.threshold:g}."
    )


def _open(undecided: Sequence[CapabilityAudit]) -> list[str]:
    """What is not certain: first where more items might tell, then where there are too few to pass at all."""
    needed = {c.name: items_to_pass(c.diff.threshold, c.diff.alpha_pass) for c in undecided}
    close = [c.name for c in undecided if c.diff.n >= needed[c.name]]
    few = [f"{c.name} ({c.diff.n} of {needed[c.name]})" for c in undecided if c.diff.n < needed[c.name]]
    found = []
    if close:
        found.append(f"Not certain, more items would tell: {_listed(close)}.")
    if few:
        found.append(f"Fewer items than a pass takes even if nothing is lost: {_listed(few)}.")
    return found


def _floor(capabilities: Sequence[CapabilityAudit]) -> list[str]:
    named = [f"{c.name} ({c.at_floor})" for c in capabilities if c.at_floor]
    return [f"At the floor, without a say: {_listed(named)}."] if named else []


def items_to_pass(threshold: float, alpha: float) -> int:
    """The fewest items from which any method could tell, with error `alpha`, that no drop exceeds `threshold`.

    With n items and nothing lost, a true loss of `threshold` has still the probability (1 - threshold)**n.
    """
    return math.ceil(math.log(alpha) / math.log1p(-threshold))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
