"""A prompt taken apart: what is asked, and the material that it is asked about. Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_QUOTED: Final = re.compile(
    r"\"([^\"\n]{8,})\"|(?<![\w])'([^'\n]{12,})'(?!\w)|\u201c([^\u201d]{8,})\u201d"
    r"|\u00ab([^\u00bb]{8,})\u00bb|```\w*\n?(.*?)```",
    re.DOTALL,
)
_LABELLED: Final = re.compile(
    r"\b(?:text|note|message|email|e-mail|ticket|review|passage|document"
    r"|article|here'?s? (?:is )?[^:.?!\n]{0,30})\s*:\s*(.+?)"
    r"(?=\s*\b(?:question|task|q)\s*:|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+|\n+")
_ASKING: Final = re.compile(
    r"^\W*(?:please\b|can you\b|could you\b|would you\b|i want\b|i need\b"
    r"|i'd like\b|what\b|which\b|who\b|where\b|when\b|how\b"
    r"|in which\b|on which\b|give\b|find\b|tell\b|extract\b|pull\b|read\b"
    r"|return\b|write\b|turn\b|convert\b|make\b|output\b"
    r"|summari[sz]e\b|sum\b|answer\b|reply\b|respond\b|as json\b|json\b|from the\b"
    r"|name\b|list\b|classify\b|label\b|only\b|keys?\b"
    r"|use\b|put\b|format\b|produce\b|create\b|provide\b|shorten\b|tl;?dr\b"
    r"|is\b|are\b|was\b|does\b|do\b|did\b|thanks?\b|thank\b)",
    re.IGNORECASE,
)
_BELOW: Final = re.compile(
    r"\b(?:below|following|this|from the|in the) (?:text|note|message|mail|sentence|ticket|passage)\b",
    re.IGNORECASE,
)
_LEAST: Final = 3  # words


_GREETING: Final = re.compile(
    r"^\s*(?:(?:hi|hello|hey|greetings|good (?:morning|day|evening|afternoon)"
    r"|morning|evening|dear \w+|ok(?:ay)?(?: so)?|so|uhm?"
    r"|well|sorry to (?:bother|trouble) you|quick (?:one|question)|random question"
    r"|one more thing|me again|hope you are well"
    r"|if you have a (?:second|minute|moment)|by the way|btw)(?: there| team| all)?\s*[,.!:;-]*\s+)+",
    re.IGNORECASE,
)
_THANKS: Final = re.compile(
    r"(?:[\s,.!;-]*(?<!\w)(?:(?:many )?thanks?(?: a lot| you| so much| very much"
    r"| in advance)?|thx(?: a lot)?|ta(?: very much)?|cheers"
    r"|much appreciated|please and thank you|grateful for any help"
    r"|have a nice day|no rush|pls|please|:\)|:-\)))+[\s.!,]*$",
    re.IGNORECASE,
)


def without_courtesies(prompt: str) -> str:
    """The prompt without a greeting before it and thanks behind it.

    >>> without_courtesies("Hey, quick one: what is 3 + 4? Thanks!")
    'what is 3 + 4?'
    """
    return _THANKS.sub(
        lambda found: "?" if "?" in found[0] else "", _GREETING.sub("", prompt.strip())
    ).strip()


class Parts(NamedTuple):
    """The words that ask, and the text that they ask about, which is empty where there is none.

    `marked` is whether quotes, a label, a colon, a blank line or words such as "the text below" set the two apart.
    """

    asking: str
    material: str
    marked: bool = True


def parts_of(prompt: str) -> Parts:
    """Take a prompt apart: by quotes, a label such as "Text:", a colon, or sentences that do not ask.

    >>> parts_of('"Anna lives in Rome." Who lives in Rome?')
    Parts(asking='Who lives in Rome?', material='Anna lives in Rome.', marked=True)
    >>> parts_of("Find the day: we meet on Friday.").material
    'we meet on Friday.'
    """
    text = without_courtesies(prompt)
    quoted = [next(filter(None, found.groups())) for found in _QUOTED.finditer(text)]
    long = [one for one in quoted if len(one.split()) >= _LEAST]
    if long:
        return Parts(_QUOTED.sub(" ", text).strip(), max(long, key=len).strip())
    for mark in (">>", "\n---", "\n\n"):
        before, found, after = text.partition(mark)
        if found and len(before.split()) >= 2 and len(after.split()) >= _LEAST:
            return _in_order(before.strip(), after.strip())
    labelled = _LABELLED.search(text)
    if labelled is not None and len(labelled[1].split()) >= _LEAST:
        rest = (text[: labelled.start()] + " " + text[labelled.end() :]).strip()
        return _without_asking(labelled[1], rest)
    before, colon, after = text.partition(": ")
    if not colon:
        before, colon, after = text.partition(":\n")
    if colon and len(after.split()) >= 2 and len(before.split()) <= 40:
        return _without_asking(after, before + ":")
    told = _without_asking(text, "")
    return told._replace(marked=bool(_BELOW.search(told.asking)))


def _in_order(one: str, other: str) -> Parts:
    """Two parts that a mark divides: the shorter one asks, and where it does not, the one that has a question mark."""
    if "?" in other and "?" not in one:
        return Parts(other, one)
    return Parts(one, other) if len(one) <= len(other) else Parts(other, one)


def _without_asking(text: str, asking: str) -> Parts:
    """The sentences that tell, apart from those that ask."""
    told: list[str] = []
    asked = [asking] if asking else []
    for sentence in filter(None, map(str.strip, _SENTENCE.split(text.strip()))):
        asks = sentence.endswith("?") or (
            _ASKING.match(sentence) and not re.search(r"\b(?:is|was|has|costs?) \d", sentence)
        )
        (asked if asks else told).append(sentence)
    if not told and asking:
        return Parts(asking, text.strip())
    return Parts(" ".join(asked).strip(), " ".join(told).strip())
