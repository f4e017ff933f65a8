"""Where a record lay: grows within a spool, is the same when it is read again, and never belongs to two records."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.spool import folder as spool_folder
from telemetry.spool.folder import identity, segment_numbers, segment_path
from telemetry.spool.reader import SpoolReader
from telemetry.spool.writer import Spool

MB = 1024 * 1024


def write(folder: Path, count: int = 3, segment_bytes: int = 100) -> None:
    with Spool(folder, 10 * MB, segment_bytes) as spool:
        for number in range(count):
            spool.append(b"record %d" % number * 4)


def places(folder: Path, *, acknowledge: bool = True) -> list[tuple[str, int, int]]:
    found = []
    with SpoolReader(folder) as reader:
        while records := reader.read(4):
            found += [record.place for record in records]
            if acknowledge:
                reader.acknowledge()
    assert all(place is not None for place in found)
    return [(place.spool, place.segment, place.offset) for place in found if place is not None]


def test_places_of_a_spool_grow_strictly_and_are_the_same_when_read_again(tmp_path: Path) -> None:
    write(tmp_path, 20)
    first = places(tmp_path, acknowledge=False)
    assert len(first) == 20
    assert places(tmp_path) == first == sorted(set(first))
    write(tmp_path)
    assert places(tmp_path)[0] > first[-1]


def test_a_folder_that_was_lost_is_another_spool(tmp_path: Path) -> None:
    write(tmp_path / "spool")
    before = places(tmp_path / "spool")
    shutil.rmtree(tmp_path / "spool")
    write(tmp_path / "spool")
    after = places(tmp_path / "spool")
    assert len(after) == len(before) == 3
    assert {spool for spool, _, _ in after}.isdisjoint(spool for spool, _, _ in before)


def test_a_folder_that_was_emptied_but_for_its_id_is_another_spool_also_for_a_reader_that_is_there(
    tmp_path: Path,
) -> None:
    write(tmp_path)
    with SpoolReader(tmp_path) as reader:
        before = [record.spool for record in reader.read(10)]
        for number in segment_numbers(tmp_path):
            segment_path(tmp_path, number).unlink()
        write(tmp_path, 9)
        after = [record.spool for record in reader.read(10)]
    assert after
    assert set(before).isdisjoint(after)


def test_a_folder_from_before_gets_an_id_and_keeps_it(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "spool").unlink()
    first = places(tmp_path, acknowledge=False)
    assert places(tmp_path) == first
    assert len(first) == 3
    write(tmp_path)
    assert places(tmp_path)[0][0] == first[0][0]


def test_an_id_that_is_none_is_replaced(tmp_path: Path) -> None:
    write(tmp_path)
    for odd in (b"", b"\xff" * 32, b"Z" * 32, b"ab"):
        (tmp_path / "spool").write_bytes(odd)
        assert len(identity(tmp_path).id) == 32
        assert identity(tmp_path) == identity(tmp_path)


def test_where_the_disk_has_no_room_for_an_id_records_leave_without_a_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path)
    (tmp_path / "spool").unlink()

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, f"No space left on device for {len(content)} bytes", path)

    monkeypatch.setattr(spool_folder, "_write_synced", full)
    with SpoolReader(tmp_path) as reader:
        assert [record.place for record in reader.read(10)] == [None] * 3
    assert "has no id" in caplog.text


def test_after_a_start_of_the_machine_numbers_of_segments_that_it_may_have_lost_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_folder, "boot_id", lambda: "first")
    write(tmp_path, 6)
    sent = places(tmp_path, acknowledge=False)
    last = segment_numbers(tmp_path)[-1]
    segment_path(tmp_path, last).unlink()  # created and sent, but never on the disk when its power went
    monkeypatch.setattr(spool_folder, "boot_id", lambda: "second")
    write(tmp_path)
    write(tmp_path)
    after = [place for place in places(tmp_path) if place not in sent]
    assert len(after) == 6
    assert min(after) > max(sent)
    assert segment_numbers(tmp_path)[-1] < last + 2_000_000


@given(cuts=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 4)), max_size=6))
def test_cutting_the_segment_that_is_written_gives_no_place_a_second_record(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    seen: dict[tuple[int, int], bytes] = {}
    number = 0
    with Spool(folder, 10 * MB) as spool, SpoolReader(folder) as reader:
        for size, more in [*cuts, (0, 3)]:
            for _ in range(more):
                spool.append(b"record %d" % number)
                number += 1
            for record in reader.read(100):
                if record.error is None:
                    assert seen.setdefault((record.segment, record.offset), record.payload) == record.payload
            path = segment_path(folder, 1)
            os.truncate(path, min(size, path.stat().st_size))
