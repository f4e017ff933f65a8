"""What an audit found, as it is kept: measures, capabilities, the whole. Values only."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, Literal

from pydantic import AwareDatetime, ValidationError

from evaluator.audit.baseline import Binding
from evaluator.audit.diff.paired_set import Verdict
from evaluator.audit.diff.settings import GateSettings
from evaluator.audit.state import Stop
from telemetry.errors import UsageError
from telemetry.events import AuditRef, ModelRef, Value
from telemetry.files import write_renamed

EXIT_CODES: Final[dict[Verdict, int]] = {"pass": 0, "fail": 1, "inconclusive": 3}


class ItemPair(Value):
    """One item, answered by both. `drop` is base's score minus the candidate's."""

    item: str
    prompt: str
    base: str
    candidate: str
    base_value: float
    candidate_value: float
    candidate_reason: str

    @property
    def drop(self) -> float:
        """How much this item lost."""
        return self.base_value - self.candidate_value


class NllChange(Value):
    """Change of the gold answers' negative log-likelihood, candidate minus base, in nats per token: above 0 is worse.

    Over the `n` items for which both were measured; `lower` and `upper` hold at 95%, approximately (see `nll`).
    """

    n: int
    base: float
    candidate: float
    change: float
    lower: float
    upper: float


class MeasureAudit(Value):
    """One measure's part of the audit; `gap` is the mean over draws of base minus candidate, so a drop is positive.

    `items` are all that the measure has, `asked` those that both answered, `unscored` those of them in which one side
    has no score: they are absent from means and gap, but not from the bounds, which hold whatever their scores would
    have been. P(true gap < lower) <= alpha_fail and P(true gap > upper) <= alpha_pass, at all times together.
    `fail_beyond` and `pass_within` are the threshold as the judge's errors move it. `at_floor` says why base shows
    nothing that could be lost, `not_measured` that there are no scores to compare, and why, `unable` why nothing can
    be told here, `no_pass` why a pass cannot be proved.
    `worst` are the items that lost most, at most a few; `lost` counts all that lost anything.
    """

    capability: str
    name: str
    version: str
    items: int
    asked: int
    draws: int
    unscored: int
    base_mean: float | None
    candidate_mean: float | None
    gap: float | None
    lower: float
    upper: float
    threshold: float
    fail_beyond: float
    pass_within: float | None
    alpha_fail: float
    alpha_pass: float
    p_fail: float
    p_pass: float
    at_floor: str | None
    not_measured: str | None = None
    unable: str | None
    no_pass: str | None
    stopped: Stop
    verdict: Verdict
    lost: int
    gained: int
    worst: tuple[ItemPair, ...]
    nll: NllChange | None

    @property
    def label(self) -> str:
        """Capability and measure, unique in an audit."""
        return f"{self.capability}/{self.name}"

    @property
    def silent(self) -> str | None:
        """Why it says nothing of the candidate; None where it does."""
        return self.at_floor or self.not_measured or self.unable


class CapabilityAudit(Value):
    """One capability's part of the audit: the brief's items first, then its benchmarks."""

    name: str
    role: Literal["target", "adjacent"]
    critical: bool
    why: str
    measures: tuple[MeasureAudit, ...]

    @property
    def watched(self) -> tuple[MeasureAudit, ...]:
        """The measures that have a say: all but those at the floor."""
        return tuple(m for m in self.measures if m.at_floor is None)

    @property
    def at_floor(self) -> str | None:
        """Why nothing that could be lost shows in any of its measures, or None where it does in one."""
        return None if self.watched else self.measures[0].at_floor

    @property
    def not_measured(self) -> str | None:
        """Why none of the measures that have a say has scores to compare, or None where one has, or none has a say."""
        reasons = [m.not_measured for m in self.watched]
        return reasons[0] if reasons and all(reasons) else None

    @property
    def verdict(self) -> Verdict:
        """Fails with any of its measures, passes with all that have a say; at the floor it does neither."""
        verdicts = {m.verdict for m in self.watched}
        if "fail" in verdicts:
            return "fail"
        return "pass" if verdicts == {"pass"} else "inconclusive"

    @property
    def items(self) -> MeasureAudit:
        """The measure by the brief's own items."""
        return self.measures[0]


class JudgeCalibration(Value):
    """What the judge suite says of one capability's judge, each rate with its confidence bounds."""

    capability: str
    answers: int
    mistakes: int
    tells_apart: bool
    sensitivity: tuple[float, float, float]
    specificity: tuple[float, float, float]


class Cost(Value):
    """What the audit asked. `full` is what asking both models every item would have been, in items.

    `candidate_asked` and `base_asked` were answered by an engine for this audit; the rest came from the cache or the
    baseline. `calls` and `tokens` are the chats among them and what they generated, None where nobody counted;
    a benchmark by lm-eval is no chat. `damaged` answers of the cache were asked again.
    """

    full: int
    candidate_asked: int
    candidate_reused: int
    base_asked: int
    base_reused: int
    damaged: int = 0
    calls: int | None = None
    tokens: int | None = None


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
    cost: Cost
    judges: tuple[JudgeCalibration, ...]
    capabilities: tuple[CapabilityAudit, ...]

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 3 inconclusive."""
        return EXIT_CODES[self.verdict]

    @property
    def measures(self) -> tuple[MeasureAudit, ...]:
        """Every measure, in the brief's order."""
        return tuple(m for c in self.capabilities for m in c.measures)

    @property
    def content(self) -> bytes:
        """The audit's file."""
        return self.model_dump_json(indent=2).encode()

    @property
    def sha256(self) -> str:
        """The hash of `content`."""
        return hashlib.sha256(self.content).hexdigest()

    def to_ref(
        self,
        *,
        approved_by: str | None = None,
        override_by: str | None = None,
        override_reason: str | None = None,
    ) -> AuditRef:
        """The audit as a manifest or rollout names it.

        Only a passing audit can be approved, only another one overridden, and that takes a name and a reason.
        Raises UsageError.
        """
        if approved_by is not None and (self.verdict != "pass" or not approved_by.strip()):
            raise UsageError(
                f"an audit with verdict {self.verdict!r} cannot be approved by {approved_by!r}",
                hint="A passing audit is approved by name; any other takes an override: `belay override`.",
            )
        if override_by is not None or override_reason is not None:
            self._check_override(override_by, override_reason)
        return AuditRef(
            verdict=self.verdict,
            sha256=self.sha256,
            approved_by=approved_by,
            override_by=override_by,
            override_reason=override_reason,
        )

    def _check_override(self, by: str | None, reason: str | None) -> None:
        if self.verdict == "pass":
            raise UsageError(
                "the audit passed: there is nothing to override", hint="Approve it: --approve-by."
            )
        if not (by or "").strip() or not (reason or "").strip():
            raise UsageError(
                f"an override came with name {by!r} and reason {reason!r}, expected both",
                hint="Whoever overrides an audit says who they are and why; both are recorded.",
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
