"""A raw record becomes an interaction: bodies parsed, the text policy applied to every text.

Answers first, then messages from the last one on, then parameters: what is judged is redacted before a record's room
for that is used up (`record_texts`).
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Any, Final

from pydantic import ValidationError

from telemetry.codec import explain, understood
from telemetry.errors import UnreadableRecord
from telemetry.events import Answer, InteractionRecorded, Message, ShadowDraw, SpoolPlace, TextPolicy
from telemetry.forwarding.completion import parse_answer, parse_json
from telemetry.forwarding.record_texts import RecordTexts, rest_as_digest
from telemetry.privacy import IDENTIFYING, apply, name_without_secrets
from telemetry.spool.raw_record import AnswerFacts, RawMeta, RawRecord

_ROLES: Final = {"system", "developer", "user", "assistant", "tool", "function"}
# Recorded as messages, model and streamed, or saying who the subject is, which is never written: routers leave that
# out by now, and spools of older ones may still hold it.
_NOT_PARAMETERS: Final = {"messages", "prompt", "model", "stream"} | IDENTIFYING
_DATA_URL_LIMIT: Final = 512
_LONGEST_KNOWN: Final = 64
_MOST_NAMES: Final = 100
"""Parameters that are told one by one: an API has some thirty."""


def to_interaction(
    raw: RawRecord, policy: TextPolicy, place: SpoolPlace | None = None
) -> InteractionRecorded:
    """The interaction in a raw record. Raises UnreadableRecord where its meta is not what the router writes.

    `place` is where the spool held it. A request that is no JSON is an interaction without messages: the engine
    refused it, and that is known.
    """
    try:
        meta = understood(RawMeta, raw.meta)
    except ValidationError as error:
        raise UnreadableRecord(f"a raw record's meta: {explain(error)}") from error
    request = parse_json(raw.request_body)
    request = request if isinstance(request, dict) else {}
    model = request.get("model")
    parameters = {name: value for name, value in request.items() if name not in _NOT_PARAMETERS}
    texts = RecordTexts(policy)
    answer = _answer(meta.answer, raw.response_body, texts, cut=meta.client_left)
    shadow = _answer(meta.shadow, raw.shadow_body, texts, cut=False) if meta.shadow else None
    return InteractionRecorded(
        event_id=meta.event_id,
        time=meta.time,
        source=meta.source,
        rollout_id=meta.rollout_id,
        assignment=meta.assignment,
        endpoint=meta.endpoint,
        model=_name(model) if isinstance(model, str) else "",
        streamed=meta.answer.streamed,
        text_policy=policy,
        messages=_messages(request, texts),
        parameters=_parameters(parameters, texts),
        answer=answer,
        fallback=meta.fallback,
        client_left=meta.client_left,
        shadow=shadow,
        draw=_draw(meta.draw, policy),
        spooled=place,
        counts=meta.counts,
        request_id=apply(meta.request_id, policy) if meta.request_id is not None else None,
        traceparent=meta.traceparent,
        fell_back_ms=meta.fell_back_ms,
        by_key=meta.by_key,
    )


def _parameters(parameters: dict[str, Any], texts: RecordTexts) -> dict[str, Any]:
    """The names on the first level are the API's own; all below, and names beyond the first few, may be anybody's."""
    names = list(parameters)
    found = {_name(name): texts.json(parameters[name]) for name in names[:_MOST_NAMES]}
    if rest := {name: parameters[name] for name in names[_MOST_NAMES:]}:
        found[f"[{len(rest)} more]"] = rest_as_digest(rest)
    return found


def _name(name: str) -> str:
    """A name that is nearly always one of a few, as it may leave under any policy."""
    return _known_name(name) if len(name) <= _LONGEST_KNOWN else name_without_secrets(name)


@lru_cache(maxsize=1024)
def _known_name(name: str) -> str:
    return name_without_secrets(name)


def _draw(draw: ShadowDraw | None, policy: TextPolicy) -> ShadowDraw | None:
    """The draw. A hashed text is to be recognised and nothing else, so not by what it is about either."""
    return draw if draw is None or policy != "hashed" else draw.model_copy(update={"capability": None})


def _messages(request: dict[str, Any], texts: RecordTexts) -> tuple[Message, ...]:
    if "messages" not in request:
        prompt = request.get("prompt")
        return () if prompt is None else (Message(role="user", content=_prompt(prompt, texts)),)
    messages = request["messages"]
    found = (
        [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []
    )
    last_first = [
        Message(role=_role(message), content=_content(message, texts)) for message in reversed(found)
    ]
    return tuple(reversed(last_first))


def _prompt(prompt: Any, texts: RecordTexts) -> str:
    """The prompt of a completion: text, or texts one after the other, or token ids as JSON."""
    if isinstance(prompt, list) and all(isinstance(part, str) for part in prompt):
        prompt = "\n".join(prompt)
    return texts.text(prompt) if isinstance(prompt, str) else json.dumps(texts.json(prompt))


def _role(message: dict[str, Any]) -> str:
    role = message.get("role")
    return role if isinstance(role, str) and role in _ROLES else "other"


def _content(message: dict[str, Any], texts: RecordTexts) -> str:
    """The message's text; other parts, and the tool calls of an assistant, as JSON text beneath it."""
    # A digest is taken of the whole; the patterns of the other policies need text that is not yet JSON.
    inner = RecordTexts("full") if texts.policy == "hashed" else texts
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    found = []
    for at, part in enumerate(parts):
        if inner.used_up:
            found.append(rest_as_digest(parts[at:]))
            break
        if part is not None:
            found.append(_part(part, inner))
    if message.get("tool_calls"):
        found.append(_dump(inner.json(message["tool_calls"])))
    text = "\n".join(found)
    return texts.text(text) if texts.policy == "hashed" else text


def _part(part: Any, texts: RecordTexts) -> str:
    if isinstance(part, str):
        return texts.text(part)
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        return texts.text(part["text"])
    return _dump(texts.json(_without_media(part)))


def _without_media(value: Any) -> Any:
    """Images and sound inside a request become their digest: no pattern can redact them, no record hold them."""
    if isinstance(value, dict):
        return {name: _without_media(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_without_media(item) for item in value]
    if isinstance(value, str) and len(value) > _DATA_URL_LIMIT:
        digest = hashlib.blake2b(value.encode(), digest_size=32).hexdigest()
        return f"{len(value)} characters, blake2b {digest}"
    return value


def to_answer(facts: AnswerFacts, body: bytes, policy: TextPolicy, *, cut: bool) -> Answer:
    """One arm's answer. `cut` says that the client left, so that half a body is nobody's mistake."""
    return _answer(facts, body, RecordTexts(policy), cut=cut)


def _answer(facts: AnswerFacts, body: bytes, texts: RecordTexts, *, cut: bool) -> Answer:
    found = parse_answer(body, streamed=facts.streamed)
    error = facts.error
    if error is None and facts.status >= 400:
        error = f"http {facts.status}"
    if error is None and found.error is not None and body and not cut:
        error = "the engine's answer"
    if error is not None:
        error = apply(error, "redacted")
        if found.error is not None and body:
            error = f"{error}: {texts.text(found.error)}"
    return Answer(
        served_by=facts.served_by,
        status=facts.status,
        text=texts.text(found.text),
        finish_reason=found.finish_reason,
        tool_calls=_dump([_call(call, texts) for call in found.tool_calls]) if found.tool_calls else None,
        prompt_tokens=found.prompt_tokens,
        completion_tokens=found.completion_tokens,
        first_byte_ms=facts.first_byte_ms,
        total_ms=facts.total_ms,
        error=error,
        retried=facts.retried,
    )


def _call(call: dict[str, Any], texts: RecordTexts) -> dict[str, Any]:
    """A tool call under the policy. Its arguments are JSON in a text, where a pattern could cut an escape."""
    function = call["function"]
    arguments = function["arguments"]
    parsed = parse_json(arguments) if texts.policy != "hashed" else None
    clean = texts.text(arguments) if parsed is None else _dump(texts.json(parsed))
    return {**call, "function": {"name": texts.text(function["name"]), "arguments": clean}}


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
