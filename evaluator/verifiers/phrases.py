"""Finding a phrase in an answer as a reader would, whatever its accents, dashes or script, and whether it is denied."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from typing import Final, NamedTuple

from evaluator.verifiers.text import normalise

# Letters that have no accent to take off and are written without their stroke all the same.
_STROKES: Final = str.maketrans(
    {
        "\u00f8": "o",
        "\u0142": "l",
        "\u0111": "d",
        "\u0127": "h",
        "\u0131": "i",
        "\u00e6": "ae",
        "\u0153": "oe",
    }
)
_DASHES: Final = re.compile(r"[\u2010-\u2015\u2212\ufe63\uff0d]")
_INVISIBLE: Final = re.compile(r"[\u00ad\u200b-\u200f\u2060\ufeff]")
# Thai, Lao, Burmese, Khmer, kana, Chinese, Hangul: words stand without a space, or with an ending joined to them.
_JOINED: Final = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
_LETTER: Final = r"[^\W_]"  # an underscore beside a word is emphasis

_CLAUSE_END: Final = re.compile(
    r"[.!?;:\u3002\uff01\uff1f](?=\s|$)|\n|,\s|\s--?\s|(?<!anything )(?<!nothing )\bbut\b|\bhowever\b"
)
_NO_DENIAL: Final = re.compile(
    r"\b(?:no (?:doubt|problem|question|worries|matter|later than|less than|more than)|nothing but"
    r"|not (?:only|just|to worry|long)|(?:don't|do not) (?:worry|hesitate)|without (?:a )?doubt|why not"
    r"|can't (?:wait|go wrong)|cannot be (?:anything )?but)\b"
)
_DENIAL: Final = re.compile(  # up to `_REACH` words before what it denies
    r"\b(?:not|never|no|none|nothing|neither|nor|nobody|cannot|hardly|scarcely|without|whether|\w+n't"
    r"|(?:false|untrue|wrong|incorrect) (?:that|to (?:say|call))|wish(?:es|ed)?)\b"
)
_DENIAL_OF_NEXT: Final = re.compile(  # at most one word before it
    r"(?:\b(?:rather than|instead of|as opposed to|other than|anything but|far from|(?:the )?opposite of"
    r"|absence of|lack of|unlike|except|excluding|lacks?|lacking)(?: [\w\"'*]+)?|\bnon-)[\s\"'*_]*$"
)
_DENIED_AFTER: Final = re.compile(
    r"[\"'*_\u201d)]*(?:\s+(?:is|was|are|were|would be|seems))?\s*"
    r"(?:\b(?:not|wrong|incorrect|false|untrue)\b(?! (?:only|just))|(?:is|was|are|were|would|does|do)n't\b)"
)
_ASKED_BACK: Final = re.compile(r"[\"'*_\u201d)]*\?")
_REACH: Final = 8  # words between a denial and what it denies


NEAR: Final = 400
"""Characters around a phrase that say how it is meant. An answer of one word 10,000 times takes minutes without it."""


class Span(NamedTuple):
    """Where a phrase stands in a folded text: from `start` up to, not including, `end`."""

    start: int
    end: int


@functools.lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """The normalised lines with plain dashes, no invisible characters and no accents on Latin and Greek letters.

    In other scripts a mark makes another letter, and stays.

    >>> folded("S\u00e3o Paulo"), folded("Port\u2011au\u2011Prince")
    ('sao paulo', 'port-au-prince')
    """
    lines = _DASHES.sub("-", text).strip().split("\n")
    plain = _INVISIBLE.sub("", "\n".join(map(normalise, lines)))
    if plain.isascii():
        return plain
    kept: list[str] = []
    for letter in unicodedata.normalize("NFD", plain.translate(_STROKES)):
        on_latin = (
            unicodedata.combining(letter)
            and kept
            and (kept[-1] < "\u0250" or "\u0370" <= kept[-1] < "\u0400")
        )
        if not on_latin:
            kept.append(letter)
    return unicodedata.normalize("NFC", "".join(kept))


def spans(text: str, phrase: str, *, whole: bool = False) -> Iterator[Span]:
    """Where `phrase` stands in `folded(text)`, between word boundaries; a hyphen and a space are alike.

    Digits are bounded by what would make another number of them. With `whole` a word that goes on behind a hyphen, or
    that owns something, is another word: Anna is neither Anna-Maria nor Anna's sister.
    """
    wanted = folded(phrase).strip("-")
    if wanted:
        for found in _pattern(wanted, whole).finditer(folded(text)):
            yield Span(*found.span())


@functools.lru_cache(maxsize=4096)
def _pattern(wanted: str, whole: bool) -> re.Pattern[str]:
    body = r"(?:\s|-)+".join(map(re.escape, re.split(r"[\s-]+", wanted)))
    before = "" if _JOINED.match(wanted) else f"(?<!{_LETTER})"
    after = "" if _JOINED.match(wanted[-1]) else f"(?!{_LETTER})"
    if wanted[0].isdigit():
        before += r"(?<!\d[.,:])(?<!\d-)(?<!\s-)(?<!^-)"
    if wanted[-1].isdigit():
        after += r"(?![.,:]\d)(?!-\d)"
    if whole and wanted[-1].isalpha():
        after += r"(?!-[^\W_])(?!'s\s+\w)"
    return re.compile(before + body + after)


def contains(text: str, phrase: str) -> bool:
    """Whether `phrase` stands in `text`, denied or not."""
    return next(spans(text, phrase), None) is not None


def denied(text: str, span: Span) -> bool:
    """Whether the folded `text` says that what stands at `span` is not so, within the same clause.

    Denials are "not", "never", "rather than", "anything but" and the like up to eight words before it, "is wrong" or
    "is not" behind it, and a question mark behind it that is not the end. A denial of meaning without any such word
    ("as if it were Paris") is not seen.

    >>> text = "it is not paris, it is lyon"
    >>> [denied(text, next(spans(text, city))) for city in ("Paris", "Lyon")]
    [True, False]
    """
    clause = _NO_DENIAL.sub(" ", text[max(0, span.start - NEAR) : span.start])
    clause = _CLAUSE_END.split(clause)[-1]
    if _DENIAL.search(" ".join(clause.split()[-_REACH:])) or _DENIAL_OF_NEXT.search(clause):
        return True
    rest = text[span.end : span.end + NEAR]
    return bool(_DENIED_AFTER.match(rest)) or (bool(_ASKED_BACK.match(rest)) and bool(re.search(r"\w", rest)))


def affirmed(text: str, phrase: str, *, whole: bool = False) -> bool:
    """Whether `phrase` stands in `text` at least once without being denied."""
    plain = folded(text)
    return any(not denied(plain, span) for span in spans(text, phrase, whole=whole))
