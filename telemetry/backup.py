"""The topics as files and back, every record at the offset where it was.

    FOLDER/belay.scores.0.jsonl.gz    a partition: a record a line, with offset, timestamp, key, headers and value
    FOLDER/manifest.json              what there is and its hashes; written last, so a folder without one is no backup
    FOLDER/artifacts/                 models, audits and the like, where whoever asks for the backup adds them

Proofs, scores and `belay replay` name records by partition and offset, so a restored record has to lie where it lay:
topics have to be new, and what is missing before and between records is filled with empty ones, of which those at the
beginning are deleted again. In compacted topics nothing is named by its offset: what is left is written in order.
Snapshots of the evidence stay out: their topic of scores has another identity now, and whoever decides folds the scores
from the beginning to the same bits.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic import AwareDatetime, Field, ValidationError

from telemetry import topics
from telemetry.bus.catching_up import read_to_end
from telemetry.bus.protocols import Bus, Publisher, Record
from telemetry.codec import explain
from telemetry.errors import InfrastructureError, UsageError
from telemetry.events import Value
from telemetry.files import write_renamed
from telemetry.topics import Topic

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
_AT_ONCE: Final = 2_000
# What names a record of another topic is read before it, so that a backup of what still runs holds what it names.
_ORDER: Final = (
    topics.ROLLOUTS,
    topics.AUDIT_LOG,
    topics.DECISIONS,
    topics.WATCH,
    topics.GRADES,
    topics.SCORES,
)


class PlacedPublisher(Publisher, Protocol):
    """Writes records where they were, too."""

    def send_to(self, record: Record) -> None:
        """Queue a record for its own partition, with its own timestamp; its offset is the partition's next one."""


class RestoringBus(Bus, Protocol):
    """A broker that topics can be restored to."""

    def publisher(self) -> PlacedPublisher:
        """A new publisher."""

    def delete_before(self, topic: str, offsets: Mapping[int, int]) -> None:
        """Delete what lies before these offsets, by partition."""


class Part(Value):
    """A partition: the offsets from `begin` to before `end`, of which `records` are left."""

    topic: str
    partition: int
    file: str
    sha256: str
    records: int
    begin: int
    end: int
    compacted: bool


class Manifest(Value):
    """What a backup holds."""

    format: int
    made: AwareDatetime
    parts: tuple[Part, ...]
    artifacts: dict[str, str] = Field(default_factory=dict, exclude_if=lambda artifacts: not artifacts)
    """The hash of what lies beside the topics, by its name. Not written where there is none, so that versions of Belay
    which know none read such a backup too."""


def back_up(
    bus: Bus, layout: Sequence[Topic], folder: Path, beside: Callable[[Path], dict[str, str]] | None = None
) -> Manifest:
    """Write every topic's records up to now into a new folder, then what `beside` adds: records may name that.

    Raises UsageError where the folder holds something already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", hint="Name a folder that is new: a backup is never mixed.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = [topic for topic in layout if topic.name != topics.SNAPSHOTS]
    kept.sort(key=lambda topic: _ORDER.index(topic.name) if topic.name in _ORDER else len(_ORDER))
    parts = [part for topic in kept for part in _written(bus, topic, folder)]
    added = {} if beside is None else beside(folder)
    manifest = Manifest(format=FORMAT, made=datetime.now(UTC), parts=tuple(parts), artifacts=added)
    write_renamed(folder / MANIFEST, manifest.model_dump_json(indent=1).encode(), private=True)
    return manifest


def _written(bus: Bus, topic: Topic, folder: Path) -> Iterator[Part]:
    """Each partition of a topic, its file written."""
    with bus.reader([topic.name]) as reader:
        begins = {partition: begin for (_, partition), begin in reader.begin_offsets().items()}
        ends, counts = dict(begins), dict.fromkeys(begins, 0)
        files = {partition: folder / f"{topic.name}.{partition}.jsonl.gz" for partition in sorted(begins)}
        for file in files.values():
            file.touch(mode=0o600)  # users' texts are in it
        with ExitStack() as opened:
            lines = {p: opened.enter_context(gzip.open(file, "wb")) for p, file in files.items()}
            for record in read_to_end(reader):
                lines[record.partition].write(_line(record))
                ends[record.partition] = record.offset + 1
                counts[record.partition] += 1
    for partition, file in files.items():
        yield Part(
            topic=topic.name,
            partition=partition,
            file=file.name,
            sha256=_sha256(file),
            records=counts[partition],
            begin=begins[partition],
            end=ends[partition],
            compacted=topic.cleanup == "compact",
        )


def read_manifest(folder: Path) -> Manifest:
    """What a backup holds, every file's hash compared. Raises UsageError with what is wrong with it."""
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except OSError as error:
        raise UsageError(
            f"{folder} is no backup: {MANIFEST}: {error.strerror}",
            hint="The manifest is written last: a backup that was interrupted has none.",
        ) from error
    except ValidationError as error:
        raise UsageError(f"{folder / MANIFEST} is no manifest of a backup: {explain(error)}") from error
    if manifest.format != FORMAT:
        raise UsageError(f"{folder / MANIFEST} has format {manifest.format}, this version reads {FORMAT}")
    for part in manifest.parts:
        file = folder / Path(part.file).name
        if not file.is_file():
            raise UsageError(f"{folder} is not whole: {part.file} is missing")
        if (found := _sha256(file)) != part.sha256:
            raise UsageError(f"{file} was changed: its SHA-256 is {found}, the manifest has {part.sha256}")
    return manifest


def restore(bus: RestoringBus, folder: Path) -> Manifest:
    """Write a backup into topics that are empty. Raises UsageError, before anything is written, where they are not."""
    manifest = read_manifest(folder)
    bus.ensure_topics()
    _check_empty(bus, manifest)
    # Rollouts come last: whoever acts on them finds the rest there.
    parts = sorted(manifest.parts, key=lambda one: one.topic == topics.ROLLOUTS)
    with bus.publisher() as publisher:
        for part in parts:
            for count, record in enumerate(_placed(part, folder), start=1):
                publisher.send_to(record)
                if count % _AT_ONCE == 0:
                    publisher.flush()
            publisher.flush()
    for part in parts:
        if part.begin and not part.compacted:
            bus.delete_before(part.topic, {part.partition: part.begin})
    _check_places(bus, manifest)
    return manifest


def _check_empty(bus: Bus, manifest: Manifest) -> None:
    wanted = {(part.topic, part.partition) for part in manifest.parts}
    names = sorted({topic for topic, _ in wanted} | {topics.SNAPSHOTS})
    with bus.reader(names) as reader:
        ends = reader.end_offsets()
    if used := sorted({topic for (topic, _), end in ends.items() if end}):
        raise UsageError(
            f"the broker's topics are not empty: {', '.join(used)}",
            hint="A backup is restored to new topics alone, with nothing of Belay running: proofs name offsets. "
            "Give another `namespace` in belay.yaml, or delete these topics.",
        )
    there = {where for where in ends if where[0] != topics.SNAPSHOTS}
    if there != wanted:
        differing = ", ".join(f"{topic}/{partition}" for topic, partition in sorted(there ^ wanted))
        raise UsageError(
            f"the broker's partitions are not the backup's: {differing}",
            hint="Set `interactions_partitions` as it was, and make the topics anew.",
        )


def _check_places(bus: Bus, manifest: Manifest) -> None:
    with bus.reader(sorted({part.topic for part in manifest.parts})) as reader:
        ends = reader.end_offsets()
    for part in manifest.parts:
        wanted, found = part.records if part.compacted else part.end, ends[part.topic, part.partition]
        if found != wanted:
            raise InfrastructureError(
                f"{part.topic}/{part.partition} ends at offset {found} after the restore, expected {wanted}",
                hint="Somebody else writes there. Stop everything, delete the topics and restore again.",
            )


def _placed(part: Part, folder: Path) -> Iterator[Record]:
    """A partition's records in order, with empty ones where there are none any more."""
    at = 0
    with gzip.open(folder / Path(part.file).name, "rb") as lines:
        for line in lines:
            record = _record(part, json.loads(line))
            if not part.compacted:
                yield from (_filler(part, offset, record.timestamp_ms) for offset in range(at, record.offset))
            yield record
            at = record.offset + 1
    if not part.compacted:
        yield from (_filler(part, offset, 0) for offset in range(at, part.end))


def _filler(part: Part, offset: int, timestamp_ms: int) -> Record:
    return Record(part.topic, part.partition, offset, b"", (), None, timestamp_ms)


def _line(record: Record) -> bytes:
    fields = {
        "offset": record.offset,
        "timestamp_ms": record.timestamp_ms,
        "key": _text(record.key),
        "headers": [[name, _text(value)] for name, value in record.headers],
        "value": _text(record.value),
    }
    return json.dumps(fields).encode() + b"\n"


def _record(part: Part, fields: Mapping[str, Any]) -> Record:
    headers = tuple((name, _bytes(value) or b"") for name, value in fields["headers"])
    return Record(
        part.topic, part.partition, fields["offset"], _bytes(fields["key"]), headers, _bytes(fields["value"]),
        fields["timestamp_ms"],
    )  # fmt: skip


def _text(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
