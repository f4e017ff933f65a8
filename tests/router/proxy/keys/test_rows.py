"""What a key has spent counts in all workers of a router, however they come and go."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.proxy.keys import rows
from router.proxy.keys.key_file import add_key
from router.proxy.keys.keys import Keys
from router.proxy.keys.rows import Shared
from router.proxy.wire.answers import Refused


class Clock:
    at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def memory() -> Iterator[int]:
    file = Shared.made(2)
    yield file
    os.close(file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.yaml"


def worker(file: Path, memory: int, number: int, clock: Clock) -> Keys:
    return Keys(file, None, rows=Shared.of(memory, number), clock=clock)


def comes_in(keys: Keys, secret: str) -> str | None:
    """Lets one in and keeps it there; else why not."""
    try:
        keys.admit([(b"api-key", secret.encode())])
    except Refused:
        return next(iter(keys.denied))
    return None


def comes_in_and_leaves(keys: Keys, secret: str) -> str | None:
    """Lets one in until it has its answer; else why not."""
    try:
        keys.admit([(b"api-key", secret.encode())]).end()
    except Refused:
        return next(iter(keys.denied))
    return None


def test_requests_a_minute_hold_over_all_workers(file: Path, memory: int) -> None:
    secret, clock = add_key(file, "shop", requests_per_minute=5), Clock()
    one, two = (worker(file, memory, number, clock) for number in (0, 1))
    assert [comes_in(keys, secret) for keys in (one, two, one, two, one)] == [None] * 5
    assert comes_in(one, secret) == comes_in(two, secret) == "requests"
    clock.at += 12.1
    assert [comes_in(keys, secret) for keys in (two, one)] == [None, "requests"]


def test_tokens_that_one_worker_charges_keep_the_key_out_of_all(file: Path, memory: int) -> None:
    secret, clock = add_key(file, "shop", tokens_per_minute=60), Clock()
    one, two = (worker(file, memory, number, clock) for number in (0, 1))
    admitted = one.admit([(b"api-key", secret.encode())])
    assert admitted.meter is not None
    admitted.meter.saw(b'{"usage":{"total_tokens":100}}')
    assert comes_in(two, secret) is None
    admitted.end()
    assert comes_in(two, secret) == "tokens"


def test_requests_at_once_hold_over_all_workers_and_end_with_a_worker_that_dies(
    file: Path, memory: int
) -> None:
    secret, clock = add_key(file, "shop", at_once=3), Clock()
    one, two = (worker(file, memory, number, clock) for number in (0, 1))
    first = one.admit([(b"api-key", secret.encode())])
    assert [comes_in(keys, secret) for keys in (two, two, one, two)] == [None, None, "at_once", "at_once"]
    first.end()
    assert comes_in(one, secret) is None
    Shared(memory, 0).forget(1)  # as its supervisor does
    assert [comes_in(one, secret) for _ in range(3)] == [None, None, "at_once"]


def test_a_key_has_its_own_row_wherever_its_neighbours_lie(memory: int) -> None:
    one, two = Shared(memory, 0), Shared(memory, 1)
    near = [f"{n * rows._ROWS + 7:016x}" + "0" * 48 for n in range(50)]
    places = [one.row(name, 0.0).requests for name in near]
    assert len(set(places)) == 50
    assert [two.row(name, 0.0).requests for name in reversed(near)] == places[::-1]


def test_keys_beyond_the_rows_have_limits_of_each_worker(
    memory: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shared = Shared(memory, 0)
    monkeypatch.setattr(rows, "_ROWS", 2)
    mine = [shared.row(f"{number:064x}", 0.0) for number in (1 << 192, 2 << 192, 3 << 192, 4 << 192)]
    assert [row.words is mine[0].words for row in mine] == [True, True, False, False]
    assert caplog.text.count("no room for more keys") == 1


def generation(file: Path, number: int, count: int = 6) -> list[str]:
    """Keys in the place of those that the file had, as after months of taking some away and adding others."""
    file.unlink(missing_ok=True)
    return [add_key(file, f"{number}-{at}", requests_per_minute=2) for at in range(count)]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(rows, "_ROWS", 8)
    file = Shared.made(2)
    yield file
    os.close(file)


def test_rows_of_keys_that_the_file_names_no_more_are_used_again(
    file: Path, few: int, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    secrets = generation(file, 0)
    one, two = (worker(file, few, number, clock) for number in (0, 1))
    for number in range(1, 40):
        for secret in secrets:
            assert [comes_in_and_leaves(keys, secret) for keys in (one, two, one)] == [None, None, "requests"]
        clock.at += 61.0
        secrets = generation(file, number)
        for keys in (one, two):
            keys.look()
            keys.denied.clear()
    assert "no room" not in caplog.text


def test_what_a_key_has_spent_outlives_its_being_taken_away(file: Path, few: int) -> None:
    clock = Clock()
    secret = generation(file, 0)[0]
    named = file.read_text()
    one, two = (worker(file, few, number, clock) for number in (0, 1))
    assert [comes_in_and_leaves(one, secret) for _ in range(2)] == [None, None]
    generation(file, 1)
    one.look()
    two.look()
    file.write_text(named)
    two.look()
    assert comes_in_and_leaves(two, secret) == "requests"


def test_a_row_that_some_worker_holds_is_nobody_elses(few: int) -> None:
    one, two = Shared(few, 0), Shared(few, 1)
    names = [f"{number:016x}" + "0" * 48 for number in range(1, 10)]
    held = [one.row(name, 0.0) for name in names[:8]]
    again = two.row(names[0], 0.0)
    assert again.requests == held[0].requests
    one.release(held[0])
    assert two.row(names[8], 0.0).words is not held[0].words, "the other worker still has it"
    two.release(again)
    assert two.row(names[8], 0.0).requests == held[0].requests


def test_a_dead_workers_rows_are_given_on_and_those_behind_them_still_found(few: int) -> None:
    one, two = Shared(few, 0), Shared(few, 1)
    near = [f"{number * 8 + 3:016x}" + "0" * 48 for number in range(1, 6)]
    mine = [one.row(name, 0.0) for name in near]
    kept = two.row(near[4], 0.0)
    two.forget(0)
    assert two.row(f"{11 * 8 + 3:016x}" + "0" * 48, 0.0).requests in {row.requests for row in mine[:4]}
    assert Shared(few, 0).row(near[4], 0.0).requests == kept.requests


def test_rows_of_another_version_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    file = Shared.made(2)
    os.pwrite(file, b"\x09", 8)
    assert Shared.of(file, 0) is None
    os.close(file)
    assert "started anew" in caplog.text
