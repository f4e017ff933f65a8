"""What of a candidate's answers goes to the client."""

from __future__ import annotations

import pytest

from router.proxy.faults import fault_of, fault_of_stream

JSON = [(b"content-type", b"application/json")]


@pytest.mark.parametrize("status", [301, 302, 400, 401, 404, 413, 422, 429, 500, 503])
def test_whatever_is_no_success_is_for_base_to_answer(status: int) -> None:
    assert fault_of(status, JSON, b"{}") == f"status_{status}"
    assert fault_of_stream(status, empty=False) == f"status_{status}"


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b'{"choices": []}', None),
        (b' {"a": 1}\n', None),
        (b"", "empty"),
        (b" \r\n", "empty"),
        (b"<html><body>busy</body></html>", "not_json"),
        (b'{"choices": [', "not_json"),
        (b"[]", "not_json"),
        (b"null", "not_json"),
    ],
)
def test_an_answer_is_a_json_object(body: bytes, fault: str | None) -> None:
    assert fault_of(200, JSON, body) == fault


def test_what_is_compressed_cannot_be_told() -> None:
    assert fault_of(200, [*JSON, (b"content-encoding", b"gzip")], b"\x1f\x8b\x08") is None


def test_a_stream_has_at_least_a_byte() -> None:
    assert fault_of_stream(200, empty=True) == "empty"
    assert fault_of_stream(200, empty=False) is None
