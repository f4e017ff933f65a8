"""How many entries a list shall have, and how they are marked."""

from __future__ import annotations

import re
from typing import Final

from evaluator.verifiers.entries import STYLES, Style, defect_of, entries_of
from evaluator.verifiers.prompt_checks.constraint import Constraint, Finding, holds
from evaluator.verifiers.prompt_checks.counts import COUNT, count_of
from evaluator.verifiers.prompt_checks.material import without_courtesies

_NUMBERED: Final = re.compile(
    r"\bnumbered\b|\benumerated?\b|\bordered list\b|\bnumber (?:each|them"
    r"|the entries|every)\b|\bwith (?:a )?numbers?\b"
    r"|\b1\.?,? ?2\.?,? ?(?:3|\.\.\.)",
    re.IGNORECASE,
)
_BULLETED: Final = re.compile(r"\bbullet(?:ed|s)?\b|\bbullet[- ]points?\b|\bunordered list\b", re.IGNORECASE)
_ADJECTIVES: Final = r"(?:[\w'-]+\s+){0,3}?"
_ENTRY: Final = r"(?:bullet(?:ed)?[- ]?points?|bullets|items|entries|points|list items|list entries)"
_COUNTED: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{COUNT}\s+{_ADJECTIVES}{_ENTRY}\b",
        rf"\blist\s*,?\s*(?:of|with|containing|having|that has|:)\s*(?:exactly |just |only )?{COUNT}\b",
        (
            rf"\b(?:list|name|give(?: me| us)?|write(?: down| me)?|provide|suggest|mention"
            rf"|tell me|show me|enumerate|i'd like|i want|i need|make)"
            rf"\s+(?:exactly |just |only |any |the )?{COUNT}\s+[a-z]"
        ),
        rf"^\W*{COUNT}\s+[a-z][\w' -]{{0,60}},?\s+(?:in|as)\s+an?\b",
        rf"\blist[^.?!\n]{{0,40}}?\b{COUNT}\s+(?:entries|items|points|lines)\b",
    )
)
_OPEN: Final = re.compile(
    r"\b(?:at least|up to|at most|maximum|minimum|about|around|approximately|few|several)\b",
    re.IGNORECASE,
)
_OR_MORE: Final = re.compile(r"\s*(?:\+|or (?:more|less|fewer|so)|to \d|-\s?\d)", re.IGNORECASE)
_SHOWN: Final = re.compile(
    r"\b1[.,)]*\s*2[.,)]*\s*(?:3\b|\.\.\.)|\b(?:its|their|each|every|quick|more) one\b", re.IGNORECASE
)
_ANY_COUNT: Final = re.compile(rf"(?<![\w.,-]){COUNT}\s+[a-z]{{3,}}", re.IGNORECASE)
# Which ones belong into such a list is a matter of fact.
_RANKED: Final = re.compile(
    r"\b(?:most|first|last|latest|top|largest|biggest"
    r"|oldest|highest|longest|richest)\b",
    re.IGNORECASE,
)
_LONGEST: Final = 30  # words; in a longer prompt the list is not the whole point


def read_lists(prompt: str) -> tuple[Constraint, ...]:
    """The list that the prompt asks for: with its style and number it decides, where no more is asked.

    >>> [found.arguments for found in read_lists("Name three rivers as a numbered list.")]
    [(('n', 3), ('style', 'numbered'))]
    """
    prompt = without_courtesies(prompt)
    style = style_of(prompt)
    found = next((one for pattern in _COUNTED if (one := pattern.search(prompt))), None) or _only_count(
        prompt
    )
    if found is None:
        return ()
    count = count_of(found[1])
    before, after = (
        prompt[max(0, found.start(1) - 14) : found.start(1)],
        prompt[found.end(1) : found.end(1) + 9],
    )
    if count is None or not 1 <= count <= 100 or _OPEN.search(before) or _OR_MORE.match(after):
        return ()
    if style is None:
        return ()
    decides = len(prompt.split()) <= _LONGEST and '"' not in prompt and not _RANKED.search(prompt)
    arguments = (("n", count), ("style", style))
    return (Constraint("list", arguments, decides, lambda answer: _check(answer, count, style)),)


def _only_count(prompt: str) -> re.Match[str] | None:
    """The one count before a noun that stands in the prompt, "1, 2, 3" aside."""
    found = list(_ANY_COUNT.finditer(_SHOWN.sub(lambda shown: " " * len(shown[0]), prompt)))
    return found[0] if len(found) == 1 else None


def style_of(prompt: str) -> Style | None:
    """The style that the prompt names; None where it names none, or both."""
    named = [
        style for style, words in zip(STYLES, (_BULLETED, _NUMBERED), strict=True) if words.search(prompt)
    ]
    if len(named) != 1:
        return None
    return "numbered" if named[0] == "numbered" else "bulleted"


def _check(answer: str, count: int, style: Style) -> Finding:
    found = entries_of(answer, style)
    if (defect := defect_of(found, style)) is not None:
        return Finding(0.0, defect)
    return holds(len(found.texts) == count, f"{len(found.texts)} entries, asked for {count}")
