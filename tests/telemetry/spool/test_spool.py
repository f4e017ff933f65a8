import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.errors import SpoolError
from telemetry.spool.cursor import read_cursor
from telemetry.spool.folder import segment_numbers, segment_path
from telemetry.spool.frames import MAX_PAYLOAD_BYTES, frame
from telemetry.spool.reader import Spooled, SpoolReader
from telemetry.spool.writer import Spool

MB = 1024 * 1024
payloads = st.lists(st.binary(max_size=300), min_size=1, max_size=30)


def read_all(reader: SpoolReader, batch: int = 7, *, acknowledge: bool = True) -> list[Spooled]:
    found = []
    while records := reader.read(batch):
        found += records
        if acknowledge:
            reader.acknowledge()
    reader.acknowledge()
    return found


def write_all(folder: Path, records: list[bytes], **options: int) -> None:
    with Spool(folder, **({"quota_bytes": 10 * MB} | options)) as spool:
        for record in records:
            spool.append(record)


def size_of(payload: bytes) -> int:
    return len(frame(1, payload))


def contents(records: list[Spooled]) -> list[bytes]:
    return [record.payload for record in records]


@given(records=payloads, batch=st.integers(1, 40), segment_bytes=st.integers(1, 2000))
def test_what_is_appended_is_read_once_and_in_order_across_segments(
    tmp_path_factory: pytest.TempPathFactory, records: list[bytes], batch: int, segment_bytes: int
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    write_all(folder, records, segment_bytes=segment_bytes)
    with SpoolReader(folder) as reader:
        assert contents(read_all(reader, batch)) == records
        assert reader.lag_bytes() == 0
    with SpoolReader(folder) as reader:
        assert reader.read(100) == []


@given(records=payloads, cut=st.integers(min_value=0), after=payloads)
@settings(max_examples=150)
def test_a_writer_killed_at_any_byte_costs_only_the_record_it_was_writing(
    tmp_path_factory: pytest.TempPathFactory, records: list[bytes], cut: int, after: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    write_all(folder, records)
    path = segment_path(folder, 1)
    size = path.stat().st_size
    kept = size - cut % (size_of(records[-1]) + 1)
    os.truncate(path, kept)
    (folder / "written").unlink()  # it never says more than was written when a writer is killed
    write_all(folder, after)
    with SpoolReader(folder) as reader:
        found = read_all(reader)
        whole = records if kept == size else records[:-1]
        assert contents(found) == whole + after
        assert all(record.error is None for record in found)
        assert reader.missing.torn == (kept not in (size, size - size_of(records[-1])))


@given(
    before=payloads,
    damaged=st.binary(min_size=1, max_size=300),
    after=payloads,
    position=st.integers(min_value=0),
    flip=st.integers(1, 255),
)
@settings(max_examples=150)
def test_damage_in_the_middle_is_reported_once_and_what_follows_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[bytes],
    damaged: bytes,
    after: list[bytes],
    position: int,
    flip: int,
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    write_all(folder, [*before, damaged, *after])
    path = segment_path(folder, 1)
    content = bytearray(path.read_bytes())
    begin = sum(size_of(record) for record in before)
    content[begin + position % size_of(damaged)] ^= flip
    path.write_bytes(content)
    with Spool(folder, 10 * MB), SpoolReader(folder) as reader:
        found = read_all(reader)
    good = [record.payload for record in found if record.error is None]
    bad = [record for record in found if record.error is not None]
    assert good == before + after
    assert len(bad) == 1
    assert bad[0].offset == begin
    assert "000000000001.records" in str(bad[0].error)


@given(
    steps=st.lists(
        st.sampled_from(["append", "read", "acknowledge", "new_reader", "new_writer"]), max_size=40
    )
)
def test_nothing_acknowledged_is_read_twice_and_nothing_else_is_lost(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spool, reader = Spool(folder, 10 * MB, segment_bytes=60), SpoolReader(folder)
    appended: list[bytes] = []
    acknowledged: list[bytes] = []
    pending: list[bytes] = []
    for step in steps:
        if step == "append":
            appended.append(b"record %d" % len(appended))
            spool.append(appended[-1])
        elif step == "read":
            pending += contents(reader.read(2))
        elif step == "acknowledge":
            reader.acknowledge()
            acknowledged, pending = acknowledged + pending, []
        elif step == "new_reader":
            reader.close()
            reader, pending = SpoolReader(folder), []
        else:
            spool.close()
            spool = Spool(folder, 10 * MB, segment_bytes=60)
        assert acknowledged + pending == appended[: len(acknowledged) + len(pending)]
    assert acknowledged + pending + contents(read_all(reader)) == appended
    reader.close()
    spool.close()


def test_what_was_acknowledged_is_gone_from_the_disk_a_minute_later_with_the_next_record(
    tmp_path: Path,
) -> None:
    now = [0.0]
    with Spool(tmp_path, 10 * MB, clock=lambda: now[0]) as spool, SpoolReader(tmp_path) as reader:
        spool.append(b"what somebody asked")
        now[0] = 59.0
        spool.append(b"within the minute")
        assert contents(read_all(reader)) == [b"what somebody asked", b"within the minute"]
        now[0] = 61.0
        spool.append(b"later")
        assert contents(read_all(reader)) == [b"later"]
        assert not any(b"somebody" in path.read_bytes() for path in tmp_path.iterdir())
        assert len(segment_numbers(tmp_path)) == 1


def test_a_reader_sees_each_record_as_soon_as_it_is_appended(tmp_path: Path) -> None:
    with Spool(tmp_path, 10 * MB, segment_bytes=200) as spool, SpoolReader(tmp_path) as reader:
        for number in range(50):
            spool.append(b"%d" % number * 20)
            assert contents(reader.read(10)) == [b"%d" % number * 20]


def test_a_half_visible_frame_in_the_live_segment_is_waited_for(tmp_path: Path) -> None:
    with Spool(tmp_path, 10 * MB) as spool, SpoolReader(tmp_path) as reader:
        spool.append(b"first")
        whole = frame(2, b"second")
        with segment_path(tmp_path, 1).open("ab", buffering=0) as file:
            file.write(whole[:9])
            assert contents(reader.read(10)) == [b"first"]
            assert reader.read(10) == []
            file.write(whole[9:])
            assert contents(reader.read(10)) == [b"second"]


def test_over_quota_the_oldest_segments_go_and_their_unacknowledged_records_are_counted(
    tmp_path: Path,
) -> None:
    records = [b"%03d" % number * 30 for number in range(100)]
    with Spool(tmp_path, quota_bytes=5000, segment_bytes=1000) as spool:
        for record in records[:12]:
            spool.append(record)
        with SpoolReader(tmp_path) as reader:
            assert contents(reader.read(3)) == records[:3]
            reader.acknowledge()
        for record in records[12:]:
            spool.append(record)
            held = sum(segment_path(tmp_path, n).stat().st_size for n in segment_numbers(tmp_path))
            assert held <= 5000
        with SpoolReader(tmp_path) as reader:
            left = contents(read_all(reader))
            reader.missing.dropped.read()
            assert reader.missing.dropped.records == spool.dropped
            assert reader.missing.lost.records == 0
        assert left == records[-len(left) :]
        assert spool.dropped == 100 - 3 - len(left) > 0
    with Spool(tmp_path, quota_bytes=5000) as again:
        assert again.dropped == spool.dropped


def test_acknowledged_segments_are_deleted_and_their_numbers_never_used_again(tmp_path: Path) -> None:
    write_all(tmp_path, [b"x" * 50] * 10, segment_bytes=100)
    with SpoolReader(tmp_path) as reader:
        read_all(reader)
    assert segment_numbers(tmp_path) == [10]
    segment_path(tmp_path, 10).unlink()
    with Spool(tmp_path, 10 * MB) as spool:
        spool.append(b"later")
        assert segment_numbers(tmp_path) == [11]
        with SpoolReader(tmp_path) as reader:
            assert contents(reader.read(5)) == [b"later"]


def test_a_spool_has_one_writer_and_one_reader(tmp_path: Path) -> None:
    with Spool(tmp_path, MB), pytest.raises(SpoolError, match="already has a writer"):
        Spool(tmp_path, MB)
    with SpoolReader(tmp_path), pytest.raises(SpoolError, match="already has a reader"):
        SpoolReader(tmp_path)
    with Spool(tmp_path, MB), SpoolReader(tmp_path):
        pass


def test_a_record_beyond_quota_or_limit_is_refused_and_the_spool_goes_on(tmp_path: Path) -> None:
    with Spool(tmp_path, quota_bytes=1000) as spool, SpoolReader(tmp_path) as reader:
        with pytest.raises(SpoolError, match="does not fit into the spool's 1000"):
            spool.append(b"x" * 2000)
        spool.append(b"small")
        assert contents(reader.read(5)) == [b"small"]
    assert MAX_PAYLOAD_BYTES >= 64 * MB


def test_an_unusable_folder_or_cursor_is_an_error_that_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match=r"file/spool cannot be used"):
        Spool(tmp_path / "file" / "spool", MB)
    (tmp_path / "cursor.json").write_text("{}")
    with pytest.raises(SpoolError, match=r"cursor\.json cannot be read"):
        SpoolReader(tmp_path)


KILLED_WRITER = """
import sys
from pathlib import Path
from telemetry.spool.writer import Spool
spool = Spool(Path(sys.argv[1]), 50_000_000, segment_bytes=20_000)
number = 0
while True:
    spool.append(b"%d " % number + b"x" * (number % 700))
    number += 1
    if number % 50 == 0:
        print(number, flush=True)
"""


def test_after_kill_9_of_the_writer_everything_it_reported_is_read(tmp_path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", KILLED_WRITER, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None
        reported, deadline = 0, time.monotonic() + 10
        with SpoolReader(tmp_path) as reader:
            found: list[Spooled] = []
            while reported < 3000 and time.monotonic() < deadline:
                reported = int(writer.stdout.readline())
                found += reader.read(20)
                reader.acknowledge()
            os.kill(writer.pid, signal.SIGKILL)
            writer.wait()
            with Spool(tmp_path, 50_000_000) as again:
                again.append(b"after")
                found += read_all(reader, 500)
        numbers = [int(record.payload.split()[0]) for record in found[:-1]]
        assert numbers == list(range(len(numbers)))
        assert len(numbers) >= reported >= 3000
        assert found[-1].payload == b"after"
        assert all(record.error is None for record in found)
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()


def test_the_cursor_moves_only_with_an_acknowledgement(tmp_path: Path) -> None:
    write_all(tmp_path, [b"a", b"b"])
    with SpoolReader(tmp_path) as reader:
        reader.read(1)
        assert read_cursor(tmp_path).offset == 0
        reader.acknowledge()
        assert read_cursor(tmp_path) == (1, size_of(b"a"), 1, 2)
