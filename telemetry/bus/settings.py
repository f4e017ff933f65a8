"""How to reach the broker. Nothing of Kafka is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from telemetry.bus.names import OURS
from telemetry.settings import Settings
from telemetry.topics import TopicSettings

Servers = Annotated[str, Field(pattern=r"^[^\s,]+:\d+(,[^\s,]+:\d+)*$")]
# Kafka takes these characters in a topic's name, and 249 of them.
Namespace = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=200)]


class BusSettings(Settings):
    """How to reach the broker: `bootstrap_servers` is `host:port`, several separated by commas.

    `replication_factor` -1 leaves it to the broker's own default. Topics are called `NAMESPACE.scores` and so on,
    consumer groups likewise, so that several Belays can share a cluster. `topics` are layout and retention.
    """

    bootstrap_servers: Servers = "127.0.0.1:9092"
    client_id: str = "belay"
    namespace: Namespace = OURS
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_cafile: Path | None = None
    session_timeout_ms: int = Field(default=6000, ge=1000)
    fetch_max_wait_ms: int = Field(default=20, ge=1)
    connect_timeout_ms: int = Field(default=5000, ge=100)
    request_timeout_ms: int = Field(default=10_000, ge=1000)
    replication_factor: int = Field(default=-1, ge=-1)
    topics: TopicSettings = TopicSettings()

    @model_validator(mode="after")
    def _complete(self) -> BusSettings:
        sasl = self.security_protocol.startswith("SASL")
        if sasl and not (self.sasl_mechanism and self.sasl_username and self.sasl_password):
            raise ValueError(
                f"security_protocol {self.security_protocol} needs sasl_mechanism, sasl_username "
                "and sasl_password"
            )
        if not sasl and (self.sasl_mechanism or self.sasl_username or self.sasl_password):
            raise ValueError(
                f"sasl_* settings came with security_protocol {self.security_protocol}, "
                "expected SASL_PLAINTEXT or SASL_SSL"
            )
        return self
