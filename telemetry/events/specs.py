"""Everything about a rollout that is fixed when it starts."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from telemetry.events.base import DAYS, AdvancePolicy, Day, Fraction, Value


class CapabilityWatch(Value):
    """What the test needs to know of one capability, its judge's error included.

    `threshold` is what the test uses; `tolerated` is the brief's own where the error of `judged_by` moved it. A true
    drop of `margin` shows as at least `judged_margin(margin)`. A capability that is not watched says why in
    `unwatched`; where it `holds`, a drop that its judge sees holds the rollout, which no evidence then promotes, and
    does not roll it back.
    """

    name: str
    role: Literal["target", "adjacent"]
    threshold: Annotated[float, Field(gt=0.0, lt=1.0)]
    weight: Annotated[float, Field(ge=0.0, le=1.0)]
    watched: bool = True
    judged_by: str = "program"
    tolerated: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    judge_power: Fraction = 1.0
    judge_hides: Annotated[float, Field(ge=0.0, le=2.0)] = 0.0
    unwatched: str | None = None
    holds: bool = False

    @model_validator(mode="after")
    def _what_only_holds_is_not_watched(self) -> CapabilityWatch:
        if self.holds and self.watched:
            raise ValueError(f"capability {self.name!r}: what only holds is not watched")
        return self

    def judged_margin(self, margin: float | None) -> float | None:
        """What the promotion test has to prove of judged scores to prove `margin`, or what is tolerated (None).

        None where the judge's error may hide as much.
        """
        own = self.threshold if self.tolerated is None else self.tolerated
        shown = self.judge_power * (own if margin is None else margin) - self.judge_hides
        return shown if shown > 0.0 else None


class Stage(Value):
    """A step of the rollout. `min_units` scored units must settle in it before it may be promoted.

    A first stage of share 0 is the shadow: no user sees the candidate, whose answers come from shadows alone.
    `margin` is the non-inferiority margin of the promotion test in this stage (policy `evidence`). The machine leaves
    it after `min_hours` at the earliest, counted from when it began or was resumed.
    """

    share: Fraction
    min_units: int = Field(default=0, ge=0)
    min_hours: float = Field(default=0.0, ge=0.0, le=8760.0, exclude_if=lambda hours: hours == 0.0)
    margin: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None


class Guardrail(Value):
    """What must not get worse over all traffic: errors, refusals, or latency.

    Each is a score in [0, 1]: 1 for an answer without error (or refusal), 1 - total_ms/limit_ms, cut at 0, for
    latency. `threshold` is the largest drop of its mean that is tolerated.
    """

    kind: Literal["errors", "refusals", "latency"]
    threshold: Annotated[float, Field(gt=0.0, lt=1.0)]
    limit_ms: Annotated[float, Field(gt=0.0)] | None = None

    @model_validator(mode="after")
    def _latency_has_a_limit(self) -> Guardrail:
        if (self.kind == "latency") != (self.limit_ms is not None):
            raise ValueError(f"guardrail {self.kind!r}: limit_ms is for latency, and latency needs it")
        return self


Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")]


class Window(Value):
    """When the machine promotes nothing: on `days` from `begin` to `end`, by the clocks of the time zone `zone`.

    One that ends before it begins goes on past midnight; its days are those on which it begins.
    """

    days: tuple[Day, ...] = DAYS
    begin: Clock = "00:00"
    end: Clock = "24:00"
    zone: str = "UTC"

    @field_validator("begin", "end", mode="before")
    @classmethod
    def _as_yaml_reads_it(cls, value: object) -> object:
        """YAML takes 18:30 for a number, of base 60."""
        return f"{value // 60:02}:{value % 60:02}" if isinstance(value, int) else value


class Blind(Value):
    """What becomes of a rollout whose watch sees nothing for `after_minutes`: no scores, a stale judge, a lag."""

    after_minutes: Annotated[float, Field(gt=0.0, le=525_600.0)]
    then: Literal["pause"] = "pause"


class ModelRef(Value):
    """A model as served: its folder's name and the hash in its manifest."""

    name: str
    sha256: str


class AuditRef(Value):
    """The audit that stands behind a rollout: who approved it where it passed, who overrode it where it did not."""

    verdict: Literal["pass", "fail", "inconclusive"]
    sha256: str
    approved_by: str | None = None
    override_by: str | None = None
    override_reason: str | None = None


DEFAULT_ROUTE: Final = "default"
"""The route of whatever names none: the one of a router that has no others."""


class RolloutSpec(Value):
    """Everything about a rollout that is fixed when it starts. Weights over watched capabilities sum to 1.

    `route` is the router's route that it runs on, one rollout at a time each: the public name of a model.
    `people` is the part of alpha for what people grade (pairs, blind): a test of their own, beside the judges'.
    `most_of_key` is the part of a window of 100 pairs, or units, of a capability, or of 100 units of the guardrails,
    that one API key's may be; None: all.

    What came later and is not used is not written, so that versions of before read it, and its hash is what it was.
    """

    rollout_id: str
    model_alias: str
    base: ModelRef
    candidate: ModelRef
    salt: str
    capabilities: tuple[CapabilityWatch, ...]
    stages: tuple[Stage, ...]
    advance: AdvancePolicy = "evidence"
    alpha: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.01
    alpha_promote: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.05
    shadow: Fraction = 0.0
    holdback: Fraction = 0.02
    rollback_window_days: int = 30
    guardrails: tuple[Guardrail, ...] = ()
    people: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(default=0.0, exclude_if=lambda part: part == 0.0)
    windows: tuple[Window, ...] = Field(default=(), exclude_if=lambda windows: windows == ())
    blind: Blind | None = Field(default=None, exclude_if=lambda blind: blind is None)
    most_of_key: Annotated[float, Field(ge=0.01, le=1.0)] | None = Field(
        default=None, exclude_if=lambda most: most is None
    )
    route: str = Field(default=DEFAULT_ROUTE, exclude_if=lambda route: route == DEFAULT_ROUTE)
    brief_sha256: str
    audit: AuditRef
