"""A log file record by record: JSON lines, one at a time, or one JSON document. What cannot be read is said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from evaluator.map.discovering.gathering import Heard
from evaluator.map.discovering.log_formats import read_record
from telemetry.errors import UsageError

LARGEST_DOCUMENT: Final = 1 << 30
"""Bytes of a JSON document, which is read whole; lines are read one by one and have no such limit."""
_PEEK: Final = 1 << 16
EXPECTED: Final = (
    "Expected, one JSON object a line or one JSON document: OpenAI requests (messages), request and response, batch "
    "input (body); a Langfuse export of traces or observations; LiteLLM's spend logs or standard logging payload."
)


def log_exchanges(path: Path) -> Iterator[Heard]:
    """Every record of the file: its exchanges, or why it has none. UsageError where there is no file, or nothing in it.

    A line is broken where it is no JSON or no UTF-8; a record of no known format is told with the keys that it has.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {path}", hint="--from-traffic takes a log, or topic:NAME.")
    if not path.stat().st_size:
        raise UsageError(f"{path} is empty", hint=EXPECTED)
    records = _document(path) if _is_document(path) else _lines(path)
    for where, record in records:
        if isinstance(record, Heard):
            yield record
            continue
        read = read_record(record)
        if read is None:
            yield Heard(where, broken=_unknown(record))
        else:
            yield Heard(where, read.exchanges, format=read.format, reason=read.reason)


def _unknown(record: Any) -> str:
    if not isinstance(record, Mapping):
        return f"no known record: {type(record).__name__}"
    keys = ", ".join(list(map(str, record))[:6]) or "none"
    return f"no known record: its keys are {keys}"


def _is_document(path: Path) -> bool:
    """Whether the file is one JSON value over several lines, and not a value a line."""
    with path.open("rb") as file:
        start = file.read(_PEEK).removeprefix(b"\xef\xbb\xbf").lstrip()
        if start[:1] == b"[":
            return True
        if start[:1] != b"{":
            return False
        file.seek(0)
        first = next((line for line in file if line.strip()), b"")
        # A document that is laid out over lines begins with a line that is no JSON by itself, such as "{".
        return len(first.strip()) < _PEEK and not _parses(first) and _opens(first)


def _opens(line: bytes) -> bool:
    text = line.removeprefix(b"\xef\xbb\xbf").strip()
    return text == b"{" or (text.startswith(b"{") and text.endswith((b"[", b"{", b",")))


def _parses(line: bytes) -> bool:
    try:
        json.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return False
    return True


def _lines(path: Path) -> Iterator[tuple[str, Any]]:
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            line = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
            if line.strip():
                where = f"line {number}"
                yield where, _value(line, where)


def _value(line: bytes, where: str) -> Any:
    try:
        return json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return Heard(where, broken=f"not UTF-8: {error.reason} at byte {error.start}")
    except (ValueError, RecursionError) as error:
        return Heard(where, broken=f"not valid JSON: {error}")


def _document(path: Path) -> Iterator[tuple[str, Any]]:
    size = path.stat().st_size
    if size > LARGEST_DOCUMENT:
        raise UsageError(
            f"{path} is one JSON document of {size / 1e6:,.0f} MB, at most {LARGEST_DOCUMENT / 1e6:,.0f} are read",
            hint="Export it as JSON lines, which are read one by one.",
        )
    try:
        value = json.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf").decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no valid JSON document: {error}", hint=EXPECTED) from error
    for number, record in enumerate(_records_in(value), start=1):
        yield f"record {number}", record


def _records_in(value: Any) -> list[Any]:
    """The records of a document: a list of them, or an answer of an API that holds one."""
    if isinstance(value, Mapping):
        for key in ("data", "traces", "records", "logs"):
            if isinstance(value.get(key), list):
                return list(value[key])
        return [value]
    return value if isinstance(value, list) else [value]
