"""A cluster's topics: made, described, changed. What should be is `telemetry.topics`, what differs `topic_plan`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from telemetry.bus.kafka_clients import (
    ConfigResource,
    KafkaAdminClient,
    KafkaClients,
    TopicPartition,
    kafka_errors,
)
from telemetry.bus.topic_plan import PARTITIONS, TOPIC, Difference, TopicPlan, TopicThere
from telemetry.errors import InfrastructureError, TopicMissing
from telemetry.topics import Topic

log = logging.getLogger(__name__)


def create_missing(clients: KafkaClients, wanted: Sequence[Topic]) -> None:
    """Create those that are missing and wait until they have leaders. Raises BrokerUnavailable."""
    with clients.admin("creating topics") as admin:
        present = set(admin.list_topics())
        missing = [topic for topic in wanted if clients.names.topic(topic.name) not in present]
        if len(missing) < len(wanted):  # else this is the first that anybody does here
            for topic in missing:
                log.warning(
                    "the broker at %s had no topic %r, though it has others of ours; it is made now. "
                    "If it was there before, what it held is gone",
                    clients.settings.bootstrap_servers,
                    clients.names.topic(topic.name),
                )
        if missing:
            _create(admin, _as_created(clients, missing))


def topic_id(clients: KafkaClients, topic: str) -> str | None:
    """The id that the broker gave this topic, None where it gives none. Raises TopicMissing."""
    name = clients.names.topic(topic)
    with clients.admin(f"describing {name}") as admin:
        (found,) = admin.describe_topics([name])
    if not found["partitions"]:
        raise TopicMissing(
            f"the broker at {clients.settings.bootstrap_servers} has no topic {name!r}",
            hint="Call ensure_topics() first, or create it where this user may not.",
        )
    given = found.get("topic_id")
    return None if given is None else str(given)


def there(clients: KafkaClients, wanted: Sequence[Topic]) -> dict[str, TopicThere]:
    """Those of the topics that are there, by our names. Raises BrokerUnavailable."""
    names = {clients.names.topic(topic.name): topic.name for topic in wanted}
    with clients.admin("describing topics") as admin:
        found = [topic for topic in admin.describe_topics(list(names)) if topic["partitions"]]
        if not found:
            return {}
        asked = [ConfigResource("TOPIC", topic["name"]) for topic in found]
        configs = admin.describe_configs(asked, config_filter="all")["topic"]
    return {names[topic["name"]]: _seen(topic, configs[topic["name"]]) for topic in found}


def apply(clients: KafkaClients, wanted: Sequence[Topic], planned: TopicPlan) -> None:
    """Make the changes of a plan. Raises InfrastructureError with what the broker said of one that it refuses."""
    by_topic: dict[str, list[Difference]] = {}
    for change in planned.changes:
        by_topic.setdefault(change.topic, []).append(change)
    new = [topic for topic in wanted if any(change.what == TOPIC for change in by_topic.get(topic.name, ()))]
    with clients.admin("changing topics") as admin:
        if new:
            _create(admin, _as_created(clients, new))
        for name, changes in by_topic.items():
            _change(admin, clients.names.topic(name), changes)


def delete_before(clients: KafkaClients, topic: str, offsets: Mapping[int, int]) -> None:
    """Delete what lies before these offsets, by partition. Raises InfrastructureError where the broker refuses."""
    name = clients.names.topic(topic)
    wanted = {TopicPartition(name, partition): offset for partition, offset in offsets.items()}
    with clients.admin(f"deleting records of {name}") as admin:
        admin.delete_records(wanted)


def _change(admin: KafkaAdminClient, name: str, changes: Sequence[Difference]) -> None:
    grown = [int(change.wanted) for change in changes if change.what == PARTITIONS]
    if grown:
        admin.create_partitions({name: grown[0]})
    configs = {change.what: change.wanted for change in changes if change.what not in (TOPIC, PARTITIONS)}
    if not configs:
        return
    answer = admin.alter_configs([ConfigResource("TOPIC", name, configs)])
    said = answer["topic"][name]
    if said != "OK":
        raise InfrastructureError(
            f"the broker refuses {', '.join(f'{key}={value}' for key, value in configs.items())} "
            f"for {name}: {said}"
        )


def _seen(topic: Mapping[str, Any], configs: Mapping[str, Mapping[str, Any]]) -> TopicThere:
    return TopicThere(
        partitions=len(topic["partitions"]),
        replication=min(len(partition["replica_nodes"]) for partition in topic["partitions"]),
        configs={name: one["value"] for name, one in configs.items() if one["value"] is not None},
    )


def _as_created(clients: KafkaClients, topics: Sequence[Topic]) -> dict[str, dict[str, Any]]:
    return {
        clients.names.topic(topic.name): {
            "num_partitions": topic.partitions,
            "replication_factor": clients.settings.replication_factor,
            "configs": dict(topic.configs),
        }
        for topic in topics
    }


def _create(admin: KafkaAdminClient, topics: dict[str, dict[str, Any]]) -> None:
    try:
        admin.create_topics(topics, wait_for_metadata=True)
    except kafka_errors.TopicAlreadyExistsError:
        # Another process was faster with some of them; those left are created one by one.
        if len(topics) > 1:
            for name, layout in topics.items():
                _create(admin, {name: layout})
