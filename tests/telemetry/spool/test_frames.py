"""What stands at a place of a segment, whatever bytes are there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from telemetry.spool.frames import find, frame, last_number

payloads = st.lists(st.binary(max_size=40), max_size=6)


def everything(data: bytes) -> list[tuple[str, int]]:
    """Kind and number of all that an ended segment holds."""
    found, position = [], 0
    while (here := find(data, position, ended=True)).kind != "end":
        assert here.end > position
        found.append((here.kind, here.number))
        position = here.end
    return found


@given(before=payloads, hole=st.integers(1, 5000), after=payloads.filter(bool))
def test_a_hole_of_zeros_is_one_damage_and_what_follows_is_found(
    before: list[bytes], hole: int, after: list[bytes]
) -> None:
    numbered = list(enumerate([*before, *after], 1))
    pieces = [frame(number, payload) for number, payload in numbered]
    data = b"".join(pieces[: len(before)]) + b"\0" * hole + b"".join(pieces[len(before) :])
    numbers = [number for number, _ in numbered]
    assert everything(data) == [
        *(("frame", number) for number in numbers[: len(before)]),
        ("damaged", 0),
        *(("frame", number) for number in numbers[len(before) :]),
    ]
    assert last_number(data) == numbers[-1]


def test_a_hole_of_megabytes_is_passed_in_one_step() -> None:
    data = b"\0" * (8 << 20) + frame(7, b"after")
    assert everything(data) == [("damaged", 0), ("frame", 7)]


@given(st.binary(max_size=300))
def test_any_bytes_are_read_to_their_end(data: bytes) -> None:
    everything(data)


@given(
    payload=st.binary(max_size=60),
    number=st.integers(1, 2**64 - 1),
    at=st.integers(0),
    flip=st.integers(1, 255),
)
def test_no_changed_byte_passes_for_a_frame(payload: bytes, number: int, at: int, flip: int) -> None:
    data = bytearray(frame(number, payload))
    data[at % len(data)] ^= flip
    assert all(kind != "frame" for kind, _ in everything(bytes(data)))
