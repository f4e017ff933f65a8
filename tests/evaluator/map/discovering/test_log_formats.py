"""Records of each log are known by their own keys and give the last user message, the answer and the subject."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evaluator.map.discovering.exchanges import LONGEST, Exchange
from evaluator.map.discovering.log_formats import read_record

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2 + 2?"}]
ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "4"}}]}
WHOLE = Exchange("2 + 2?", "4", "u1", "Be brief.", alone=True)
SAID = {"role": "assistant", "content": "4"}
ASKS = {"messages": MESSAGES, "user": "u1"}
OBSERVATION = {"id": "o", "type": "GENERATION", "traceId": "t", "input": MESSAGES, "output": SAID}
SPEND: dict[str, Any] = {
    "request_id": "r", "call_type": "acompletion", "api_key": "hash", "spend": 0.1, "user": "default_user_id",
    "messages": {}, "response": {}, "proxy_server_request": {}, "end_user": "",
}  # fmt: skip


CHAT = {"messages": [*MESSAGES, SAID], "user": "u1"}
PAIR = {"request": ASKS, "response": ANSWER}
HTTP = {
    "request": {"body": {"messages": MESSAGES}},
    "response": {"status_code": 200, "body": ANSWER},
    "user": "u1",
}
TEXTS = {
    "request": json.dumps({"messages": MESSAGES}),
    "response": json.dumps(ANSWER),
    "metadata": {"user_id": "u1"},
}
BATCH = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": ASKS, "response": ANSWER}
PARTS = [{"type": "output_text", "text": "4"}]
RESPONSES = {
    "model": "m", "input": MESSAGES, "user": "u1",
    "response": {"output": [{"type": "reasoning"}, {"type": "message", "content": PARTS}]},
}  # fmt: skip
BLOB = {
    "id": "o", "trace_id": "t", "type": "GENERATION", "user_id": "u1",
    "input": json.dumps(MESSAGES), "output": json.dumps(SAID),
}  # fmt: skip
NESTED = {
    "id": "t",
    "userId": "u1",
    "input": None,
    "observations": [{"type": "SPAN", "input": "x"}, OBSERVATION],
}
TRACE = {"id": "t", "userId": "u1", "input": {"messages": MESSAGES}, "output": "4", "observations": []}
ROW = {**SPEND, "messages": MESSAGES, "response": ANSWER, "end_user": "u1"}
TEXT_ROW = {
    **SPEND,
    "proxy_server_request": json.dumps(ASKS),
    "messages": "{}",
    "response": json.dumps(ANSWER),
}
OLD_ROW = {**SPEND, "proxy_server_request": {"url": "x", "body": {"messages": MESSAGES}}, "session_id": "u1"}
PAYLOAD = {"id": "c", "call_type": "completion", "messages": MESSAGES, "response": ANSWER, "end_user": "u1"}


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        ("OpenAI", CHAT),
        ("OpenAI", PAIR),
        ("OpenAI", HTTP),
        ("OpenAI", TEXTS),
        ("OpenAI", BATCH),
        ("OpenAI", RESPONSES),
        ("Langfuse", {**OBSERVATION, "userId": "u1"}),
        ("Langfuse", {**OBSERVATION, "input": {"messages": MESSAGES}, "user_id": "u1", "output": "4"}),
        ("Langfuse", BLOB),
        ("Langfuse", NESTED),
        ("Langfuse", TRACE),
        ("LiteLLM", ROW),
        ("LiteLLM", TEXT_ROW),
        ("LiteLLM", {**OLD_ROW, "response": ANSWER}),
        ("LiteLLM", PAYLOAD),
    ],
)
def test_each_format_gives_the_same_exchange(kind: str, record: dict[str, Any]) -> None:
    read = read_record(record)
    assert read is not None
    assert read.format == kind
    assert read.exchanges == (WHOLE,)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (SPEND, "no prompt stored"),
        (SPEND | {"call_type": "aembedding", "messages": MESSAGES}, "no chat"),
        (SPEND | {"messages": [{"role": "user", "content": "redacted-by-litellm"}]}, "redacted by LiteLLM"),
        ({"id": "s", "traceId": "t", "type": "SPAN", "input": "x", "output": "y"}, "no generation"),
        (
            {"custom_id": "1", "response": {"body": ANSWER}},
            "a batch's output, which holds no prompt: give its input",
        ),
        ({"messages": MESSAGES[:1]}, "no user's message"),
        ({"messages": [{"role": "user", "content": "  "}]}, "no user's message"),
    ],
)
def test_a_known_record_without_a_prompt_says_why(record: dict[str, Any], reason: str) -> None:
    read = read_record(record)
    assert read is not None
    assert (read.exchanges, read.reason) == ((), reason)


@pytest.mark.parametrize("record", [{"text": "x"}, {}, [], "x", 3, None, {"body": "x"}, {"request": "GET /"}])
def test_anything_else_is_of_no_known_format(record: Any) -> None:
    assert read_record(record) is None


def only(record: dict[str, Any]) -> Exchange:
    read = read_record(record)
    assert read is not None
    (found,) = read.exchanges
    return found


def test_a_follow_up_an_image_and_a_cut_text_cannot_be_understood_alone() -> None:
    later = [*MESSAGES, {"role": "assistant", "content": "4"}, {"role": "user", "content": "and in words?"}]
    assert only({"messages": later}) == Exchange("and in words?", None, None, "Be brief.", alone=False)
    seen = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:..."}},
    ]
    assert not only({"messages": [{"role": "user", "content": seen}]}).alone
    assert only({"messages": [{"role": "user", "content": seen[:1]}]}).alone
    long = only({"messages": [{"role": "user", "content": f"first {'x' * 3_000_000} last"}]})
    assert not long.alone
    assert len(long.prompt) <= LONGEST + 1
    assert long.prompt.startswith("first")
    assert long.prompt.endswith("last")


def test_a_failed_answer_is_none_and_half_a_surrogate_is_replaced() -> None:
    failed = {"request": {"messages": MESSAGES}, "response": {"status_code": 500, "body": ANSWER}}
    assert only(failed).answer is None
    assert only({"messages": [{"role": "user", "content": "a\ud800b"}]}).prompt == "a?b"


def test_an_api_key_is_nobody() -> None:
    assert only(SPEND | {"messages": MESSAGES}).subject is None
