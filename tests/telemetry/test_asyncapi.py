"""The document of the topics: held to the events, to what was really written, and to AsyncAPI's own schema."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from telemetry.asyncapi import document
from telemetry.bus.names import Names
from telemetry.events import EVENTS
from telemetry.topics import TOPICS
from tests.places import ROOT
from tests.telemetry.golden_files import DOCUMENT, document_text

jsonschema = pytest.importorskip("jsonschema")

SPECS = "@asyncapi/specs@6.11.1"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "belay" / "tools" / SPECS
GOLDEN = sorted((ROOT / "tests" / "telemetry" / "golden").glob("*.json"))


@functools.cache
def committed() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    return found


@functools.cache
def asyncapi_schema() -> dict[str, Any]:
    """AsyncAPI's own schema, out of its package on npm and kept for the next run; skips without it."""
    file = CACHE / "3.0.0.json"
    if not file.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("no npm on the PATH")
        CACHE.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [npm, "pack", SPECS, "--silent", "--fetch-retries=0", "--fetch-timeout=10000"],
            cwd=CACHE,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            pytest.skip(f"npm has no {SPECS}: {done.stderr.strip().splitlines()[-1:]}")
        with tarfile.open(CACHE / done.stdout.strip()) as packed:
            member = packed.extractfile("package/schemas/3.0.0.json")
            assert member is not None
            file.write_bytes(member.read())
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def complaints(schema: dict[str, Any], value: Any) -> list[str]:
    found = jsonschema.Draft7Validator(schema).iter_errors(value)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in found]


def test_the_page_of_the_topics_is_what_the_events_say() -> None:
    said = DOCUMENT.read_text(encoding="utf-8")
    assert said == document_text(), "make it anew: python -m tests.telemetry.golden_files"


def test_asyncapi_takes_the_document() -> None:
    assert complaints(asyncapi_schema(), committed()) == []


def test_a_mistake_in_such_a_document_is_found() -> None:
    wrong = json.loads(json.dumps(committed()))
    wrong["operations"]["sendDecisionMade"]["action"] = "say"
    assert complaints(asyncapi_schema(), wrong)


def test_every_event_is_a_message_of_its_topic_under_the_name_that_a_namespace_gives_it() -> None:
    made = document(TOPICS, Names("shop"), "1")
    assert made["channels"]["belay.scores"]["address"] == "shop.scores"
    for event in EVENTS:
        assert event.__name__ in made["channels"][event.TOPIC]["messages"]
        assert made["components"]["messages"][event.__name__]["name"] == event.TYPE
    assert {topic.name for topic in TOPICS} == set(made["channels"])


def test_every_reference_leads_somewhere() -> None:
    made = committed()

    def references(value: Any) -> list[str]:
        if isinstance(value, list):
            return [found for each in value for found in references(each)]
        if not isinstance(value, dict):
            return []
        return [str(v) for k, v in value.items() if k == "$ref"] + references(list(value.values()))

    for reference in references(made):
        place: Any = made
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_what_was_ever_written_is_a_message_of_the_document(file: Path) -> None:
    record = json.loads(file.read_text(encoding="utf-8"))
    if record["value"] is None:
        return
    headers = dict(record["headers"])
    made = committed()
    (message,) = (m for m in made["components"]["messages"].values() if m["name"] == headers["ce_type"])
    schemas = {"components": made["components"]}
    assert complaints(schemas | message["payload"], json.loads(record["value"])) == []
    assert complaints(made["components"]["schemas"]["Headers"], headers) == []
