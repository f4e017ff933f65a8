"""Records as they were once written: one file for each event type and each way in which it was ever written.

They are read for ever (`test_golden`). `python -m tests.telemetry.golden_files` adds a file for each type that is
written otherwise today than in any of its files; those that are there are never changed, and none is deleted. It also
writes docs/asyncapi.json anew, which says what is written today.
"""

from __future__ import annotations

import json
import types
import typing
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from pydantic import AwareDatetime, BaseModel

from telemetry.asyncapi import document
from telemetry.bus.names import Names
from telemetry.bus.protocols import Encoded, Record
from telemetry.codec import encode
from telemetry.events import EVENTS, Event
from telemetry.topics import TOPICS
from telemetry.word_table import table_of
from tests.places import ROOT

FOLDER: Final = Path(__file__).parent / "golden"
DOCUMENT: Final = ROOT / "docs" / "asyncapi.json"
TIME: Final = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
_PLAIN: Final[dict[object, Any]] = {bool: True, int: 3, float: 0.25, AwareDatetime: TIME, datetime: TIME}
_CHOSEN: Final[dict[str, Any]] = {
    # What a field's type does not tell.
    "ScoreRecorded.unscored": None, "guardrails": (), "watched": True, "holds": False, "part": 0, "parts": 1,
    "WordTableMade.table": table_of(("sums", "facts"), 3, (0, 2), {"who": (0, 300)}),
    "stage": 0, "begin": "20:00", "currency": "EUR", "end": "08:00", "event_id": "e" * 32, "subject": "ab" * 16,
}  # fmt: skip


def files_of(kind: type[Event]) -> list[Path]:
    """The files of one type, oldest first."""
    return sorted(FOLDER.glob(f"{kind.TYPE}.*.json"))


def read(file: Path) -> Record:
    """The record in a file."""
    kept = json.loads(file.read_text(encoding="utf-8"))
    headers = tuple((name, value.encode()) for name, value in kept["headers"])
    return Record(kept["topic"], 0, 7, kept["key"].encode(), headers, kept["value"].encode(), 0)


def written(record: Encoded) -> str:
    """What a file says of a record; its value stays the text that it is, byte for byte."""
    kept = {
        "topic": record.topic,
        "key": record.key.decode(),
        "headers": [[name, value.decode()] for name, value in record.headers],
        "value": (record.value or b"").decode(),
    }
    return json.dumps(kept, indent=1, ensure_ascii=False) + "\n"


def filled(kind: type[BaseModel]) -> Any:
    """A value with every field filled by its type, also those that may be absent; the same at every call."""
    fields = {}
    for name, field in kind.model_fields.items():
        mine = f"{kind.__name__}.{name}"
        chosen = mine if mine in _CHOSEN else name
        fields[name] = _CHOSEN[chosen] if chosen in _CHOSEN else _value(field.annotation, name)
    return kind.model_validate(fields)


def _value(annotation: Any, name: str) -> Any:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if origin is typing.Annotated:
        return _value(arguments[0], name)
    if origin in (typing.Union, types.UnionType):
        return _value(next(one for one in arguments if one is not types.NoneType), name)
    if origin is typing.Literal:
        return arguments[0]
    if origin is tuple:
        return tuple(_value(one, name) for one in arguments if one is not Ellipsis)
    if origin is dict:
        return {"addition": "any" if arguments[1] is typing.Any else _value(arguments[1], name)}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return filled(annotation)
    return f"{name} ü"


def document_text() -> str:
    """What docs/asyncapi.json should hold."""
    made = document(TOPICS, Names(), version("belay"))
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Add what is missing, and write the document."""
    DOCUMENT.write_text(document_text(), encoding="utf-8")
    for kind in EVENTS:
        now = written(encode(filled(kind)))
        there = files_of(kind)
        if all(file.read_text(encoding="utf-8") != now for file in there):
            file = FOLDER / f"{kind.TYPE}.{len(there) + 1:03d}.json"
            file.write_text(now, encoding="utf-8")


if __name__ == "__main__":
    main()
