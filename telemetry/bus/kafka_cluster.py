"""What a cluster says of itself: how many brokers, and of which version."""

from __future__ import annotations

from typing import NamedTuple

from telemetry.bus.kafka_clients import KafkaClients


class Cluster(NamedTuple):
    """A cluster as one of its brokers tells it.

    `version` is that of the protocol, which brokers tell in place of their own: "4.3" for a Kafka 4.3.1.
    """

    brokers: int
    version: str


def about(clients: KafkaClients) -> Cluster:
    """What there is at the settings' address. Raises BrokerUnavailable."""
    with clients.admin("asking for the cluster") as admin:
        brokers = admin.describe_cluster()["brokers"]
        told = admin.get_broker_version_data(brokers[0].get("broker_id", brokers[0].get("node_id")))
        return Cluster(len(brokers), ".".join(map(str, told.broker_version)))
