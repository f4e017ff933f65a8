import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.bus.protocols import Record
from telemetry.codec import decode, encode
from telemetry.errors import UnreadableRecord
from telemetry.events import Message, TextPolicy
from telemetry.forwarding.interactions import to_interaction
from telemetry.spool.raw_record import RawRecord
from tests.telemetry.samples import TIME, chat_answer, chat_request, facts, meta, raw

MAIL, KEY = "bob@example.org", "sk-abcdefghijklmnop1234"


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def messages_of(request: bytes, policy: TextPolicy = "full") -> list[tuple[str, str]]:
    return [(m.role, m.content) for m in to_interaction(raw(request), policy).messages]


def test_an_interaction_has_the_routers_facts_and_what_the_bodies_say() -> None:
    record = raw(chat_request(temperature=0, max_tokens=5, seed=3))
    found = to_interaction(record, "full")
    assert (found.event_id, found.time, found.source) == (record.meta["event_id"], TIME, "router-1")
    assert (found.rollout_id, found.endpoint, found.model, found.streamed) == ("r1", "chat", "m", False)
    assert found.assignment.model_dump() == record.meta["assignment"]
    assert found.counts
    assert not to_interaction(raw(chat_request(), counts=False), "full").counts
    assert found.messages == (Message(role="user", content="What is the capital of France?"),)
    assert found.parameters == {"temperature": 0, "max_tokens": 5, "seed": 3}
    answer = found.answer
    assert (answer.text, answer.finish_reason, answer.error, answer.status) == ("Paris.", "stop", None, 200)
    assert (answer.prompt_tokens, answer.completion_tokens) == (7, 5)
    assert (answer.first_byte_ms, answer.total_ms) == (12.5, 40.25)
    assert found.shadow is None


def test_the_key_that_it_came_by_is_kept_where_there_is_one() -> None:
    assert to_interaction(raw(by_key="0f" * 8), "hashed").by_key == "0f" * 8
    assert "by_key" not in to_interaction(raw(), "full").model_dump()


def test_it_comes_back_equal_from_the_wire() -> None:
    found = to_interaction(raw(chat_request(n=1, stop=["a"], logit_bias={"5": -1.5})), "redacted")
    encoded = encode(found)
    assert decode(Record(encoded.topic, 0, 0, encoded.key, encoded.headers, encoded.value, 0)) == found


def test_content_parts_are_text_or_their_json() -> None:
    parts = [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
    ]
    assert messages_of(chat_request(parts)) == [
        ("user", 'Look:\n{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}')
    ]


def test_an_image_inside_a_request_becomes_its_digest() -> None:
    url = "data:image/png;base64," + "A" * 2_000_000
    ((_, content),) = messages_of(chat_request([{"type": "image_url", "image_url": {"url": url}}]))
    assert "2000022 characters, blake2b " in content
    assert len(content) < 300


def test_tool_turns_and_unknown_roles_are_kept() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "42"},
        {"role": MAIL, "content": "x"},
        "no message",
    ]
    assert messages_of(body(model="m", messages=turns)) == [
        ("assistant", json.dumps([call])),
        ("tool", "42"),
        ("other", "x"),
    ]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [("Once", "Once"), (["a", "b"], "a\nb"), ([1, 2], "[1, 2]"), ([[1], [2]], "[[1], [2]]"), ("", "")],
)
def test_a_prompt_is_one_user_message(prompt: object, expected: str) -> None:
    assert messages_of(body(model="m", prompt=prompt)) == [("user", expected)]


@pytest.mark.parametrize(
    "request_body", [b"", b"not json", b"[1]", b"[" * 100_000, b'{"messages": 5}', b"\xff"]
)
def test_a_request_that_the_engine_refused_is_an_interaction_without_messages(request_body: bytes) -> None:
    refusal = body(error={"message": "cannot parse", "code": 400})
    found = to_interaction(raw(request_body, refusal, answer=facts(status=400)), "full")
    assert (found.messages, found.answer.text) == ((), "")
    assert found.answer.error == "http 400: cannot parse"


def test_who_the_subject_is_is_never_written() -> None:
    request = chat_request(user="user-77", metadata={"id": "user-77"}, safety_identifier="user-77", top_p=1)
    for policy in ("full", "redacted", "hashed"):
        found = to_interaction(raw(request), policy)
        assert found.parameters == {"top_p": 1}
        assert "user-77" not in found.model_dump_json()


@pytest.mark.parametrize("policy", ["full", "redacted", "hashed"])
def test_the_policy_reaches_every_text(policy: TextPolicy) -> None:
    text = f"{MAIL} {KEY}"
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "f", "arguments": json.dumps({"to": f"\n{text}"})},
    }
    request = body(
        model=f"m {KEY}",
        messages=[
            {"role": "user", "content": text},
            {"role": "user", "content": [{"type": "text", "text": text}, {"type": "odd", "x": text}]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
        ],
        stop=[text],
        tools=[{"function": {"name": "f", "parameters": {"properties": {text: {"default": text}}}}}],
    )
    answer = chat_answer(text, tool_calls=[call])
    refusal = body(error={"message": text})
    found = to_interaction(
        RawRecord(
            meta(answer=facts(error=text), shadow=facts(served_by="candidate", status=500)),
            request,
            answer,
            refusal,
        ),
        policy,
    )
    written = found.model_dump_json()
    assert KEY not in written
    assert (MAIL in written) == (policy == "full")
    assert found.text_policy == policy
    calls = json.loads(found.answer.tool_calls or "")
    if policy == "redacted":
        assert json.loads(calls[0]["function"]["arguments"]) == {"to": "\n[email] [secret]"}
    if policy == "hashed":
        assert all(len(message.content) == 64 for message in found.messages)
        assert len(found.answer.text) == 64


def test_the_shadow_is_the_other_arms_answer() -> None:
    shadow = facts(served_by="candidate", total_ms=99.0)
    found = to_interaction(
        RawRecord(meta(shadow=shadow), chat_request(), chat_answer("a"), chat_answer("b")), "full"
    )
    assert found.shadow is not None
    assert (found.answer.text, found.shadow.text) == ("a", "b")
    assert (found.shadow.served_by, found.shadow.total_ms, found.shadow.error) == ("candidate", 99.0, None)


def test_a_shadow_that_did_not_answer_has_its_error_and_no_text() -> None:
    shadow = facts(served_by="candidate", status=0, first_byte_ms=None, error="time-out")
    found = to_interaction(raw(shadow=shadow), "full")
    assert found.shadow is not None
    assert (found.shadow.text, found.shadow.error, found.shadow.completion_tokens) == ("", "time-out", None)


@pytest.mark.parametrize("policy", ["full", "redacted", "hashed"])
def test_the_draw_of_a_shadow_is_kept_but_for_what_a_hashed_prompt_was_about(policy: TextPolicy) -> None:
    draw = {"capability": "sums", "fraction": 0.3, "drawn": True}
    found = to_interaction(raw(draw=draw), policy).draw
    assert found is not None
    assert (found.fraction, found.drawn) == (0.3, True)
    assert found.capability == (None if policy == "hashed" else "sums")


def test_a_record_of_a_router_that_drew_nothing_has_no_draw() -> None:
    assert to_interaction(raw(), "full").draw is None
    assert to_interaction(raw(draw=None), "full").draw is None


def test_a_client_that_left_leaves_its_partial_counts_and_no_error() -> None:
    chunks = [
        json.dumps({"choices": [{"index": 0, "delta": {"content": word}}]})
        for word in ("one ", "two ", "thr")
    ]
    sent = "".join(f"data: {chunk}\n\n" for chunk in chunks).encode()[:-12]
    left = {"client_left": True, "endpoint": "chat"}
    found = to_interaction(raw(response=sent, answer=facts(streamed=True), **left), "full")
    assert found.client_left
    assert (found.answer.text, found.answer.completion_tokens, found.answer.error) == ("one two ", 2, None)
    before_any = to_interaction(raw(response=b"", answer=facts(status=0), **left), "full")
    assert (before_any.answer.text, before_any.answer.error) == ("", None)
    half = to_interaction(raw(response=chat_answer()[:40], **left), "full")
    assert half.answer.error is None


def test_a_stream_that_the_engine_cut_keeps_its_text_and_says_why() -> None:
    chunk = json.dumps({"choices": [{"index": 0, "delta": {"content": "one"}}]})
    sent = f"data: {chunk}\n\n".encode()
    found = to_interaction(raw(response=sent, answer=facts(streamed=True, error="the engine died")), "full")
    assert (found.answer.text, found.answer.error) == ("one", "the engine died")


def test_an_answer_of_200_that_is_no_completion_is_an_error() -> None:
    found = to_interaction(raw(response=b"<html>hello</html>"), "full")
    assert (
        found.answer.error
        == "the engine's answer: the answer is no completion: JSON with choices was expected"
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"assignment": {}}, "assignment.subject: Field required"),
        ({"answer": None}, "answer: "),
        ({"endpoint": "embeddings"}, "endpoint: "),
    ],
)
def test_meta_that_no_router_writes_is_unreadable(change: dict[str, object], reason: str) -> None:
    with pytest.raises(UnreadableRecord, match=reason):
        to_interaction(raw(**change), "full")


deep = st.integers(1, 190).map(lambda n: b'{"x":' + b"[" * n + b"1" + b"]" * n + b"}")
odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["messages", "role", "content", "prompt", "text", "tool_calls", "model", "x"]),
            inner,
        )
    ),
    max_leaves=10,
)


@given(
    request_body=st.binary(max_size=50) | deep | odd.map(lambda value: json.dumps(value).encode()),
    response_body=st.binary(max_size=50) | deep,
    policy=st.sampled_from(["full", "redacted", "hashed"]),
    streamed=st.booleans(),
)
def test_no_body_however_odd_stops_the_forwarder(
    request_body: bytes, response_body: bytes, policy: TextPolicy, streamed: bool
) -> None:
    found = to_interaction(raw(request_body, response_body, answer=facts(streamed=streamed)), policy)
    encoded = encode(found)
    decode(Record(encoded.topic, 0, 0, encoded.key, encoded.headers, encoded.value, 0))
