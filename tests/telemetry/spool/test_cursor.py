"""The cursor: in place, whole or not at all, and never in the way of what frees its disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.errors import SpoolError
from telemetry.spool.cursor import START, Cursor, CursorFile, read_cursor
from telemetry.spool.folder import segment_numbers
from telemetry.spool.reader import SpoolReader
from telemetry.spool.writer import Spool

MB = 1024 * 1024
numbers = st.integers(0, 2**64 - 1)
cursors = st.lists(
    st.tuples(numbers, numbers, numbers, numbers).map(lambda fields: Cursor(*fields)), min_size=1
)


class FullDisk:
    """A disk that has no room for what lies below a folder, from when `full` is set."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.full = False
        self._folder = folder
        self._open, replace = os.open, Path.replace

        def replaced(path: Path, target: Path) -> Path:
            if self.full and self._folder in path.parents:
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
            return replace(path, target)

        patch.setattr(os, "open", self._opened)
        patch.setattr(Path, "replace", replaced)

    def _opened(self, path: str | Path, flags: int, mode: int = 0o777, **more: int) -> int:
        if self.full and flags & os.O_WRONLY and self._folder in Path(path).parents:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return self._open(path, flags, mode, **more)


@given(written=cursors)
def test_the_last_cursor_written_is_read_and_the_file_never_grows(
    tmp_path_factory: pytest.TempPathFactory, written: list[Cursor]
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    assert read_cursor(folder) == START
    file = CursorFile(folder)
    sizes = set()
    for cursor in written:
        file.write(cursor)
        sizes.add((folder / "cursor").stat().st_size)
        assert read_cursor(folder) == cursor
        assert CursorFile(folder).read == cursor
    assert sizes == {1024}


@given(
    written=st.lists(st.integers(1, 99), min_size=2, max_size=6),
    at=st.integers(0, 1023),
    flip=st.integers(1, 255),
)
def test_a_slot_that_is_damaged_costs_one_step_back(
    tmp_path_factory: pytest.TempPathFactory, written: list[int], at: int, flip: int
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    file = CursorFile(folder)
    for segment in written:
        file.write(Cursor(segment, 0, 0, 1))
    content = bytearray((folder / "cursor").read_bytes())
    content[at] ^= flip
    (folder / "cursor").write_bytes(content)
    assert read_cursor(folder).segment in written[-2:]


def test_a_cursor_without_a_valid_slot_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "cursor").write_bytes(b"\0" * 1024)
    with pytest.raises(SpoolError, match="cursor cannot be read: neither of its two slots") as caught:
        SpoolReader(tmp_path)
    assert "Delete the file" in (caught.value.hint or "")
    (tmp_path / "cursor").unlink()
    SpoolReader(tmp_path).close()


def test_on_a_full_disk_segments_that_are_done_are_deleted_and_the_place_is_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Spool(tmp_path, 10 * MB, segment_bytes=100) as spool:
        for number in range(20):
            spool.append(b"record %d" % number * 4)
    last = segment_numbers(tmp_path)[-1]
    disk = FullDisk(tmp_path, monkeypatch)
    with SpoolReader(tmp_path) as reader:
        disk.full = True
        found = []
        while records := reader.read(3):
            found += [record.payload for record in records]
            reader.acknowledge()
            assert "No space left on device" in reader.trouble
        reader.acknowledge()
        assert found == [b"record %d" % number * 4 for number in range(20)]
        assert segment_numbers(tmp_path) == [last]
        assert reader.lag_bytes() == 0
        disk.full = False
        reader.acknowledge()
        assert reader.trouble == ""
    with SpoolReader(tmp_path) as reader:
        assert reader.read(10) == []
        assert reader.missing.lost.records == 0


def test_a_cursor_that_exists_is_written_where_no_file_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Spool(tmp_path, 10 * MB) as spool:
        for _ in range(9):
            spool.append(b"record")
    with SpoolReader(tmp_path) as reader:
        reader.read(1)
        reader.acknowledge()

        def full(path: Path, target: Path) -> Path:
            raise OSError(errno.ENOSPC, f"No space left on device for {target}", str(path))

        monkeypatch.setattr(Path, "replace", full)
        reader.read(5)
        reader.acknowledge()
        assert reader.trouble == ""
    with SpoolReader(tmp_path) as reader:
        assert len(reader.read(10)) == 3
