import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.forwarding.completion import (
    Completion,
    data_of_events,
    error_message,
    parse_answer,
    parse_json,
)
from tests.telemetry.samples import USAGE, chat_answer


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, index: int = 0, **more: Any) -> str:
    choice = {"index": index, "delta": delta or {}, "finish_reason": finish}
    return json.dumps(
        {"id": "x", "object": "chat.completion.chunk", "choices": [choice], **more}, ensure_ascii=False
    )


def stream(*data: str, end: str = "\n") -> bytes:
    return "".join(f"data: {one}{end}{end}" for one in data).encode()


USAGE_CHUNK = json.dumps({"choices": [], "usage": USAGE})
PIECES = ["Grüße, ", "世界", "! 🌍", " bye"]
TEXT = "".join(PIECES)
CHUNKS = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": piece}) for piece in PIECES)]
WHOLE = [*CHUNKS, chunk(finish="stop"), USAGE_CHUNK, "[DONE]"]


def test_a_json_answer_is_read_with_its_usage() -> None:
    found = parse_answer(chat_answer("Paris."), streamed=False)
    assert found == Completion("Paris.", "stop", [], 7, 5, None, complete=True)


def test_an_answer_to_a_completion_is_read_streamed_or_not() -> None:
    choice = {"index": 0, "text": "Paris", "finish_reason": "length"}
    whole = json.dumps({"choices": [choice], "usage": USAGE}).encode()
    assert parse_answer(whole, streamed=False) == Completion("Paris", "length", [], 7, 5, None, complete=True)
    pieces = [
        json.dumps({"choices": [choice | {"text": t, "finish_reason": f}]})
        for t, f in (("Pa", None), ("ris", "length"))
    ]
    assert parse_answer(stream(*pieces, "[DONE]"), streamed=True) == Completion(
        "Paris", "length", [], None, 2, None, complete=True
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_stream_is_read_whatever_its_line_ends(end: str) -> None:
    body = b": a comment" + end.encode() * 2 + b"event: message" + end.encode() + stream(*WHOLE, end=end)
    assert parse_answer(body, streamed=True) == Completion(TEXT, "stop", [], 7, 5, None, complete=True)


@given(cut=st.integers(0, len(stream(*WHOLE))))
def test_a_stream_cut_at_any_byte_gives_the_pieces_that_arrived_whole(cut: int) -> None:
    body = stream(*WHOLE)[:cut]
    found = parse_answer(body, streamed=True)
    arrived = [i for i in range(len(WHOLE)) if len(stream(*WHOLE[: i + 1])) - 2 <= cut]
    pieces = max(0, min(len(arrived), len(CHUNKS)) - 1)
    assert found.text == "".join(PIECES[:pieces])
    assert found.completion_tokens == (5 if len(arrived) >= 7 else pieces)
    assert found.complete == (len(arrived) == len(WHOLE))
    assert found.error is None


@given(broken=st.lists(st.sampled_from(["{", "1,2", "nonsense", "", "]", "[" * 300]), min_size=1, max_size=3))
def test_events_that_are_no_json_cost_no_other_event(broken: list[str]) -> None:
    found = parse_answer(
        stream(*CHUNKS[:2], *broken, *CHUNKS[2:], chunk(finish="stop"), "[DONE]"), streamed=True
    )
    assert (found.text, found.finish_reason, found.complete) == (TEXT, "stop", True)


def test_without_usage_the_chunks_with_content_are_counted() -> None:
    found = parse_answer(stream(*CHUNKS), streamed=True)
    assert (found.completion_tokens, found.prompt_tokens, found.complete) == (len(PIECES), None, False)


def test_tool_calls_are_the_same_streamed_or_not() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}}
    other = {"id": "c2", "type": "function", "function": {"name": "time", "arguments": "{}"}}
    whole = parse_answer(chat_answer(None, tool_calls=[call, other]), streamed=False)
    fragments: list[dict[str, Any]] = [
        {"index": 0, "id": "c1", "type": "function", "function": {"name": "weather", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"city": '}},
        {"index": 1, "id": "c2", "type": "function", "function": {"name": "time", "arguments": "{}"}},
        {"index": 0, "function": {"arguments": '"Bern"}'}},
    ]
    chunks = [chunk({"tool_calls": [fragment]}) for fragment in fragments]
    streamed = parse_answer(stream(*chunks, chunk(finish="tool_calls"), "[DONE]"), streamed=True)
    assert whole.tool_calls == streamed.tool_calls == [call, other]
    assert streamed.completion_tokens == 4
    assert whole.text == streamed.text == ""


def test_only_the_first_choice_is_looked_at() -> None:
    body = stream(
        chunk({"content": "one"}), chunk({"content": "two"}, index=1), chunk(finish="stop", index=1)
    )
    found = parse_answer(body, streamed=True)
    assert (found.text, found.finish_reason, found.completion_tokens) == ("one", None, 1)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "too long", "type": "BadRequestError", "code": 400}}, "too long"),
        ({"error": "no such model"}, "no such model"),
        ({"error": {"code": 500}}, '{"code": 500}'),
        ({"object": "error", "message": "old style", "code": 404}, "old style"),
        ({"detail": "Not Found"}, '"Not Found"'),
        ({"choices": [], "error": None}, None),
        ([1], None),
    ],
)
def test_error_bodies_are_understood(body: object, message: str | None) -> None:
    assert error_message(body) == message


def test_an_error_answer_to_a_stream_and_an_error_within_one_are_errors() -> None:
    refused = json.dumps({"error": {"message": "too long"}}).encode()
    assert parse_answer(refused, streamed=True).error == "too long"
    cut = parse_answer(stream(*CHUNKS, '{"error": {"message": "engine died"}}', "[DONE]"), streamed=True)
    assert (cut.error, cut.text) == ("engine died", TEXT)


def test_an_answer_that_is_no_completion_is_an_error() -> None:
    for body in (b"", b"<html>", b"{}", b'{"choices": "none"}', b"[" * 100_000):
        assert "no completion" in str(parse_answer(body, streamed=False).error)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["choices", "index", "delta", "message", "content", "tool_calls", "function", "arguments", "usage", "error",
             "prompt_tokens", "text", "finish_reason", "name", "id"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(values=st.lists(junk, max_size=4), streamed=st.booleans())
def test_no_answer_however_odd_raises(values: list[object], streamed: bool) -> None:
    body = stream(*(json.dumps(value) for value in values)) if streamed else json.dumps(values[:1]).encode()
    found = parse_answer(body, streamed=streamed)
    assert isinstance(found.text, str)


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_raise(body: bytes, streamed: bool) -> None:
    assert isinstance(parse_answer(body, streamed=streamed), Completion)


def test_data_lines_of_one_event_are_joined_and_a_byte_order_mark_is_passed() -> None:
    assert list(data_of_events("\ufeffdata: a\ndata:b\ndata\n\nid: 3\n\ndata: c")) == ["a\nb\n", "c"]


def test_json_nested_without_end_is_no_json() -> None:
    assert parse_json(b"[" * 50_000 + b"]" * 50_000) is None
    assert parse_json(b'{"a": 1}') == {"a": 1}
