"""A backup: every record back at its place, in new topics alone, and nothing of a backup that is not whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from telemetry import topics
from telemetry.backup import MANIFEST, back_up, restore
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.protocols import Encoded
from telemetry.errors import UsageError
from telemetry.topics import TOPICS

PLACED = [topic.name for topic in TOPICS if topic.cleanup == "delete"]


def new_bus() -> MemoryBus:
    bus = MemoryBus()
    bus.ensure_topics()
    return bus


@pytest.fixture
def bus() -> MemoryBus:
    """Topics with records, tombstones, odd bytes, and beginnings that retention took."""
    bus = new_bus()
    with bus.publisher() as publisher:
        for topic in TOPICS:
            for number in range(40):
                header = ("h", bytes([number]))
                publisher.send(Encoded(topic.name, str(number % 7).encode(), (header,), b"\xff%d" % number))
            publisher.send(Encoded(topic.name, b"0", (), None))
        publisher.flush()
    bus.forget(topics.SCORES, 0, 11)
    for partition in range(4):
        bus.forget(topics.INTERACTIONS, partition, partition * 50)
    del bus.logs[topics.DECISIONS, 0][5:8]
    bus.compact(topics.ROLLOUTS)
    return bus


def test_every_record_lies_again_where_it_lay(bus: MemoryBus, tmp_path: Path) -> None:
    back_up(bus, TOPICS, tmp_path / "b")
    again = new_bus()
    restore(again, tmp_path / "b")
    for where, log in bus.logs.items():
        if where[0] in PLACED:
            assert [r for r in again.logs[where] if r.key] == log
            assert (again.first(where), again.end(where)) == (bus.first(where), bus.end(where))


def test_of_a_compacted_topic_what_is_left_comes_back_in_order_and_of_the_snapshots_nothing(
    bus: MemoryBus, tmp_path: Path
) -> None:
    back_up(bus, TOPICS, tmp_path / "b")
    again = new_bus()
    restore(again, tmp_path / "b")
    left = [(r.key, r.value, r.timestamp_ms) for r in bus.logs[topics.ROLLOUTS, 0]]
    assert [(r.key, r.value, r.timestamp_ms) for r in again.logs[topics.ROLLOUTS, 0]] == left
    assert again.logs[topics.SNAPSHOTS, 0] == []


def test_topics_that_hold_something_are_refused_and_nothing_is_written(
    bus: MemoryBus, tmp_path: Path
) -> None:
    back_up(bus, TOPICS, tmp_path / "b")
    used = new_bus()
    with used.publisher() as publisher:
        publisher.send(Encoded(topics.SNAPSHOTS, b"k", (), b"v"))
        publisher.flush()
    with pytest.raises(UsageError, match=r"topics are not empty: belay\.snapshots"):
        restore(used, tmp_path / "b")
    assert sum(len(log) for log in used.logs.values()) == 1


def test_topics_of_other_partitions_are_refused(bus: MemoryBus, tmp_path: Path) -> None:
    back_up(bus, TOPICS, tmp_path / "b")
    other = new_bus()
    other.logs[topics.INTERACTIONS, 4] = []
    with pytest.raises(UsageError, match=r"partitions are not the backup's: belay\.interactions/4"):
        restore(other, tmp_path / "b")


def test_a_backup_that_is_not_whole_or_was_changed_is_refused(bus: MemoryBus, tmp_path: Path) -> None:
    folder = tmp_path / "b"
    back_up(bus, TOPICS, folder)
    scores = folder / "belay.scores.0.jsonl.gz"
    content = scores.read_bytes()
    scores.write_bytes(content[:-1] + b"!")
    with pytest.raises(UsageError, match=r"belay\.scores\.0\.jsonl\.gz was changed"):
        restore(new_bus(), folder)
    scores.unlink()
    with pytest.raises(UsageError, match=r"belay\.scores\.0\.jsonl\.gz is missing"):
        restore(new_bus(), folder)
    (folder / MANIFEST).unlink()
    with pytest.raises(UsageError, match=r"is no backup: manifest\.json"):
        restore(new_bus(), folder)


def test_a_backup_is_its_owners_alone_and_never_mixed_with_another(bus: MemoryBus, tmp_path: Path) -> None:
    folder = tmp_path / "b"
    back_up(bus, TOPICS, folder)
    assert {file.stat().st_mode & 0o077 for file in folder.iterdir()} == {0}
    with pytest.raises(UsageError, match="is not empty"):
        back_up(bus, TOPICS, folder)
