"""What a prompt itself asks for and a program can check: a proposal of a verifier, and of an item's reference."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from evaluator.verifiers.text import contains_phrase, without_fence

_NUMBERS: Final = {
    name: number
    for number, name in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), start=1
    )
}
_COUNT: Final = rf"(\d{{1,2}}|{'|'.join(_NUMBERS)})"
_JSON: Final = re.compile(r"\bjson\b", re.IGNORECASE)
_KEYS: Final = re.compile(r"\b(?:keys?|fields?|properties)\b[^\n.:]{0,200}", re.IGNORECASE)
_QUOTED: Final = re.compile(r"[\"'`\u201c]([A-Za-z_][\w ]{0,40})[\"'`\u201d]")
_PAIRS: Final = (
    (
        ("yes", "no"),
        re.compile(r"\byes\s*(?:or|/|,)\s*no\b|^\W*yes\W*\n\W*no\W*$", re.IGNORECASE | re.MULTILINE),
    ),
    (("true", "false"), re.compile(r"\btrue\s*(?:or|/|,)\s*false\b", re.IGNORECASE)),
)
_LIST: Final = re.compile(rf"\b(?:list of|list|give me|give|name|write)\s+{_COUNT}\b", re.IGNORECASE)
_STYLE: Final = re.compile(r"\b(numbered|bullet(?:ed)?)\b(?: points?)?", re.IGNORECASE)
_SENTENCE: Final = re.compile(
    r"\b(?:in|as|with) (?:one|a single|1) sentence\b|\bone[- ]sentence\b", re.IGNORECASE
)
_PYTHON: Final = re.compile(
    r"\bpython\b.{0,60}?\bfunction\b\s+(?:(?:called|named)\s+[`\"']?(\w+)"
    r"|[`\"']?([a-z_]\w*)[`\"']?(?=\s*\(|\s+(?:that|which|with|for)\b))"
    r"|^def (\w+)\(",
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)
_SUM: Final = re.compile(
    r"\bhow (?:many|much)\b|\bcalculate\b|\b\d+ [-+*/x] \d+\b|\b\d+ (?:plus|minus|times) \d+\b",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?")


class Check(NamedTuple):
    """A verifier with its options, an item's reference where the prompt gives it, and one to be confirmed else."""

    verifier: str
    options: dict[str, Any]
    reference: Any = None
    proposed: Any = None


DEFAULT: Final = Check("contains_answer", {})
"""The judge of a capability whose prompts ask for nothing that can be checked without knowing what is right."""


def check_of(prompt: str, answer: str | None) -> Check | None:
    """What the prompt asks for that a program can check; None where it asks for nothing of the kind."""
    for found in (_json(prompt, answer), _python(prompt), _list(prompt), _pair(prompt, answer)):
        if found is not None:
            return found
    if _SENTENCE.search(prompt):
        return Check("one_sentence", {})
    if _SUM.search(prompt):
        numbers = _NUMBER.findall(answer or "")
        return Check("number", {}, proposed=_number(numbers[-1]) if numbers else None)
    return None


def common_check(checks: Sequence[Check | None]) -> Check:
    """The verifier that at least half of a capability's prompts ask for, else the default one."""
    counts = Counter((c.verifier, json.dumps(c.options, sort_keys=True)) for c in checks if c is not None)
    if not counts:
        return DEFAULT
    (verifier, options), count = min(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return Check(verifier, json.loads(options)) if 2 * count >= len(checks) else DEFAULT


def _json(prompt: str, answer: str | None) -> Check | None:
    if not _JSON.search(prompt):
        return None
    said = _KEYS.search(prompt)
    if said is not None and (keys := _QUOTED.findall(said[0])):
        return Check("json_keys", {}, reference=dict.fromkeys(keys))
    try:
        given = json.loads(without_fence(answer or ""))
    except (ValueError, RecursionError):
        given = None
    return Check("json_keys", {}, proposed=given if isinstance(given, dict) and given else None)


def _python(prompt: str) -> Check | None:
    found = _PYTHON.search(prompt)
    name = next((one for one in found.groups() if one), None) if found else None
    return Check("python_parses", {}, reference={"function": name}) if name else None


def _list(prompt: str) -> Check | None:
    style, count = _STYLE.search(prompt), _LIST.search(prompt)
    if style is None or count is None:
        return None
    number = _NUMBERS.get(count[1].lower()) or int(count[1])
    kind = "numbered" if style[1].lower().startswith("n") else "bulleted"
    return Check("list_of", {}, reference={"n": number, "style": kind}) if number else None


def _pair(prompt: str, answer: str | None) -> Check | None:
    for labels, asks in _PAIRS:
        if asks.search(prompt):
            said = [label for label in labels if contains_phrase(answer or "", label)]
            return Check("label", {"labels": list(labels)}, proposed=said[0] if len(said) == 1 else None)
    return None


def _number(text: str) -> int | float:
    plain = float(text.replace(",", ""))
    return int(plain) if plain.is_integer() else plain
