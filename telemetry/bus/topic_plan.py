"""How the topics on a broker differ from those that are wanted: what can be changed, what cannot, what must not be.

`plan` is a function of values; `telemetry.bus.kafka_topics` asks the broker and makes the changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from telemetry.topics import Topic

BROKERS_DEFAULT: Final = -1
TOPIC: Final = "topic"
PARTITIONS: Final = "partitions"
REPLICATION: Final = "replication factor"
_WHY: Final = {
    "max.message.bytes": "the largest record that is written would be refused",
    "compression.type": "what our readers have no package for they cannot read",
    "segment.bytes": "only whole segments are deleted or compacted, and these are too large for the bounds",
    "segment.ms": "only closed segments are deleted or compacted, and these stay open too long for the bounds",
    "min.cleanable.dirty.ratio": "compaction would wait for more old records than readers should pass over",
    "max.compaction.lag.ms": "compaction would wait longer than a day",
    "delete.retention.ms": "a reader has a day to see that a key holds no more",
    "min.insync.replicas": "what is acknowledged lies on so many replicas",
}
_KEEPING: Final = ("retention.ms", "retention.bytes")
_UNBOUNDED: Final = "-1"


class TopicThere(NamedTuple):
    """A topic as the broker has it: `replication` is that of its least replicated partition."""

    partitions: int
    replication: int
    configs: Mapping[str, str]


class Difference(NamedTuple):
    """One thing that is not as wanted. `there` and `wanted` are as the broker writes them, `why` is for people.

    A `change` can be made; what is `left` only somebody else can do, or nobody; a `refusal` breaks a promise that
    no change can mend.
    """

    kind: Literal["change", "left", "refusal"]
    topic: str
    what: str
    there: str
    wanted: str
    why: str

    @property
    def deletes(self) -> bool:
        """Whether the change lets go of records that are there now."""
        if self.kind != "change" or self.what not in _KEEPING:
            return False
        return _amount(self.wanted) < _amount(self.there)


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """All that differs, topic by topic."""

    differences: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    @property
    def changes(self) -> tuple[Difference, ...]:
        """What can be changed."""
        return tuple(one for one in self.differences if one.kind == "change")

    @property
    def refusals(self) -> tuple[Difference, ...]:
        """What contradicts a promise."""
        return tuple(one for one in self.differences if one.kind == "refusal")

    def keeping(self) -> TopicPlan:
        """The same plan, in which what lets go of records is left to whoever wants it."""
        return TopicPlan(tuple(one._replace(kind="left") if one.deletes else one for one in self.differences))


def plan(
    wanted: Sequence[Topic], there: Mapping[str, TopicThere], replication: int = BROKERS_DEFAULT
) -> TopicPlan:
    """What to do about each topic of `wanted`, in its order; topics that are nobody's are not looked at.

    `replication` -1 takes what the broker chose.
    """
    found: list[Difference] = []
    for topic in wanted:
        seen = there.get(topic.name)
        if seen is None:
            partitions = "1 partition" if topic.partitions == 1 else f"{topic.partitions} partitions"
            found.append(Difference("change", topic.name, TOPIC, "none", partitions, topic.promise))
            continue
        found += _partitions(topic, seen)
        found += _replication(topic, seen, replication)
        found += _configs(topic, seen)
    return TopicPlan(tuple(found))


def _partitions(topic: Topic, seen: TopicThere) -> Iterator[Difference]:
    told = (topic.name, PARTITIONS, str(seen.partitions), str(topic.partitions))
    if seen.partitions == topic.partitions:
        return
    if topic.ordered:
        yield Difference(
            "refusal",
            *told,
            "its records have one order, partitions cannot be taken away, and what lies in several has none: "
            "delete the topic or take another namespace",
        )
    elif seen.partitions > topic.partitions:
        yield Difference(
            "left", *told, "partitions can only grow: set interactions_partitions to what is there"
        )
    else:
        yield Difference("change", *told, "partitions can only grow: there is no way back")


def _replication(topic: Topic, seen: TopicThere, replication: int) -> Iterator[Difference]:
    least = int(topic.configs.get("min.insync.replicas", "1"))
    if least > seen.replication:
        yield Difference(
            "refusal",
            topic.name,
            "min.insync.replicas",
            f"{seen.replication} replicas",
            str(least),
            "no record could be written: there are fewer replicas than have to be in sync",
        )
    if replication not in (BROKERS_DEFAULT, seen.replication):
        yield Difference(
            "left",
            topic.name,
            REPLICATION,
            str(seen.replication),
            str(replication),
            "replicas are moved by Kafka's own kafka-reassign-partitions",
        )


def _configs(topic: Topic, seen: TopicThere) -> Iterator[Difference]:
    for name, wanted in topic.configs.items():
        value = seen.configs.get(name)
        if value is None or _same(value, wanted):  # absent: this broker does not know it
            continue
        if name == "cleanup.policy" and topic.cleanup == "delete" and "compact" in value:
            yield Difference(
                "refusal",
                topic.name,
                name,
                value,
                wanted,
                f"all but the last record of each key may be gone already, and {topic.promise}: "
                "delete the topic or take another namespace",
            )
        else:
            made = Difference("change", topic.name, name, value, wanted, _WHY.get(name, topic.promise))
            yield (
                made._replace(why="keeps less than now: what is beyond it is deleted")
                if made.deletes
                else made
            )


def _amount(value: str) -> float:
    return math.inf if value == _UNBOUNDED else float(value)


def _same(one: str, other: str) -> bool:
    try:
        return float(one) == float(other)
    except ValueError:
        return one == other
