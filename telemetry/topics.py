"""Topic names, how each is laid out and how long it keeps what: `layout` makes it of the settings.

Every rollout's scores share one partition, so they have one order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field

from telemetry.settings import Settings

INTERACTIONS: Final = "belay.interactions"
SCORES: Final = "belay.scores"
GRADES: Final = "belay.grades"
DECISIONS: Final = "belay.decisions"
ROLLOUTS: Final = "belay.rollouts"
SNAPSHOTS: Final = "belay.snapshots"
WATCH: Final = "belay.watch"
WORD_TABLES: Final = "belay.word-tables"
AUDIT_LOG: Final = "belay.audit-log"
DEAD_LETTERS: Final = "belay.dead-letters"

_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000
_MIB: Final = 1 << 20
# Kafka's own default, said here since a cluster may have set less: ours are up to a megabyte, and one that is refused
# is refused for ever.
_MESSAGE_BYTES: Final = 1_048_588
ROLLBACK_DAYS: Final = 30
"""A rollout may be rolled back for as long after its promotion, unless its spec says otherwise."""


class TopicSettings(Settings):
    """What a policy may choose of the topics.

    `interactions_gb` (10^9 bytes) bounds all partitions of the interactions together, `interactions_days` their age;
    whichever is reached first deletes. `keep_days` is how long scores, grades and decisions stay: longer than any
    rollout may be rolled back. `min_insync_replicas` None leaves it to the broker. `compression` is the broker's, on
    disk and to readers; they read gzip as they are, the others need a package of kafka-python's beside them.
    """

    interactions_partitions: Annotated[int, Field(ge=1, le=1000)] = 4
    interactions_days: Annotated[float, Field(gt=0)] = 7.0
    interactions_gb: Annotated[float, Field(gt=0)] | None = 100.0
    keep_days: Annotated[float, Field(gt=ROLLBACK_DAYS)] = 45.0
    dead_letters_days: Annotated[float, Field(gt=0)] = 30.0
    min_insync_replicas: Annotated[int, Field(ge=1)] | None = None
    compression: Literal["producer", "gzip", "snappy", "lz4", "zstd"] = "producer"


class Topic(NamedTuple):
    """A topic's layout. An event's key (`telemetry.events`) says what it is partitioned and compacted by.

    `configs` are Kafka's own, as text. `promise` is what would be broken without them. A topic that is `ordered` is
    read in one order, so it has one partition.
    """

    name: str
    partitions: int
    cleanup: Literal["delete", "compact"]
    promise: str
    configs: Mapping[str, str]
    ordered: bool = True


def layout(settings: TopicSettings) -> tuple[Topic, ...]:
    """Every topic as it should be under these settings."""
    # Said even where it is the default: a cluster may compress everything by what our readers cannot read.
    common = {"max.message.bytes": str(_MESSAGE_BYTES), "compression.type": settings.compression}
    if settings.min_insync_replicas is not None:
        common["min.insync.replicas"] = str(settings.min_insync_replicas)
    kept = common | _deleted_after(settings.keep_days)
    latest = common | _COMPACTED
    return (
        _interactions(settings, common),
        Topic(
            SCORES, 1, "delete", "evidence is their fold and is folded again where a snapshot is lost", kept
        ),
        Topic(
            GRADES, 1, "delete", "people's grades measure the judges of a rollout until it is closed", kept
        ),
        Topic(DECISIONS, 1, "delete", "each is replayed from its scores while it may be rolled back", kept),
        Topic(ROLLOUTS, 1, "compact", "the last state of every rollout, however old", latest),
        Topic(
            SNAPSHOTS, 1, "compact", "the last snapshot of every rollout; those before it are no use", latest
        ),
        Topic(
            WATCH, 1, "compact", "what the watch says of every rollout now; no decision rests on it", latest
        ),
        Topic(
            WORD_TABLES,
            1,
            "compact",
            "a router that starts finds the table by which it draws shadows",
            latest,
        ),
        Topic(AUDIT_LOG, 1, "delete", "who changed what stays known, for ever", common | _KEPT_FOR_EVER),
        Topic(
            DEAD_LETTERS,
            1,
            "delete",
            "somebody has a month to see what could not be read",
            common | _deleted_after(settings.dead_letters_days, 5e9),
        ),
    )


# A line for each thing that a person, or a decision, does to a rollout: some kilobytes a day.
_KEPT_FOR_EVER: Final = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}

# The segment that is written to is never compacted, so that it is closed every hour; a tenth of a log may be old
# records, and none is older than a day before it goes. Tombstones stay a day for whoever is reading.
_COMPACTED: Final = {
    "cleanup.policy": "compact",
    "segment.ms": str(_HOUR_MS),
    "segment.bytes": str(64 * _MIB),
    "min.cleanable.dirty.ratio": "0.1",
    "max.compaction.lag.ms": str(_DAY_MS),
    "delete.retention.ms": str(_DAY_MS),
}


def _interactions(settings: TopicSettings, common: dict[str, str]) -> Topic:
    each = None
    if settings.interactions_gb is not None:
        each = settings.interactions_gb * 1e9 / settings.interactions_partitions
    return Topic(
        INTERACTIONS,
        settings.interactions_partitions,
        "delete",
        "they are tagged and judged within seconds, and repair and map read them for as long as the policy says",
        common | _deleted_after(settings.interactions_days, each),
        ordered=False,
    )


def _deleted_after(days: float, partition_bytes: float | None = None) -> dict[str, str]:
    """Only whole segments are deleted: they are small enough for the bound to be met within a tenth."""
    segment = (
        512 * _MIB if partition_bytes is None else min(512 * _MIB, max(_MIB, round(partition_bytes / 10)))
    )
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(round(days * _DAY_MS)),
        "retention.bytes": str(-1 if partition_bytes is None else round(partition_bytes)),
        "segment.bytes": str(segment),
        "segment.ms": str(min(_DAY_MS, max(_HOUR_MS, round(days * _DAY_MS / 10)))),
    }


TOPICS: Final = layout(TopicSettings())
"""The topics under settings that nobody changed."""
