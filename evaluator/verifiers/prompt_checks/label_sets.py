"""The labels of which an answer shall choose one."""

from __future__ import annotations

import re
from typing import Final

from evaluator.verifiers.labels import chosen
from evaluator.verifiers.prompt_checks.constraint import Constraint, Finding, holds, necessary

_Q: Final = "[\"'\u201c\u201d\u2018\u2019`]?"
_LABEL: Final = rf"{_Q}[a-z][\w-]*{_Q}"
_SET: Final = rf"{_LABEL}(?:\s*[,/]\s*{_LABEL})*\s*,?\s*(?:or|/)\s*{_LABEL}"
_ASKS: Final = (
    r"\b(?:answer|respond|reply|say|classify|label|rate|categori[sz]e|choose|decide"
    r"|one word|sentiment|verdict)\b"
)
_BEFORE: Final = (
    r"(?:\b(?:with|as|by|from|between|either|only|just|is|it)\b|[:,-])\s*(?:either |one of |only )*"
)
_TONE: Final = r"\b(?:sentiment|review|text|sentence|comment|tone)\b"
_ASKED: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_ASKS}[^.?!\n\"]{{0,40}}?{_BEFORE}(?P<set>{_SET})\b",
        rf"\b(?:answer|respond|reply|say)\s+(?:either |only )?(?P<set>{_SET})\b",
        r"\b(?P<set>yes\s*(?:or|/)\s*no)\b",
        r"\b(?P<set>true\s*(?:or|/)\s*false)\b",
        rf"\bis\b[^.?!\n\"]{{0,60}}?\b(?:about|a|an|for)\s+(?P<set>{_LABEL}(?:\s*,\s*{_LABEL})+\s*,?\s*or\s+{_LABEL})\s*\?",
        rf"\bis\b[^.?!\n\"]{{0,40}}?{_TONE}[^.?!\n\"]{{0,60}}?\b(?P<set>{_LABEL}\s+or\s+{_LABEL})\s*\?",
    )
)
_QUOTES: Final = " \"'\u201c\u201d\u2018\u2019`"
_FORBIDS: Final = re.compile(r"\b(?:not|never|n't)\b[^.]{0,12}$", re.IGNORECASE)
_NO_LABEL: Final = frozenset(
    [
        "more",
        "less",
        "so",
        "not",
        "the",
        "a",
        "an",
        "it",
        "one",
        "two",
        "few",
        "two",
        "three",
        "fewer",
        "other",
        "longer",
        "any",
    ]
)


def read_label_sets(prompt: str) -> tuple[Constraint, ...]:
    """The first set of labels that the prompt names. That one is chosen is form; whether it is right is not looked at.

    >>> [found.get("labels") for found in read_label_sets("Answer with positive, negative or neutral: I like it.")]
    [('positive', 'negative', 'neutral')]
    """
    found = next(filter(None, (_set(one) for pattern in _ASKED for one in pattern.finditer(prompt))), None)
    return () if found is None else (necessary("labels", lambda answer: one_of(answer, found), labels=found),)


def _set(found: re.Match[str]) -> tuple[str, ...] | None:
    """The labels of a match; None where it forbids them, or where they are words that a sentence goes on with."""
    text, said = found.string, found["set"]
    parts = re.split(r"\s*[,/]\s*(?:or\s+)?|\s+or\s+", said)
    labels = tuple(dict.fromkeys(part.strip(_QUOTES).lower() for part in parts))
    forbidden = _FORBIDS.search(text[: found.start("set")])
    goes_on = re.match(r"\s+[a-z]", text[found.end("set") :]) and not set(said) & set("'\"")
    return None if len(labels) < 2 or _NO_LABEL & set(labels) or forbidden or goes_on else labels


def one_of(answer: str, labels: tuple[str, ...]) -> Finding:
    """Whether the answer chooses exactly one of the labels."""
    found = chosen(answer, labels)
    return holds(len(found) == 1, f"chooses {len(found)} of {', '.join(labels)}")
