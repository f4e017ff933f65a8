"""What the client gets of a stream is what it would have got if nobody had asked for usage."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from router.proxy.wire.lines import Lines
from router.proxy.wire.usage_taken import Fingerprint, UsageTaken
from tests.router.proxy.fakes import DONE, event

USAGE = (
    b'data: {"id":"c-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],'
    b'"usage":{"prompt_tokens":5,"total_tokens":12,"completion_tokens":7}}\n\n'
)
MARK = "vllm-0.32.0-\u00e9"


def engine(last: bytes | None = None) -> Fingerprint:
    """An engine that said this fingerprint last."""
    found = Fingerprint()
    found.last = last
    return found


def shown(stream: bytes, cuts: list[int], said: Fingerprint | None = None) -> bytes:
    """What a client is shown of a stream that was read in these pieces."""
    lines, taken, places = Lines(), UsageTaken(said or engine()), [0, *sorted(cuts), len(stream)]
    pieces = [stream[a:b] for a, b in itertools.pairwise(places)]
    return b"".join(
        taken.part(lines.part(piece, last=last), last=last)
        for piece, last in ((piece, number == len(pieces) - 1) for number, piece in enumerate(pieces))
    )


def said_by_vllm(choices: list[int], *, usage: bool, fingerprint: str | None = MARK) -> bytes:
    """A stream of vLLM 0.32: an event for each of these choices, the last of each with its end."""
    events = []
    for at, index in enumerate(choices):
        ends = index not in choices[at + 1 :]
        choice = {
            "index": index,
            "delta": {"content": '"finish_reason":"'},
            "finish_reason": "stop" if ends else None,
        }
        mark = {"system_fingerprint": fingerprint} if ends and not usage and fingerprint is not None else {}
        events.append({"id": "c", "choices": [choice]} | mark)
    if usage:
        mark = {"system_fingerprint": fingerprint} if fingerprint is not None else {}
        events.append({"id": "c", "choices": [], "usage": {"total_tokens": 5}} | mark)
    written = (json.dumps(one, separators=(",", ":"), ensure_ascii=False).encode() for one in events)
    return b"".join(b"data: %b\n\n" % one for one in written) + DONE


@given(st.lists(st.integers(0, 700), max_size=8), st.sampled_from([b"\n", b"\r\n"]))
def test_the_client_has_the_stream_without_the_event_however_it_is_cut(cuts: list[int], end: bytes) -> None:
    without = event("a") + event('"usage": "choices":[]') + DONE
    stream = event("a") + event('"usage": "choices":[]') + USAGE + DONE
    stream, without = stream.replace(b"\n", end), without.replace(b"\n", end)
    if end == b"\r\n":  # a piece may end between the two, and is then read as a line of its own
        cuts = [cut for cut in cuts if stream[cut - 1 : cut + 1] != end]
    assert shown(stream, cuts) == without


@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=6),
    st.sampled_from([MARK, None]),
    st.booleans(),
    st.lists(st.integers(0, 1000), max_size=8),
)
@example([0, 0], MARK, False, [])
@example([0, 1, 0, 1], MARK, False, [])
@example([0, 1, 0, 1], None, False, [])
def test_each_choice_ends_with_the_fingerprint_that_vllm_gives_it_where_nobody_asks(
    choices: list[int], fingerprint: str | None, known: bool, cuts: list[int]
) -> None:
    last = json.dumps(fingerprint, ensure_ascii=False).encode() if fingerprint is not None else b""
    stream = said_by_vllm(choices, usage=True, fingerprint=fingerprint)
    without = said_by_vllm(choices, usage=False, fingerprint=fingerprint)
    assert shown(stream, cuts, engine(last if known else None)) == without


@pytest.mark.parametrize("before", [b'"vllm-0.31.0-old"', b""])
def test_an_engine_that_is_another_now_is_known_by_what_it_says_now(before: bytes) -> None:
    said = engine(before)
    assert shown(said_by_vllm([0, 0], usage=True), [], said) == said_by_vllm([0, 0], usage=False)
    assert said.last == json.dumps(MARK, ensure_ascii=False).encode()


def test_no_choice_waits_for_the_end_of_another_once_the_engine_is_known() -> None:
    said = engine(b'"v1"')
    first, second = said_by_vllm([0, 1, 1], usage=True).split(b"\n\n")[:2]
    taken = UsageTaken(said)
    assert taken.part(first + b"\n\n") == b"", "the end waits for the event behind it"
    out = taken.part(second + b"\n\n")
    assert out == first[:-1] + b',"system_fingerprint":"v1"}\n\n' + second + b"\n\n"


def test_an_end_that_nothing_follows_goes_out_as_it_came() -> None:
    end = said_by_vllm([0], usage=True).split(b"\n\n")[0] + b"\n\n"
    taken = UsageTaken(engine())
    assert taken.part(end) == b""
    assert taken.rest() == end
    assert taken.rest() == b""
    assert shown(end + DONE, [], engine(b'"v1"')) == end + DONE


def test_an_engine_that_says_its_fingerprint_in_every_event_is_left_alone() -> None:
    events = said_by_vllm([0, 0], usage=False).replace(
        b'"finish_reason":null}]', b'"finish_reason":null}],"system_fingerprint":"x"'
    )
    usage = said_by_vllm([], usage=True).removesuffix(DONE)
    assert shown(events.removesuffix(DONE) + usage + DONE, []) == events


@pytest.mark.parametrize(
    "kept",
    [
        b'data: {"choices":[{"delta":{"content":"x"}}],"usage":{"total_tokens":1}}\n\n',
        b'data: {"choices":[],"prompt_filter_results":[]}\n\n',
        b'data: {"choices":[],"usage":null}\n\n',
        b'data: "usage"\n\n',
        b': "usage"\n\n',
        b"data: usage {\n\n",
        b'data: "finish_reason":"\n\n',
    ],
)
def test_events_that_are_none_of_usage_alone_stay(kept: bytes) -> None:
    assert shown(kept + DONE, []) == kept + DONE
    assert shown(kept + USAGE + DONE, []) == kept + DONE
