"""The entries of a list in an answer, however they are marked. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal, NamedTuple

from evaluator.verifiers.text import normalise, without_fence

Style = Literal["numbered", "bulleted"]
STYLES: Final = ("bulleted", "numbered")

_NUMBERED: Final = re.compile(
    r"(?P<bold>[*_]{0,2})\(?(?P<number>\d{1,3})(?:\\?[.)\u3002\u3001:]"
    r"|\ufe0f?\u20e3|(?=\s+-)|(?=-\S))\)?[*_]{0,2}"
    r"(?:\s*[-:](?=\s|[^\W\d]))?\s*(?P<text>\S.*)"
)
_BULLETED: Final = re.compile(
    r"(?:[-*+]\s+(?:\[[ x]\]\s+)?"
    r"|[\u2022\u25e6\u2023\u25cf\u25cb\u25aa\u25ab\u00b7\u2219\u2043]\s*|[\u2013\u2014]\s*)(?P<text>\S.*)",
    re.IGNORECASE,
)
_MARKED_OTHERWISE: Final = re.compile(r"^(?:\[(\d{1,3})\]\s|#(\d{1,3})[.:]?\s|(\d{1,3}) \.\s)")
_INTRODUCTION: Final = re.compile(r"#{1,6}\s.*|\*\*[^*]+\*\*:?|__[^_]+__:?|.*:")
_PLACEHOLDER: Final = re.compile(
    r"\[[^\]]*\]|(?:item|entry|point|example|bullet)\s*#?\d+|<[^>]*>|\.{3}|\u2026", re.IGNORECASE
)


class Entries(NamedTuple):
    """A list's entries in order, what numbers they bear, and the lines beside them that belong to none."""

    texts: tuple[str, ...]
    numbers: tuple[int, ...]
    other_lines: tuple[str, ...]


def entries_of(answer: str, style: Style) -> Entries:
    """The list in `answer`: one line of introduction (a heading, or one that ends in a colon) is not counted.

    An indented line goes on with the entry above it, and so does an indented list. Numbers may be "1.", "1)", "(1)",
    "1:", "1 -", bold, escaped or keycaps; bullets any of the usual marks, dashes among them.
    """
    text = re.sub(r"^> ?", "", without_fence(answer), flags=re.MULTILINE)  # quoted as in a mail
    lines = [line.rstrip() for line in text.expandtabs(4).splitlines() if line.strip()]
    indents = [len(line) - len(line.lstrip()) for line in lines]
    pattern = _NUMBERED if style == "numbered" else _BULLETED
    found = [pattern.match(_plain(line)) for line in lines]
    level = next((indent for indent, one in zip(indents, found, strict=True) if one), 0)
    texts, numbers, others = [], [], []
    for place, (line, indent, one) in enumerate(zip(lines, indents, found, strict=True)):
        if one is not None and indent <= level + 1:
            texts.append(one["text"])
            numbers.append(int(one["number"]) if style == "numbered" else 0)
        elif not (texts and indent > level) and not (place == 0 and _INTRODUCTION.fullmatch(line.strip())):
            others.append(line)
    return Entries(tuple(texts), tuple(numbers), tuple(others))


def _plain(line: str) -> str:
    """Full-width digits and marks, "[1]", "#1" and "1 ." as plain ones; keycaps, which NFKC keeps, and dashes stay."""
    kept = "".join(unicodedata.normalize("NFKC", c) if "\uff00" <= c <= "\uffef" else c for c in line.strip())
    kept = _MARKED_OTHERWISE.sub(lambda found: f"{found[1] or found[2] or found[3]}. ", kept)
    return re.sub(r"^(\W{0,3}\d{1,3}\s*)[\u2013\u2014]", r"\1-", kept)


def defect_of(found: Entries, style: Style) -> str | None:
    """What is wrong with the list as a list: a stray line, a wrong number, an entry twice or left to be filled in."""
    if not found.texts:
        return f"no {style} entries"
    if found.other_lines:
        return f"{len(found.other_lines)} lines are no {style} entries"
    if (
        style == "numbered"
        and found.numbers != tuple(range(1, len(found.numbers) + 1))
        and set(found.numbers) != {1}
    ):
        return f"numbered {', '.join(map(str, found.numbers))}"
    plain = [_content(text) for text in found.texts]
    if len(set(plain)) != len(plain):
        return "an entry stands there twice"
    if any(_PLACEHOLDER.fullmatch(text.strip("*_ ")) for text in found.texts) or all(
        t.isdigit() for t in plain
    ):
        return "placeholders in place of entries"
    return None


def _content(text: str) -> str:
    """An entry without its final mark; signs within stay, since C, C++ and C# are three."""
    return normalise(text).strip("*_ ").rstrip(".,;:! ")
