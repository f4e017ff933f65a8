"""Kafka behind the bus protocols; the same code for Tansu and Apache Kafka."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

from telemetry.bus import kafka_cluster, kafka_topics
from telemetry.bus.kafka_clients import KafkaAdminClient, KafkaClients
from telemetry.bus.kafka_publisher import KafkaPublisher
from telemetry.bus.kafka_reader import KafkaReader
from telemetry.bus.protocols import Start
from telemetry.bus.settings import BusSettings
from telemetry.bus.topic_plan import TopicPlan, plan
from telemetry.topics import layout

__all__ = ["BusSettings", "KafkaBus", "KafkaPublisher", "KafkaReader"]


class KafkaBus:
    """A Kafka cluster. It holds no connection itself; each publisher and reader has its own."""

    def __init__(self, settings: BusSettings) -> None:
        self.settings = settings
        self._clients = KafkaClients(settings)

    def ensure_topics(self) -> None:
        """Create those of the settings' topics that are missing, and wait until they have leaders."""
        kafka_topics.create_missing(self._clients, layout(self.settings.topics))

    def topic_id(self, topic: str) -> str | None:
        """What tells this topic from one of the same name before or after it; see `bus.Bus.topic_id`."""
        return kafka_topics.topic_id(self._clients, topic)

    def cluster(self) -> kafka_cluster.Cluster:
        """What the cluster says of itself. Raises BrokerUnavailable."""
        return kafka_cluster.about(self._clients)

    def plan_topics(self) -> TopicPlan:
        """How the topics that are there differ from those of the settings. Raises BrokerUnavailable."""
        wanted = layout(self.settings.topics)
        return plan(wanted, kafka_topics.there(self._clients, wanted), self.settings.replication_factor)

    def apply_topics(self, planned: TopicPlan) -> None:
        """Make the plan's changes. Raises InfrastructureError with what the broker said where it refuses one."""
        kafka_topics.apply(self._clients, layout(self.settings.topics), planned)

    def delete_before(self, topic: str, offsets: Mapping[int, int]) -> None:
        """Delete what lies before these offsets, by partition. Raises InfrastructureError where it is refused."""
        kafka_topics.delete_before(self._clients, topic, offsets)

    def publisher(self) -> KafkaPublisher:
        """A new publisher; it looks for the broker when it first sends."""
        return KafkaPublisher(self._clients)

    def reader(
        self, topics: Sequence[str], group: str | None = None, start: Start = "earliest"
    ) -> KafkaReader:
        """A new reader; see `bus.Bus.reader`."""
        return KafkaReader(self._clients, topics, group, start)

    def admin(self, doing: str) -> AbstractContextManager[KafkaAdminClient]:
        """A client for the cluster's own matters, for as long as a `with` lasts."""
        return self._clients.admin(doing)
