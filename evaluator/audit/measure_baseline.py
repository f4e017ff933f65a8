"""Base in one measure, as a baseline keeps it: from its answers to a mean, or why there is none. Pure."""

from __future__ import annotations

from evaluator.audit.diff.floor import at_floor
from evaluator.audit.measures.answers import ItemAnswer
from evaluator.audit.measures.measure import Measure
from evaluator.audit.measures.unscored import not_measured
from telemetry.events import Value


class MeasureBaseline(Value):
    """Base in one measure of the capability called `name`. `mean` is over scored items, None where none was scored.

    `at_floor` names why a drop could not be seen here, and is None where it could. `not_measured` names why these
    answers say nothing at all, and `at_floor` is None then. A measure that is not `recorded` was left for the audit to
    ask base about; of it nothing is known yet, and both are None.
    """

    name: str
    measure: str
    version: str
    n: int
    unscored: int
    mean: float | None
    chance: float
    at_floor: str | None
    not_measured: str | None = None
    answers: tuple[ItemAnswer, ...]
    recorded: bool = True

    @property
    def shows_a_drop(self) -> bool:
        """Whether a drop could be seen in it: base is not at the floor, and its answers can be scored."""
        return self.at_floor is None and self.not_measured is None


def measured(measure: Measure, answers: tuple[ItemAnswer, ...]) -> MeasureBaseline:
    """What base's answers to every item of a measure come to."""
    values = [a.value for a in answers if a.value is not None]
    floor = at_floor(values, measure.chance, measure.threshold)
    unmeasured = not_measured(answers, at_floor=floor is not None)
    return MeasureBaseline(
        name=measure.capability,
        measure=measure.name,
        version=measure.version,
        n=len(answers),
        unscored=len(answers) - len(values),
        mean=sum(values) / len(values) if values else None,
        chance=measure.chance,
        at_floor=None if unmeasured else floor,
        not_measured=unmeasured,
        answers=answers,
    )


def left(measure: Measure) -> MeasureBaseline:
    """A measure that an audit asks base about when it needs it."""
    return MeasureBaseline(
        name=measure.capability,
        measure=measure.name,
        version=measure.version,
        n=0,
        unscored=0,
        mean=None,
        chance=measure.chance,
        at_floor=None,
        answers=(),
        recorded=False,
    )
