"""What was written once is read for ever: topics keep records for months, and processes are updated one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from telemetry.codec import decode, encode
from telemetry.events import EVENTS, Event
from tests.telemetry.golden_files import FOLDER, files_of, filled, read, written


def holds(whole: Any, part: Any) -> bool:
    """Whether all of `part` stands in `whole`; what came into being later may stand there as well."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            name in whole and holds(whole[name], part[name]) for name in part
        )
    if isinstance(part, list):
        return isinstance(whole, list) and len(whole) == len(part) and all(map(holds, whole, part))
    return bool(whole == part)


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.json")), ids=lambda file: file.stem)
def test_a_record_of_any_version_is_read_and_nothing_of_it_is_lost(file: Path) -> None:
    record = read(file)
    event = decode(record)
    assert f"{event.TYPE}." in file.name
    assert (event.TOPIC, event.key.encode()) == (record.topic, record.key)
    assert holds(json.loads(event.model_dump_json()), json.loads(record.value or b""))


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.TYPE)
def test_what_is_written_today_is_kept(kind: type[Event]) -> None:
    now = written(encode(filled(kind)))
    assert now in [file.read_text(encoding="utf-8") for file in files_of(kind)], (
        "this type is written otherwise than before: python -m tests.telemetry.golden_files keeps that too"
    )
