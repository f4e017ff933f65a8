"""Layouts keep what promises need, and policies change only what is theirs to choose."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from telemetry import topics
from telemetry.bus.protocols import MAX_RECORD_BYTES
from telemetry.events import RolloutSpec
from telemetry.topics import ROLLBACK_DAYS, TOPICS, TopicSettings, layout

DAY_MS = 86_400_000


def configs(name: str, settings: TopicSettings | None = None) -> dict[str, str]:
    (found,) = [topic for topic in layout(settings or TopicSettings()) if topic.name == name]
    return dict(found.configs)


@pytest.mark.parametrize("name", [topics.SCORES, topics.GRADES, topics.DECISIONS])
def test_what_is_folded_or_replayed_outlives_the_rollback_window_whatever_its_size(name: str) -> None:
    assert RolloutSpec.model_fields["rollback_window_days"].default == ROLLBACK_DAYS
    assert int(configs(name)["retention.ms"]) > ROLLBACK_DAYS * DAY_MS
    assert configs(name)["retention.bytes"] == "-1"
    with pytest.raises(ValidationError, match="greater than 30"):
        TopicSettings(keep_days=30)


def test_where_the_latest_counts_it_is_compacted_and_nothing_expires() -> None:
    for name in (topics.ROLLOUTS, topics.SNAPSHOTS):
        assert configs(name)["cleanup.policy"] == "compact"
        assert int(configs(name)["max.compaction.lag.ms"]) <= DAY_MS


def test_who_changed_what_is_neither_compacted_nor_deleted() -> None:
    found = configs(topics.AUDIT_LOG)
    assert (found["cleanup.policy"], found["retention.ms"], found["retention.bytes"]) == (
        "delete",
        "-1",
        "-1",
    )


def test_interactions_are_bounded_by_age_and_by_size_over_all_partitions() -> None:
    found = configs(
        topics.INTERACTIONS,
        TopicSettings(interactions_partitions=8, interactions_days=2, interactions_gb=40),
    )
    assert int(found["retention.ms"]) == 2 * DAY_MS
    assert int(found["retention.bytes"]) == 5_000_000_000
    assert int(found["segment.bytes"]) <= 5_000_000_000 / 9
    unbounded = configs(topics.INTERACTIONS, TopicSettings(interactions_gb=None))
    assert unbounded["retention.bytes"] == "-1"


def test_every_topic_takes_the_largest_record_that_we_write_and_says_its_promise() -> None:
    for topic in TOPICS:
        assert int(topic.configs["max.message.bytes"]) > MAX_RECORD_BYTES
        assert topic.configs["cleanup.policy"] == topic.cleanup
        assert topic.configs["compression.type"] == "producer"
        assert topic.promise


def test_replicas_in_sync_are_the_brokers_unless_somebody_says() -> None:
    assert "min.insync.replicas" not in configs(topics.SCORES)
    assert configs(topics.SCORES, TopicSettings(min_insync_replicas=2))["min.insync.replicas"] == "2"


def test_what_has_one_order_has_one_partition() -> None:
    ordered = {topic.name: topic.partitions for topic in TOPICS if topic.ordered}
    assert ordered == dict.fromkeys({topic.name for topic in TOPICS} - {topics.INTERACTIONS}, 1)
