"""One request with its answer, out of a chat's body as the OpenAI API shapes it. Pure; nothing here raises."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

LONGEST: Final = 16_000
"""Characters of a prompt that are kept; of a longer one its two ends, and it is never copied into a brief."""
_ASKING: Final = ("user", "human")
_INSTRUCTING: Final = ("system", "developer")
_FIELDS: Final = ("prompt", "input", "question", "query", "text")
_SUBJECT: Final = ("user", "safety_identifier", "end_user", "user_id", "session_id")


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was asked last, what was answered, and by whom; nothing is redacted yet.

    `alone` says that the prompt can be understood by itself: text only, all of it here, no turns before it.
    `subject` is who asked, None where the log does not say; `system` is what the request was told beforehand.
    """

    prompt: str
    answer: str | None = None
    subject: str | None = None
    system: str | None = None
    alone: bool = True


def exchange_in(body: Any, response: Any = None, subject: str | None = None) -> Exchange | None:
    """The exchange in a request's body, in a list of messages or in a plain prompt; None where nobody asks there."""
    body = decoded(body)
    messages = _messages(body)
    subject = subject or (subject_in(body) if isinstance(body, Mapping) else None)
    if messages is None:
        text = body if isinstance(body, str) else _plain(body)
        return _made(text, answer_in(response), subject, None, alone=True) if text else None
    asked = [at for at, one in enumerate(messages) if one.get("role") in _ASKING]
    if not asked:
        return None
    last = asked[-1]
    content = messages[last].get("content")
    told = [_text(one.get("content")) for one in messages if one.get("role") in _INSTRUCTING]
    answer = answer_in(response)
    if answer is None and last + 1 < len(messages):
        answer = answer_in(messages[last + 1])
    before = any(one.get("role") not in _INSTRUCTING for one in messages[:last])
    system = "\n".join(text for text in told if text) or None
    return _made(_text(content), answer, subject, system, alone=not before and _only_text(content))


def _made(
    text: str, answer: str | None, subject: str | None, system: str | None, *, alone: bool
) -> Exchange | None:
    if not text.strip():
        return None
    whole = len(text) <= LONGEST
    kept = text if whole else f"{text[: LONGEST // 2]} {text[-LONGEST // 2 :]}"
    said = sound(answer)[:LONGEST] if answer else None
    return Exchange(sound(kept), said, subject, sound(system) if system else None, alone and whole)


def answer_in(value: Any) -> str | None:
    """The text of an answer: a completion, a response, a message, a list that ends in one, or the text itself."""
    value = decoded(value)
    if isinstance(value, str):
        return value or None
    if isinstance(value, list):
        dicts = [one for one in value if isinstance(one, dict)]
        return answer_in(dicts[-1]) if dicts else None
    if not isinstance(value, Mapping) or _failed(value):
        return None
    for key in ("body", "message", "choices", "output", "messages"):
        inner = value.get(key)
        if inner:
            return answer_in(inner[0] if key == "choices" and isinstance(inner, list) else inner)
    if value.get("role") in (*_ASKING, *_INSTRUCTING):
        return None
    return _text(value.get("content")) or _text(value.get("text")) or None


def subject_in(fields: Mapping[str, Any]) -> str | None:
    """Who asked: the end user, or else the session. A key that many users share says nothing and is not looked at."""
    metadata = decoded(fields.get("metadata"))
    for place in (fields, metadata):
        for key in _SUBJECT if isinstance(place, Mapping) else ():
            if isinstance(found := place.get(key), str | int) and str(found).strip():
                return str(found)
    return None


def decoded(value: Any) -> Any:
    """What a text of JSON says; anything else as it is. Logs hold JSON inside JSON."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def sound(text: str) -> str:
    """The text without halves of surrogate pairs, which no file can hold."""
    return text.encode(errors="replace").decode()


def _failed(value: Mapping[str, Any]) -> bool:
    status = value.get("status_code")
    return bool(value.get("error")) or (isinstance(status, int) and status >= 400)


def _messages(body: Any) -> list[Mapping[str, Any]] | None:
    found = body
    if isinstance(body, Mapping):
        found = next((decoded(body[key]) for key in ("messages", "input") if body.get(key)), None)
        found = [body] if found is None and "role" in body and "content" in body else found
        if isinstance(found, Mapping):
            found = found.get("messages")
    if not isinstance(found, Sequence) or isinstance(found, str):
        return None
    return [one for one in found if isinstance(one, Mapping)]


def _plain(body: Any) -> str:
    if not isinstance(body, Mapping):
        return ""
    return next((body[key] for key in _FIELDS if isinstance(body.get(key), str) and body[key].strip()), "")


def _text(content: Any) -> str:
    """The text of a message's content; of a list, that of its parts that have one."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") if isinstance(part, Mapping) else part for part in parts)
    return "\n".join(text for text in texts if isinstance(text, str))


def _only_text(content: Any) -> bool:
    parts = content if isinstance(content, list) else []
    return all(isinstance(part, str) or (isinstance(part, Mapping) and "text" in part) for part in parts)
