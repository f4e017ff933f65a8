"""Reading answers as people do: case, fences, quotes and bullets do not decide whether one is right."""

from __future__ import annotations

import re
import unicodedata

_FENCE = re.compile(r"(```|~~~)(?:[^\n`]*\n|[\w+-]*[ \t]*)(.*?)(?:\1|\Z)", re.DOTALL)
_SENTENCE_END = re.compile(
    r"[.!?\u2026]+[\"')\]\u2019\u201d\u00bb]*(?=\s|$)"
    r"|(?<=[a-z])[.!?](?=[A-Z][a-z])"  # no space between two sentences
    r"|[\u3002\uff01\uff1f\u0964\u06d4]+[\u300d\u300f\u201d]*"
    r"|\n\s*\n|\n(?=\s*(?:[-*+\u2022]\s|\d+[.)]\s))"  # a paragraph or an entry ends what stands above it
)
# An end mark within quotes, or dots, before a small letter.
_GOES_ON = re.compile(r"(?:[!?.][\"'\u2019\u201d\u00bb]|[!?]|\.{2,}|\u2026)(?=\s+[a-z])")
# The dot of these ends no sentence.
_SHORT_WORDS = (
    "mr|mrs|ms|dr|prof|st|mt|vs|no|vol|fig|approx|inc|ltd|corp|bros|sgt|gen|capt|jr|sr|dept|est|jan|feb|mar|apr|jun|jul|aug"
    "|sept|sep|oct|nov|dec|e\\.g|i\\.e|a\\.m|p\\.m"
)
_ABBREVIATION = re.compile(rf"\b(?:{_SHORT_WORDS})\.|\b(?:[A-Za-z]\.)+(?=\s+\S)(?<=[A-Z]\.)", re.IGNORECASE)
# Marks that end no sentence are put aside as private characters and brought back.
_NO_END = {".": "\ue000", "!": "\ue001", "?": "\ue002", "\u2026": "\ue003"}
_HIDDEN = str.maketrans(_NO_END)
_SHOWN = str.maketrans({hidden: mark for mark, hidden in _NO_END.items()})
_REFUSAL = re.compile(
    r"\b(?:i(?:'m| am) (?:sorry|unable|not able)\b.{0,60}\b(?:can(?:no|')t|unable|not able|assist|help)"
    r"|i (?:can(?:no|')t|am unable to|won't|will not) (?:help|assist|do|provide|answer|comply|fulfil+)"
    r"|as an ai\b.{0,80}\b(?:can(?:no|')t|unable|not able|do(?:n't| not) have)"
    r"|i (?:must|have to) decline)",
    re.IGNORECASE | re.DOTALL,
)
_OPENING = 200


def normalise(text: str) -> str:
    """Compatibility form, case-folded, straight quotes, white space collapsed.

    >>> normalise("  The  Cat ")
    'the cat'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.replace("\u2019", "'").replace("\u201c", '"').replace("\u201d", '"').split())


def contains_phrase(text: str, phrase: str) -> bool:
    """Whether `phrase` stands in `text` between word boundaries, both normalised. An empty phrase never does.

    >>> contains_phrase("It is Paris.", "paris"), contains_phrase("Parisian", "paris")
    (True, False)
    """
    wanted = normalise(phrase)
    return bool(wanted) and bool(re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", normalise(text)))


def without_fence(text: str) -> str:
    """What the first Markdown code fence holds, closed or cut off; the whole text where there is none."""
    found = _FENCE.search(text)
    return (found[2] if found else text).strip()


def bare(text: str) -> str:
    """The text without fence, surrounding quotes, emphasis and final punctuation."""
    return without_fence(text).strip().strip("`*_\"' \u201c\u201d").rstrip(".!,;: ").strip("`*_\"' ")


def sentences(text: str) -> list[str]:
    """The sentences of `text`; a last one without an end mark counts."""
    kept = _ABBREVIATION.sub(lambda found: found[0].replace(".", _NO_END["."]), text.strip())
    kept = _GOES_ON.sub(lambda found: found[0].translate(_HIDDEN), kept)
    parts = [part.strip() for part in _SENTENCE_END.split(kept)]
    return [part.translate(_SHOWN) for part in parts if re.search(r"\w", part)]


def words(text: str) -> list[str]:
    """The words of the normalised text."""
    return re.findall(r"\w+", normalise(text))


def is_refusal(answer: str) -> bool:
    """Whether the answer opens by declining the task; only its first 200 characters are read.

    >>> is_refusal("I'm sorry, but I can't help with that."), is_refusal("I'm sorry for the delay.")
    (True, False)
    """
    return bool(_REFUSAL.search(answer[:_OPENING].replace("\u2019", "'")))
