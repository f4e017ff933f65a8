"""`belay forget` at a real broker: what it tells, and that what it deletes is gone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from belay.cli import app
from belay.project import load_project
from router.proxy.assign import digest
from telemetry import topics
from telemetry.bus.kafka_bus import KafkaBus
from telemetry.events import InteractionRecorded, LogPlace, new_id
from telemetry.reading import Unreadable, events_in
from tests.evaluator.support.interactions import interaction
from tests.evaluator.support.logs import announced, publish
from tests.evaluator.support.scores import rollout, score

SPEC = rollout(("support", "facts", "sums"))


def asked_by_ann() -> InteractionRecorded:
    found = interaction(1)
    subject = found.assignment.model_copy(update={"subject": digest(SPEC.salt, "ann")})
    return found.model_copy(update={"assignment": subject})


@pytest.mark.kafka
def test_a_subjects_texts_are_told_of_and_then_gone(tmp_path: Path, apache_kafka: str) -> None:
    file, kafka = tmp_path / "belay.yaml", {"namespace": f"t{new_id()}"}
    content = {"route": "r", "base": "b", "brief": "b.yaml", "broker": apache_kafka, "kafka": kafka}
    file.write_text(yaml.safe_dump(content))
    bus = KafkaBus(load_project(file).bus())
    bus.ensure_topics()
    publish(bus, [announced(SPEC), asked_by_ann()])
    [(record, _)] = events_in(bus, topics.INTERACTIONS, Unreadable())
    logged = LogPlace(partition=record.partition, offset=record.offset)
    publish(bus, [score(1).model_copy(update={"logged": logged})])

    def forget(*words: str) -> dict[str, int]:
        given = CliRunner().invoke(app, ["forget", "-", *words, "--file", str(file), "--json"], input="ann\n")
        assert given.exit_code == 0, given.output
        told = json.loads(given.stdout)
        return {row["topic"]: row["records"] for row in told["topics"] if row["records"]}

    assert forget("--dry-run") == {topics.INTERACTIONS: 1}
    forget()
    assert list(events_in(bus, topics.INTERACTIONS, Unreadable())) == []
    assert forget("--dry-run") == {}
