"""Fresh event ids: UUIDs of version 4, nobody's twice."""

from __future__ import annotations

import os
import threading
import uuid

from telemetry.events import new_id


def test_an_id_is_a_uuid_of_version_4() -> None:
    for text in (new_id() for _ in range(300)):
        read = uuid.UUID(text)
        assert (read.version, read.variant, read.hex) == (4, uuid.RFC_4122, text)


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
