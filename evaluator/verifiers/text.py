"""Reading answers as people do: case, fences, quotes and bullets do not decide whether one is right."""

from __future__ import annotations

import re
import unicodedata

_FENCE = re.compile(r"```[\w+-]*[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_SENTENCE_END = re.compile(r"[.!?]+[\"')\]]*(?=\s|$)")
# The dot of these ends no sentence.
_ABBREVIATION = re.compile(r"\b(mr|mrs|ms|dr|prof|st|e\.g|i\.e|vs|no|a\.m|p\.m)\.", re.IGNORECASE)
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
    return (found.group(1) if found else text).strip()


def bare(text: str) -> str:
    """The text without fence, surrounding quotes, emphasis and final punctuation."""
    return without_fence(text).strip().strip("`*_\"' \u201c\u201d").rstrip(".!,;: ").strip("`*_\"' ")


def sentences(text: str) -> list[str]:
    """The sentences of `text`; a last one without an end mark counts."""
    kept = _ABBREVIATION.sub(lambda found: found.group(0).replace(".", "\u2024"), text)
    parts = [part.strip() for part in _SENTENCE_END.split(kept)]
    return [part.replace("\u2024", ".") for part in parts if re.search(r"\w", part)]


def words(text: str) -> list[str]:
    """The words of the normalised text."""
    return re.findall(r"\w+", normalise(text))


def is_refusal(answer: str) -> bool:
    """Whether the answer opens by declining the task; only its first 200 characters are read.

    >>> is_refusal("I'm sorry, but I can't help with that."), is_refusal("I'm sorry for the delay.")
    (True, False)
    """
    return bool(_REFUSAL.search(answer[:_OPENING].replace("\u2019", "'")))
