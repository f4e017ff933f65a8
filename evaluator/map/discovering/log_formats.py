"""Which log a record comes from, and the exchanges in it. Each format is known by its own keys, record by record.

OpenAI: a chat or response request (`messages`, or `model` with `input` or `prompt`), a pair `request` and `response`,
a line of the batch API's input (`body`). Langfuse: traces, with `observations` inside or without, and observations,
from the UI, the API (`traceId`) and the blob storage export (`trace_id`, JSON inside text). LiteLLM: rows of its spend
logs (`proxy_server_request`, `spend`), and the standard logging payload (`call_type`, `messages`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from evaluator.map.discovering.exchanges import Exchange, decoded, exchange_in, subject_in

_CHATS: Final = ("completion", "responses", "anthropic_messages", "pass_through", "generate_content")
_REDACTED: Final = "redacted-by-litellm"
_OF_LANGFUSE: Final = (
    "output", "observations", "traceId", "trace_id", "projectId", "project_id", "userId", "sessionId", "latency",
    "startTime", "start_time",
)  # fmt: skip


class Read(NamedTuple):
    """What a record of a known format holds: exchanges, or the reason why there is none."""

    format: str
    exchanges: tuple[Exchange, ...]
    reason: str = ""


def read_record(record: Any) -> Read | None:
    """The exchanges of a record; None where it is of no known format."""
    if not isinstance(record, Mapping):
        return None
    return next((reads(record) for known, reads in _FORMATS if known(record)), None)


def _is_litellm(r: Mapping[str, Any]) -> bool:
    return "proxy_server_request" in r or "call_type" in r or ("spend" in r and "request_id" in r)


def _litellm(r: Mapping[str, Any]) -> Read:
    called = str(r.get("call_type") or "completion")
    if not any(name in called for name in _CHATS):
        return Read("LiteLLM", (), "no chat")
    request = decoded(r.get("proxy_server_request"))
    request = request.get("body", request) if isinstance(request, Mapping) else None
    # Rows keep "{}" where prompts are not stored, and the request only where they are.
    messages = decoded(r.get("messages"))
    if _REDACTED in str(messages)[:200]:
        return Read("LiteLLM", (), "redacted by LiteLLM")
    who = next((str(r[key]) for key in ("end_user", "session_id") if r.get(key)), None)
    within = subject_in(request) if isinstance(request, Mapping) else None
    subject = str(r["end_user"]) if r.get("end_user") else within or who
    found = exchange_in(messages, r.get("response"), subject) or exchange_in(
        request, r.get("response"), subject
    )
    if found is None:
        return Read(
            "LiteLLM", (), "no prompt stored" if not messages and not request else "no user's message"
        )
    return Read("LiteLLM", (found,))


def _is_langfuse(r: Mapping[str, Any]) -> bool:
    return isinstance(r.get("observations"), list) or ("input" in r and any(key in r for key in _OF_LANGFUSE))


def _langfuse(r: Mapping[str, Any]) -> Read:
    who = next((str(r[k]) for k in ("userId", "user_id", "sessionId", "session_id") if r.get(k)), None)
    inside = r.get("observations")
    listed = [one for one in inside if isinstance(one, Mapping)] if isinstance(inside, list) else []
    found = [_observed(one, who) for one in listed if _is_generation(one)]
    exchanges = tuple(one for one in found if one is not None)
    if not exchanges and _is_generation(r) and (own := _observed(r, who)) is not None:
        exchanges = (own,)
    if exchanges:
        return Read("Langfuse", exchanges)
    return Read("Langfuse", (), "no user's message" if _is_generation(r) else "no generation")


def _observed(one: Mapping[str, Any], who: str | None) -> Exchange | None:
    return exchange_in(one.get("input"), one.get("output"), who)


def _is_generation(one: Mapping[str, Any]) -> bool:
    """Whether a model was asked: a trace, which has no type, or an observation of that type."""
    return str(one.get("type") or "GENERATION").upper() == "GENERATION"


def _is_pair(r: Mapping[str, Any]) -> bool:
    return isinstance(decoded(r.get("request")), Mapping)


def _pair(r: Mapping[str, Any]) -> Read:
    request = decoded(r["request"])
    body = decoded(request.get("body")) or request
    return _openai(exchange_in(body, r.get("response"), subject_in(r)))


def _is_batch(r: Mapping[str, Any]) -> bool:
    return isinstance(r.get("body"), Mapping) or ("custom_id" in r and "response" in r)


def _batch(r: Mapping[str, Any]) -> Read:
    if "body" not in r:
        return Read("OpenAI", (), "a batch's output, which holds no prompt: give its input")
    return _openai(exchange_in(r["body"], r.get("response"), subject_in(r)))


def _is_chat(r: Mapping[str, Any]) -> bool:
    return isinstance(r.get("messages"), list) or ("model" in r and ("input" in r or "prompt" in r))


def _chat(r: Mapping[str, Any]) -> Read:
    return _openai(exchange_in(r, r.get("response"), subject_in(r)))


def _openai(found: Exchange | None) -> Read:
    return Read("OpenAI", (found,) if found else (), "" if found else "no user's message")


_FORMATS: Final[
    tuple[tuple[Callable[[Mapping[str, Any]], bool], Callable[[Mapping[str, Any]], Read]], ...]
] = (
    (_is_litellm, _litellm),
    (_is_langfuse, _langfuse),
    (_is_pair, _pair),
    (_is_batch, _batch),
    (_is_chat, _chat),
)
"""In the order in which they are tried: who has the most keys of its own comes first."""
