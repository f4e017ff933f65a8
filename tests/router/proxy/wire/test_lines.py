"""Streams in whole lines, wherever they are cut, and the moment at which one has said [DONE]."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.proxy.wire.lines import HELD_BYTES, Lines
from router.proxy.wire.model_name import Renamer
from tests.router.proxy.fakes import DONE, event

ENDS = {"LF": b"\n", "CRLF": b"\r\n", "CR": b"\r"}


def ended(raw: bytes, end: bytes) -> bytes:
    return raw.replace(b"\n", end)


@given(st.binary(max_size=40), st.lists(st.integers(0, 400), max_size=6), st.sampled_from(sorted(ENDS)))
def test_a_stream_and_a_name_in_it_do_not_depend_on_where_it_is_cut(
    noise: bytes, cuts: list[int], end: str
) -> None:
    told = event("one", "long/name") + event("two", "long/name") + DONE
    stream = b"data: " + noise + ended(b"\n\n" + told, ENDS[end])
    lines, renamer = Lines(), Renamer("long/name", "m")
    at = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    parts = [stream[a:b] for a, b in itertools.pairwise(at)]
    passed = [lines.part(part, last=number == len(parts) - 1) for number, part in enumerate(parts)]
    assert b"".join(passed) == stream
    assert b"".join(map(renamer.whole, passed)) == stream.replace(b'"model":"long/name"', b'"model":"m"')
    assert lines.done


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_an_event_that_is_complete_passes_at_once(end: bytes) -> None:
    lines = Lines()
    for text in ("one", "two"):
        assert lines.part(ended(event(text), end), last=False) == ended(event(text), end)
    assert lines.part(b"data: ha", last=False) == b""
    assert lines.part(b"lf" + end, last=False) == b"data: half" + end


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("said", [DONE, DONE.replace(b" ", b"")])
def test_done_is_seen_with_the_end_of_its_line(said: bytes, end: bytes) -> None:
    lines = Lines()
    lines.part(ended(event("x"), end), last=False)
    lines.part(said.strip(), last=False)
    assert not lines.done
    lines.part(end, last=False)
    assert lines.done


def test_a_text_that_says_done_is_no_end() -> None:
    lines = Lines()
    lines.part(b'data: {"text":"data: [DONE]"}\n\n', last=False)
    lines.part(b'data: {"text":"\\ndata: [DONE]\n', last=False)
    assert not lines.done


def test_a_line_without_end_is_not_kept_for_ever() -> None:
    lines = Lines()
    passed = sum(len(lines.part(b"x" * 65536, last=False)) for _ in range(100))
    assert passed >= 100 * 65536 - HELD_BYTES
