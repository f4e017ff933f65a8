"""What differs between the topics that are there and those that are wanted, and what may be done about it."""

from __future__ import annotations

from telemetry.bus.topic_plan import TopicPlan, TopicThere, plan
from telemetry.topics import INTERACTIONS, ROLLOUTS, SCORES, TOPICS, TopicSettings, layout


def as_wanted(**others: TopicThere) -> dict[str, TopicThere]:
    there = {topic.name: TopicThere(topic.partitions, 1, dict(topic.configs)) for topic in TOPICS}
    return there | {name.replace("_", "."): topic for name, topic in others.items()}


def changed(name: str, partitions: int | None = None, **configs: str) -> TopicPlan:
    there = as_wanted()
    was = there[name]
    given = {key.replace("_", "."): value for key, value in configs.items()}
    there[name] = TopicThere(partitions or was.partitions, was.replication, {**was.configs, **given})
    return plan(TOPICS, there)


def kinds(found: TopicPlan) -> list[tuple[str, str, str, str, str]]:
    return [(d.kind, d.topic, d.what, d.there, d.wanted) for d in found.differences]


def test_where_all_is_as_wanted_nothing_differs() -> None:
    assert plan(TOPICS, as_wanted()).same


def test_a_missing_topic_is_made() -> None:
    found = plan(TOPICS, {})
    assert [d.topic for d in found.changes] == [topic.name for topic in TOPICS]
    assert kinds(found)[0] == ("change", INTERACTIONS, "topic", "none", "4 partitions")


def test_a_retention_that_is_too_short_is_changed_with_its_reason() -> None:
    found = changed(SCORES, retention_ms="604800000")
    assert kinds(found) == [("change", SCORES, "retention.ms", "604800000", "3888000000")]
    assert "fold" in found.differences[0].why


def test_partitions_grow_and_never_shrink() -> None:
    assert kinds(changed(INTERACTIONS, partitions=2)) == [("change", INTERACTIONS, "partitions", "2", "4")]
    found = changed(INTERACTIONS, partitions=6)
    assert kinds(found) == [("left", INTERACTIONS, "partitions", "6", "4")]
    assert not found.same


def test_scores_in_several_partitions_are_refused() -> None:
    found = changed(SCORES, partitions=3)
    assert [(d.topic, d.what) for d in found.refusals] == [(SCORES, "partitions")]
    assert "one order" in found.refusals[0].why


def test_scores_that_were_compacted_are_refused_and_a_rollout_that_expires_is_mended() -> None:
    for policy in ("compact", "compact,delete"):
        found = changed(SCORES, cleanup_policy=policy)
        assert [(d.topic, d.what) for d in found.refusals] == [(SCORES, "cleanup.policy")]
    assert kinds(changed(ROLLOUTS, cleanup_policy="delete")) == [
        ("change", ROLLOUTS, "cleanup.policy", "delete", "compact")
    ]


def test_a_value_that_is_written_another_way_is_the_same_and_one_that_a_broker_does_not_know_is_passed() -> (
    None
):
    assert changed(ROLLOUTS, min_cleanable_dirty_ratio="0.10").same
    there = as_wanted()
    assert plan(TOPICS, {name: TopicThere(t.partitions, 1, {}) for name, t in there.items()}).same


def test_replicas_are_somebody_elses_and_too_few_of_them_are_refused() -> None:
    found = plan(TOPICS, as_wanted(), replication=3)
    assert {(d.kind, d.what, d.there, d.wanted) for d in found.differences} == {
        ("left", "replication factor", "1", "3")
    }
    strict = layout(TopicSettings(min_insync_replicas=2))
    refused = plan(strict, as_wanted()).refusals
    assert {d.what for d in refused} == {"min.insync.replicas"}
    assert len(refused) == len(strict)


def test_what_lets_go_of_records_says_so_and_can_be_left() -> None:
    for value in ("-1", "9999999999"):
        found = changed(SCORES, retention_ms=value)
        (one,) = found.differences
        assert one.deletes
        assert "deleted" in one.why
        assert found.changes
        assert kinds(found.keeping()) == [("left", SCORES, "retention.ms", value, "3888000000")]
    longer = changed(SCORES, retention_ms="1000")
    assert longer.keeping() == longer
    assert not longer.differences[0].deletes
