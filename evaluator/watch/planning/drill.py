"""Drills: A/A and planted regressions through the very code that watches a rollout.

Nothing is vectorised or shortened here: each score goes through `RolloutEvidence.settle` and `decide`, stages
advance where `decide` promotes, shadows go where it allots them, and the subjects come back as real ones do.
What a drill reports is therefore what the watch does, measured: how often it rolls back an equal candidate, and
how long a drop lives.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.table import Table
from scipy.stats import beta

from evaluator.watch.evidence.decide import decide
from evaluator.watch.evidence.fold import RolloutEvidence
from telemetry.events import Assignment, DecisionMade, LogPlace, RolloutSpec, ScoreRecorded, ShadowDraw

START = datetime(2026, 1, 1, tzinfo=UTC)
ACTIVE_SUBJECTS = 40
"""Subjects whose interactions are interleaved at any time."""


@dataclass(frozen=True, slots=True)
class DrillTraffic:
    """What the drill's users do: each capability's part of traffic and base rate, and how often they come back.

    `visits` is the mean number of interactions of a subject.
    """

    traffic: Mapping[str, float]
    base: Mapping[str, float]
    visits: float = 2.0


@dataclass(frozen=True, slots=True)
class Plant:
    """A regression to plant: `drop` points in `capability`, in every adjacent one where it is None."""

    drop: float
    capability: str | None = None

    @property
    def name(self) -> str:
        """What the report calls it."""
        if self.drop == 0.0:
            return "A/A (no drop)"
        return f"{self.drop * 100:.0f} points in {self.capability or 'every adjacent capability'}"


@dataclass(frozen=True, slots=True)
class DrillCase:
    """What became of the runs of one plant. Delays are interactions until rollback, of the runs rolled back."""

    plant: Plant
    runs: int
    rolled_back: int
    delay_p50: float | None
    delay_p90: float | None
    bad_answers: float
    scores: int

    @property
    def rate(self) -> float:
        """Fraction of runs that were rolled back."""
        return self.rolled_back / self.runs

    @property
    def rate_at_most(self) -> float:
        """Upper 95% confidence bound of the rate (Clopper and Pearson 1934)."""
        if self.rolled_back == self.runs:
            return 1.0
        return float(beta.ppf(0.95, self.rolled_back + 1, self.runs - self.rolled_back))


@dataclass(frozen=True, slots=True)
class DrillReport:
    """A drill's cases, its rollout and how long each run went on at most."""

    spec: RolloutSpec
    horizon: int
    seed: int
    cases: tuple[DrillCase, ...]


def run_drill(
    spec: RolloutSpec,
    traffic: DrillTraffic,
    *,
    plants: tuple[Plant, ...] = (Plant(0.0), Plant(0.05), Plant(0.10), Plant(0.20)),
    runs: int = 100,
    horizon: int = 5_000,
    seed: int = 7,
    on_progress: Callable[[int, int], None] | None = None,
) -> DrillReport:
    """Run every plant `runs` times for at most `horizon` interactions. Stages follow the policy `schedule`.

    About 30 us an interaction on one core. `on_progress` hears of each run that ended.
    """
    spec = spec.model_copy(update={"advance": "schedule"})
    cases = []
    for number, plant in enumerate(plants):
        ended = []
        for run in range(runs):
            rng = random.Random(f"{seed}/{plant.name}/{run}")
            ended.append(_one_run(spec, traffic, plant, horizon, rng))
            if on_progress is not None:
                on_progress(number * runs + run + 1, len(plants) * runs)
        delays = sorted(stopped for stopped, _, _ in ended if stopped)
        cases.append(
            DrillCase(
                plant=plant,
                runs=runs,
                rolled_back=len(delays),
                delay_p50=_quantile(delays, 0.5),
                delay_p90=_quantile(delays, 0.9),
                bad_answers=sum(bad for _, bad, _ in ended) / runs,
                scores=sum(length for _, _, length in ended),
            )
        )
    return DrillReport(spec, horizon, seed, tuple(cases))


def render(report: DrillReport) -> Table:
    """The report as a table for the terminal."""
    table = Table(title=f"Drill: {report.horizon:,} interactions a run, seed {report.seed}")
    for heading in ("planted", "runs", "rolled back", "interactions p50", "p90", "bad answers served"):
        table.add_column(heading, justify="left" if heading == "planted" else "right")
    for case in report.cases:
        rate = f"{case.rate:.1%}"
        if case.plant.drop == 0.0:
            rate += f" (at most {case.rate_at_most:.1%}, allowed {report.spec.alpha:.1%})"
        table.add_row(
            case.plant.name,
            f"{case.runs}",
            rate,
            f"{case.delay_p50:,.0f}" if case.delay_p50 is not None else "-",
            f"{case.delay_p90:,.0f}" if case.delay_p90 is not None else "-",
            f"{case.bad_answers:,.1f}",
        )
    return table


def to_dict(report: DrillReport) -> dict[str, Any]:
    """The report as JSON values."""
    return {
        "seed": report.seed,
        "horizon": report.horizon,
        "alpha": report.spec.alpha,
        "shadow": report.spec.shadow,
        "stages": [[stage.share, stage.min_units] for stage in report.spec.stages],
        "cases": [
            {
                "planted": case.plant.name,
                "drop": case.plant.drop,
                "runs": case.runs,
                "rolled_back": case.rolled_back,
                "rate": case.rate,
                "rate_at_most": case.rate_at_most,
                "delay_p50": case.delay_p50,
                "delay_p90": case.delay_p90,
                "bad_answers": case.bad_answers,
                "scores": case.scores,
            }
            for case in report.cases
        ],
    }


def _one_run(
    spec: RolloutSpec, traffic: DrillTraffic, plant: Plant, horizon: int, rng: random.Random
) -> tuple[int, int, int]:
    """Interactions until rollback (0 = never), bad answers served by then, interactions in all."""
    evidence, state = RolloutEvidence(spec), _InForce(spec)
    bad = 0
    interactions = _interactions(spec, traffic, plant, rng)
    for number in range(horizon):
        subject, u, capability, control, candidate = next(interactions)
        served = u < state.share
        bad += served and candidate < control
        draw = state.draw(capability, rng.random())
        value, other = (candidate, control) if served else (control, candidate)
        score = _score(spec, number, subject, u, capability, value, other, served, state, draw)
        evidence.settle(score, 0, number)
        decision = decide(evidence)
        if decision is not None and decision.action == "roll_back":
            return number + 1, bad, number + 1
        if decision is not None:
            state.follow(decision)
    return 0, bad, horizon


class _InForce:
    """What control and router make of the decisions: the share, and who is asked twice."""

    def __init__(self, spec: RolloutSpec) -> None:
        self._spec = spec
        self._fractions: Mapping[str, float] = {}
        self._otherwise = spec.shadow
        self.stage = 0
        self.share = spec.stages[0].share

    def follow(self, decision: DecisionMade) -> None:
        """Take on a promotion or an allotment."""
        if decision.action == "hold":
            if decision.allotment is not None:
                self._fractions = decision.allotment.by_capability
                self._otherwise = decision.allotment.otherwise
        elif self.stage + 1 < len(self._spec.stages):
            self.stage += 1
            self.share = self._spec.stages[self.stage].share
        else:
            self.share = 1.0 - self._spec.holdback

    def draw(self, capability: str, lot: float) -> ShadowDraw | None:
        """The draw as by a router that knows every prompt's capability."""
        if lot >= max(self._fractions.values(), default=0.0) and lot >= self._otherwise:
            return None
        fraction = self._fractions.get(capability, self._otherwise)
        return ShadowDraw.model_construct(capability=capability, fraction=fraction, drawn=lot < fraction)


def _interactions(
    spec: RolloutSpec, traffic: DrillTraffic, plant: Plant, rng: random.Random
) -> Iterator[tuple[int, float, str, float, float]]:
    """Subject, its u, capability and both arms' scores, for ever. Subjects overlap in time and leave for good."""
    names = [c.name for c in spec.capabilities]
    weights = [traffic.traffic.get(name, 0.0) for name in names]
    hit = {
        c.name
        for c in spec.capabilities
        if (c.role == "adjacent" if plant.capability is None else c.name == plant.capability)
    }
    active: list[tuple[int, float]] = []
    born = 0
    while True:
        while len(active) < ACTIVE_SUBJECTS:
            born += 1
            active.append((born, rng.random()))
        at = rng.randrange(len(active))
        subject, u = active[at]
        if rng.random() < 1.0 / traffic.visits:
            active.pop(at)
        name = rng.choices(names, weights)[0]
        base = traffic.base.get(name, 0.8)
        worse = base - plant.drop if name in hit else base
        yield subject, u, name, float(rng.random() < base), float(rng.random() < worse)


def _score(
    spec: RolloutSpec,
    number: int,
    subject: int,
    u: float,
    capability: str,
    value: float,
    other: float,
    served: bool,
    state: _InForce,
    draw: ShadowDraw | None,
) -> ScoreRecorded:
    # model_construct: every field is right by construction, and checking each again would double the time.
    at = START + timedelta(seconds=number)
    return ScoreRecorded.model_construct(
        event_id=f"drill-{number}",
        time=at,
        source="belay/drill",
        rollout_id=spec.rollout_id,
        interaction_id=f"drill-{number}",
        interaction_time=at,
        assignment=Assignment.model_construct(
            subject=f"{int(u * 2.0**64):016x}{subject:016x}",
            subject_source="session",
            arm="candidate" if served else "control",
            share=state.share,
            stage=state.stage,
            revision=state.stage,
        ),
        capability=capability,
        tag_confidence=1.0,
        value=value,
        unscored=None,
        other_value=other if draw is not None and draw.drawn else None,
        judge="drill",
        refused=False,
        failed=False,
        total_ms=None,
        router=None,
        draw=draw,
        logged=LogPlace.model_construct(partition=0, offset=number),
    )


def _quantile(ordered: list[int], q: float) -> float | None:
    """The smallest value that at least `q` of the list do not exceed; None for an empty list."""
    if not ordered:
        return None
    return float(ordered[min(int(q * len(ordered)), len(ordered) - 1)])
