"""`belay topics`: says what differs, changes what can be changed, and refuses what breaks a promise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from belay.cli import app
from telemetry.bus.kafka_bus import KafkaBus
from telemetry.events import new_id
from telemetry.topics import TOPICS
from tests.conftest import running_kafka

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of its own: nobody else's topics are changed."""
    with running_kafka(tmp_path_factory.mktemp("kafka") / "cluster") as address:
        yield address


class Place:
    """A belay.yaml whose namespace is on the broker alone."""

    def __init__(self, folder: Path, broker: str) -> None:
        self.namespace = f"t{new_id()}"
        self._file, self._broker = folder / "belay.yaml", broker
        self.write()

    def write(self, **topics: object) -> None:
        kafka = {"namespace": self.namespace, "topics": topics}
        content = {"route": "r", "base": "b", "brief": "b.yaml", "broker": self._broker, "kafka": kafka}
        self._file.write_text(yaml.safe_dump(content), encoding="utf-8")

    def run(self, *words: str) -> tuple[int, dict[str, Any]]:
        given = CliRunner().invoke(app, ["topics", *words, "--file", str(self._file), "--json"])
        return given.exit_code, json.loads(given.stdout)

    @property
    def bus(self) -> KafkaBus:
        from belay.project import load_project  # noqa: PLC0415 - what the command does

        return KafkaBus(load_project(self._file).bus())


@pytest.fixture
def place(tmp_path: Path, apache_kafka: str) -> Place:
    return Place(tmp_path, apache_kafka)


def differences(found: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [(d["kind"], d["what"], d["there"], d["wanted"]) for d in found["differences"]]


def test_missing_topics_are_made_and_then_nothing_differs(place: Place) -> None:
    status, found = place.run("plan")
    assert (status, found["same"], found["namespace"]) == (1, False, place.namespace)
    assert [d["topic"].partition(".")[2] for d in found["differences"]] == [
        topic.name.partition(".")[2] for topic in TOPICS
    ]
    assert place.run("apply")[0] == 0
    assert place.run("plan") == (0, {**found, "same": True, "differences": []})


def test_what_processes_make_is_what_the_plan_wants(place: Place) -> None:
    place.bus.ensure_topics()
    assert place.run("plan")[0] == 0


def test_partitions_grow_settings_change_and_what_deletes_is_done_on_demand(place: Place) -> None:
    place.bus.ensure_topics()
    place.write(interactions_partitions=6, keep_days=60, interactions_days=3, interactions_gb=150)
    status, found = place.run("apply")
    assert (status, differences(found)) == (1, [("change", "retention.ms", "604800000", "259200000")])
    assert found["differences"][0]["deletes"]
    assert place.run("apply", "--delete")[0] == 0
    place.write(interactions_days=3)
    status, found = place.run("apply", "--delete")
    assert ("left", "partitions", "6", "4") in differences(found)
    assert status == 1


def test_a_topic_that_breaks_a_promise_is_refused_and_nothing_is_changed(place: Place) -> None:
    with place.bus.admin("making it wrong") as admin:
        admin.create_topics({f"{place.namespace}.scores": {"num_partitions": 3}}, wait_for_metadata=True)
    status, found = place.run("apply")
    assert (status, differences(found)[1]) == (1, ("refusal", "partitions", "3", "1"))
    with place.bus.admin("looking") as admin:
        assert [name for name in admin.list_topics() if name.startswith(place.namespace)] == [
            f"{place.namespace}.scores"
        ]
