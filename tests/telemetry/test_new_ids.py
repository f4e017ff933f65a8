"""Fresh event ids: UUIDs of version 7, nobody's twice, that tell when they were made."""

from __future__ import annotations

import os
import threading
import time
import uuid

from hypothesis import given
from hypothesis import strategies as st

from telemetry.events import derived_id, new_id, time_ms_of


def test_an_id_is_a_uuid_of_version_7() -> None:
    for text in (new_id() for _ in range(300)):
        read = uuid.UUID(text)
        assert (read.version, read.variant, read.hex) == (7, uuid.RFC_4122, text)


def test_an_id_tells_the_millisecond_it_was_made_in() -> None:
    for _ in range(300):
        before = time.time_ns() // 1_000_000
        told = time_ms_of(new_id())
        assert told is not None
        assert before <= told <= time.time_ns() // 1_000_000


@given(st.integers(0, 2**48 - 1), st.uuids(version=4), st.booleans())
def test_the_time_of_any_uuid_of_version_7_is_read_back_with_and_without_dashes(
    ms: int, chance: uuid.UUID, dashes: bool
) -> None:
    made = uuid.UUID(hex=f"{ms:012x}7{chance.hex[13:]}")
    assert time_ms_of(str(made) if dashes else made.hex) == ms


@given(st.uuids(version=4).map(lambda one: one.hex) | st.uuids(version=5).map(str) | st.text(max_size=40))
def test_an_id_of_another_kind_tells_no_time(event_id: str) -> None:
    assert time_ms_of(event_id) is None


def test_a_part_of_the_ids_by_their_last_digits_is_no_part_of_the_time() -> None:
    drawn = [int(new_id()[-14:], 16) / (1 << 56) for _ in range(4_000)]
    assert abs(sum(drawn) / len(drawn) - 0.5) < 0.05
    assert len({new_id()[12:] for _ in range(4_000)}) == 4_000


@given(st.lists(st.text()))
def test_a_derived_id_is_the_uuid5_of_its_parts(parts: list[str]) -> None:
    assert derived_id(*parts) == uuid.uuid5(uuid.NAMESPACE_OID, "\x1f".join(parts)).hex


def test_no_two_threads_get_the_same_id() -> None:
    found: list[list[str]] = [[] for _ in range(4)]
    threads = [
        threading.Thread(target=lambda mine=mine: mine.extend(new_id() for _ in range(2000)))
        for mine in found
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one for mine in found for one in mine}) == 8000


def test_a_forked_child_has_ids_of_its_own() -> None:
    new_id()  # some are ready
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, new_id().encode())
        os._exit(0)
    os.close(writing)
    theirs = os.read(reading, 32).decode()
    os.close(reading)
    os.waitpid(child, 0)
    assert len(theirs) == 32
    assert theirs not in {new_id() for _ in range(200)}
