"""What a request has cost is what its answer says, and an estimate where it says nothing."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.proxy.keys.metering import Meter
from tests.router.proxy.fakes import DONE, completion, event

USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":5,"total_tokens": 12,"completion_tokens":7}}\n\n'


def cost(*pieces: bytes, asked: int = 0) -> int:
    meter = Meter()
    meter.asked_bytes = asked
    for piece in pieces:
        meter.saw(piece)
    return meter.tokens()


@given(st.lists(st.integers(0, 400), max_size=6))
def test_usage_is_read_wherever_the_answer_is_cut(cuts: list[int]) -> None:
    whole = event("x") + USAGE + DONE
    places = [0, *sorted(cuts), len(whole)]
    assert cost(*(whole[a:b] for a, b in itertools.pairwise(places)), asked=1000) == 12


def test_the_last_word_on_usage_counts() -> None:
    assert cost(USAGE.replace(b"12", b"6"), USAGE, DONE) == 12
    assert cost(json.dumps(completion()).encode()) == 4


@pytest.mark.parametrize(
    ("pieces", "asked", "tokens"),
    [
        ((event("a"), event("b") + event("c")), 40, 10 + 3),
        ((b'{"choices": [], "said": "no usage"}' + b" " * 5,), 40, 10 + 10),
        ((), 8, 2),
    ],
    ids=["an event is a token", "four bytes are a token", "no answer"],
)
def test_without_usage_it_is_estimated(pieces: tuple[bytes, ...], asked: int, tokens: int) -> None:
    assert cost(*pieces, asked=asked) == tokens


def test_a_text_that_speaks_of_usage_is_no_usage() -> None:
    body = json.dumps({"text": '"total_tokens": 999'}).encode()
    assert cost(body) == len(body) // 4
