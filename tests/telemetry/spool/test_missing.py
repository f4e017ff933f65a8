"""What is lost is counted record by record, named by segment and numbers, and said as an error."""

from __future__ import annotations

import json
import logging
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.spool.folder import segment_numbers, segment_path
from telemetry.spool.frames import OLD_HEADER, frame
from telemetry.spool.losses import Ledger, Loss, without
from telemetry.spool.reader import SpoolReader
from telemetry.spool.writer import Spool


def old_frame(payload: bytes) -> bytes:
    """A payload as it lay in a segment before records had numbers: its checksum is of its length and itself."""
    size = len(payload)
    return OLD_HEADER.pack(size, zlib.crc32(size.to_bytes(4, "little") + payload)) + payload


MB = 1024 * 1024
SIZE = len(frame(1, b"record 000"))


def write(folder: Path, count: int, segment_bytes: int = 10 * SIZE) -> None:
    with Spool(folder, 10 * MB, segment_bytes) as spool:
        for number in range(1, count + 1):
            spool.append(b"record %03d" % number)


def read(folder: Path) -> tuple[list[bytes], SpoolReader]:
    found = []
    with SpoolReader(folder) as reader:
        while records := reader.read(7):
            found += [record.payload for record in records if record.error is None]
            reader.acknowledge()
        reader.acknowledge()
    return found, reader


def ranges(reader: SpoolReader) -> list[tuple[int, int, int]]:
    return [(loss.segment, loss.first, loss.last) for loss in reader.missing.lost.losses]


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


BREAKS: dict[str, tuple[Callable[[Path], object], tuple[int, int, int]]] = {
    "cut within a record": (lambda f: os.truncate(segment_path(f, 2), 4 * SIZE + 5), (2, 15, 20)),
    "cut between records": (lambda f: os.truncate(segment_path(f, 2), 4 * SIZE), (2, 15, 20)),
    "cut to nothing": (lambda f: os.truncate(segment_path(f, 2), 0), (1, 11, 20)),
    "a flipped bit in a text": (lambda f: flip(segment_path(f, 2), 3 * SIZE - 1), (2, 13, 13)),
    "a flipped bit in a number": (lambda f: flip(segment_path(f, 2), 3 * SIZE + 9), (2, 14, 14)),
    "a flipped bit in a length": (lambda f: flip(segment_path(f, 2), 3 * SIZE), (2, 14, 14)),
    "a flipped bit in the last record": (lambda f: flip(segment_path(f, 2), 10 * SIZE - 1), (2, 20, 20)),
    "a segment deleted": (lambda f: segment_path(f, 2).unlink(), (1, 11, 20)),
}


@pytest.mark.parametrize("how", BREAKS)
def test_a_loss_is_counted_named_and_logged_and_all_else_is_read(
    tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, 30)
    breaks, lost = BREAKS[how]
    breaks(tmp_path)
    found, reader = read(tmp_path)
    segment, first, last = lost
    gone = set(range(first, last + 1))
    assert found == [b"record %03d" % number for number in range(1, 31) if number not in gone]
    assert ranges(reader) == [lost]
    assert reader.missing.lost.records == len(gone)
    (said,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert f"lost {len(gone)} records (numbers {first} to {last}) in segment {segment:012d}" in said.message


def test_a_cut_of_the_last_segment_is_known_as_soon_as_a_writer_goes_on(tmp_path: Path) -> None:
    write(tmp_path, 16)
    os.truncate(segment_path(tmp_path, 2), 3 * SIZE)
    write(tmp_path, 4)
    found, reader = read(tmp_path)
    assert len(found) == 17
    assert ranges(reader) == [(2, 14, 16)]


def test_a_cut_under_the_writer_is_known_at_its_next_record(tmp_path: Path) -> None:
    with Spool(tmp_path, 10 * MB) as spool, SpoolReader(tmp_path) as reader:
        for number in range(20):
            spool.append(b"record %03d" % number)
        assert len(reader.read(5)) == 5
        os.truncate(segment_path(tmp_path, 1), 0)
        spool.append(b"afterwards")
    write(tmp_path, 1)
    found, reader = read(tmp_path)
    assert found == [b"afterwards", b"record 001"]
    assert [(loss.first, loss.last) for loss in reader.missing.lost.losses] == [(1, 20)]


def test_what_follows_a_cut_under_the_writer_is_read_at_once(tmp_path: Path) -> None:
    with Spool(tmp_path, 10 * MB) as spool, SpoolReader(tmp_path) as reader:
        for number in range(20):
            spool.append(b"record %03d" % number)
        assert len(reader.read(5)) == 5
        reader.acknowledge()
        os.truncate(segment_path(tmp_path, 1), 7 * SIZE)
        spool.append(b"afterwards")
        reader.rewind()
        found = [record.payload for record in reader.read(50) if record.error is None]
        assert found == [b"record 005", b"record 006", b"afterwards"]
        assert ranges(reader) == [(1, 8, 20)]


def test_a_loss_is_kept_counted_once_and_told_again_by_no_later_reader(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, 30)
    os.truncate(segment_path(tmp_path, 2), 4 * SIZE)
    with SpoolReader(tmp_path) as reader:
        assert len(reader.read(100)) == 24
        reader.rewind()
        assert len(reader.read(100)) == 24
        assert reader.missing.lost.records == 6
    with SpoolReader(tmp_path) as reader:
        assert len(reader.read(100)) == 24
        reader.acknowledge()
    with SpoolReader(tmp_path) as reader:
        assert reader.missing.lost.records == 6
        assert reader.read(100) == []
    assert (
        caplog.text.count("numbers 15 to 20") == 2
    )  # of the second reader once more: the first acknowledged nothing


def test_what_the_quota_took_is_named_by_the_writer_and_no_loss_to_the_reader(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Spool(tmp_path, 30 * SIZE, 10 * SIZE) as spool, SpoolReader(tmp_path) as reader:
        for number in range(1, 13):
            spool.append(b"record %03d" % number)
        assert len(reader.read(4)) == 4
        reader.acknowledge()
        for number in range(13, 101):
            spool.append(b"record %03d" % number)
        reader.rewind()
        found = [record.payload for record in reader.read(100)]
        kept = len(found)
        assert found == [b"record %03d" % number for number in range(101 - kept, 101)]
        assert reader.missing.lost.records == 0
        assert spool.dropped == 100 - 4 - kept
        reader.missing.dropped.read()
        (loss,) = reader.missing.dropped.losses
        assert (loss.first, loss.last, loss.records) == (5, 100 - kept, spool.dropped)
    assert "(numbers 5 to 10) in segment 000000000001: dropped by the quota" in caplog.text


def test_a_reader_that_begins_late_or_without_its_cursor_cries_no_loss(tmp_path: Path) -> None:
    write(tmp_path, 30)
    assert len(read(tmp_path)[0]) == 30
    (tmp_path / "cursor").unlink()
    found, reader = read(tmp_path)
    assert len(found) == 10
    assert reader.missing.lost.records == 0
    write(tmp_path, 3)
    assert read(tmp_path)[1].missing.lost.records == 0


def test_segments_from_before_records_had_numbers_are_read_with_their_cursor(tmp_path: Path) -> None:
    whole = b"".join(old_frame(b"old %d" % number) for number in range(4))
    (tmp_path / "000000000003.segment").write_bytes(whole + old_frame(b"half")[:-2])
    (tmp_path / "cursor.json").write_text(
        json.dumps({"segment": 3, "offset": len(old_frame(b"old 0")), "records": 1})
    )
    write(tmp_path, 3)
    number = segment_numbers(tmp_path)[-1]
    found, reader = read(tmp_path)
    assert found == [b"old 1", b"old 2", b"old 3", b"record 001", b"record 002", b"record 003"]
    assert (reader.missing.torn, reader.missing.lost.records) == (1, 0)
    assert not (tmp_path / "cursor.json").exists()
    assert segment_numbers(tmp_path) == [number]


def test_damage_and_quota_in_segments_from_before_are_counted_without_numbers(tmp_path: Path) -> None:
    for segment in (1, 2):
        (tmp_path / f"{segment:012d}.segment").write_bytes(old_frame(b"x" * 100) * 5)
    flip(tmp_path / "000000000002.segment", 150)
    with Spool(tmp_path, 1500, 900) as spool:
        assert spool.dropped == 5
    found, reader = read(tmp_path)
    assert len(found) == 4
    assert ranges(reader) == [(2, 0, 0)]
    reader.missing.dropped.read()
    assert [loss.records for loss in reader.missing.dropped.losses] == [5]


@given(
    first=st.integers(1, 30),
    size=st.integers(0, 30),
    known=st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9)), max_size=5),
)
def test_what_is_left_of_a_range_is_what_no_known_loss_has(
    first: int, size: int, known: list[tuple[int, int]]
) -> None:
    losses = [
        Loss(records=n + 1, first=f, last=f + n, segment=1, until=1, what="x", time="t") for f, n in known
    ]
    left = [number for begin, end in without(first, first + size, losses) for number in range(begin, end + 1)]
    covered = {number for f, n in known for number in range(f, f + n + 1)}
    assert left == [number for number in range(first, first + size + 1) if number not in covered]


def test_a_ledger_keeps_the_last_losses_and_the_sum_of_all(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "lost.json")
    for number in range(250):
        assert ledger.add(
            Loss(records=2, first=1 + 3 * number, last=2 + 3 * number, segment=1, until=1, what="x", time="t")
        )
    ledger.save()
    again = Ledger(tmp_path / "lost.json")
    assert (again.records, len(again.losses), again.losses[-1].last) == (500, 100, 749)
    (tmp_path / "lost.json").write_text('{"records": 7}')  # as it was before losses had names
    assert Ledger(tmp_path / "lost.json").records == 7
