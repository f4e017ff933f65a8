"""Recall and precision of a redaction on labelled texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tests.telemetry.labelled.generated import Labelled

Redaction = Callable[[str], str]
_LEFT = 7
"""Characters in a row of a secret that nobody may read afterwards."""


class Recall(NamedTuple):
    """How many of all secrets are gone, and what stayed."""

    found: int
    all: int
    missed: list[Labelled]


def is_gone(one: Labelled, after: str) -> bool:
    """Whether no piece of the secret is left that is long enough to help somebody."""
    piece = min(_LEFT, len(one.secret))
    return not any(one.secret[at : at + piece] in after for at in range(len(one.secret) - piece + 1))


def recall(redact: Redaction, texts: Iterable[Labelled]) -> Recall:
    """How many secrets are gone after redaction."""
    kept = list(texts)
    missed = [one for one in kept if not is_gone(one, redact(one.text))]
    return Recall(len(kept) - len(missed), len(kept), missed)


def touched(redact: Redaction, texts: Iterable[str]) -> list[tuple[str, str]]:
    """The texts without a secret that redaction changed, with what it made of them."""
    return [(text, after) for text in texts if (after := redact(text)) != text]


def by_kind(missed: Iterable[Labelled]) -> Counter[str]:
    """How many were missed of each kind."""
    return Counter(one.kind for one in missed)
