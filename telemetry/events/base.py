"""What all events and values are: frozen, in the past tense, refusing unknown fields; and the words they share."""

from __future__ import annotations

from datetime import UTC, datetime
from operator import attrgetter
from typing import Annotated, ClassVar, Final, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from telemetry.events.ids import new_id

Arm = Literal["control", "candidate"]
SubjectSource = Literal["session", "end_user", "user", "api_key", "request"]
TextPolicy = Literal["full", "redacted", "hashed"]
Action = Literal["promote", "hold", "roll_back"]
Status = Literal["shadow", "ramping", "paused", "promoted", "rolled_back", "closed"]
AdvancePolicy = Literal["manual", "schedule", "evidence"]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


class Value(BaseModel):
    """A frozen value that refuses unknown fields."""

    # An e-value may overflow to infinity; as JSON's null it could not be read back.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


WHOLE: Final = "*"


class Event(Value):
    """Something that happened. `event_id` is what consumers deduplicate by; scores say where they come from instead.

    A newer writer may have written fields that this version does not know. They are passed over (`codec.understood`),
    but for those in a field that `EXACT` names, or `WHOLE` for all of them: what is unknown there could change what
    everything else is judged by. So a further field never changes what the others mean; what does is another `TYPE`.
    """

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]
    KEY: ClassVar[str]
    EXACT: ClassVar[str] = ""

    event_id: str = Field(default_factory=new_id)
    time: AwareDatetime = Field(default_factory=now)
    source: str

    @property
    def key(self) -> str:
        """The partition key: the value of the field that `KEY` names."""
        return str(attrgetter(self.KEY)(self))


class LogPlace(Value):
    """Where a topic holds a record."""

    partition: int = Field(ge=0)
    offset: int = Field(ge=0)
