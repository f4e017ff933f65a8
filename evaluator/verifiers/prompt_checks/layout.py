"""Marks and parts of a text that a prompt asks for: titles, highlights, placeholders, sections, postscripts, JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Final

from evaluator.verifiers.prompt_checks.constraint import Constraint, Finding, holds, necessary
from evaluator.verifiers.prompt_checks.counts import Bound, bounds_of
from evaluator.verifiers.text import without_fence

_I: Final = re.IGNORECASE
_TITLE: Final = re.compile(r"<<[^<>\n]*>>|\bdouble angular brackets\b", _I)
_HIGHLIGHTS: Final = re.compile(r"\bhighlight|\bitalic|\bbold\b", _I)
_HIGHLIGHTED: Final = (
    r"(?:(?:separate|different|text|italic|highlighted|bold) )*(?:sections?|parts?|phrases?|highlights?)"
)
_PLACEHOLDERS: Final = re.compile(r"\bplaceholders?\b", _I)
_SECTIONS: Final = re.compile(
    r"\b(?P<name>section|part|chapter|day|paragraph|scene|audience"
    r"|question|round|week)s?\s*:?\s*(?:X|1|#|\[X\])\b",
    _I,
)
_POSTSCRIPT: Final = re.compile(r"\b(?P<mark>P\.\s?P\.\s?S|P\.\s?S|PPS|PS)\b\.?")
_RESPONSES: Final = re.compile(r"(?:\*\s?){6}")
_JSON: Final = re.compile(
    r"\b(?:entire|whole|all|only|wrapped|must|should|just)\b[^.?!\n]{0,60}\bjson\b"
    r"|\bjson (?:format|output|block|only)\b|\bin json\b|\bjson\.$",
    _I,
)
_PHRASES: Final = re.compile(
    r"\b(?:one|choose from|exactly one) of the following (?:\w+ )?(?:phrases|options"
    r"|answers|responses)?|\b(?:answer|respond|reply|choose)\b[^.\n]{0,40}\bone of\b",
    _I,
)
_REPEAT: Final = re.compile(
    r"\b(?:first,? )?repeat (?:the (?:exact )?(?:request|prompt|question|sentence"
    r"|instruction)|this (?:request|prompt)|exactly the request|my request)[^.\n]{0,30}",
    _I,
)
_NEAR: Final = 60  # characters around what is counted
_CAPITAL_WORDS: Final = re.compile(
    r"\bwords?\b[^.!?\n]{0,20}\b(?:all[- ]|in )?(?:capital|cap|caps|uppercase)"
    r"|\b(?:all[- ]caps?|capital|uppercase) words?\b",
    _I,
)


def read_layout(prompt: str) -> tuple[Constraint, ...]:
    """What the prompt says of the answer's marks and parts."""
    return tuple(_read(prompt))


def _read(prompt: str) -> Iterable[Constraint]:
    if _TITLE.search(prompt) and re.search(r"\btitle|\bwrap|<<", prompt, _I):
        yield necessary(
            "title",
            lambda answer: holds(bool(re.search(r"<<[^\n<>]+>>", answer)), "a title in << >> asked for"),
        )
    if _HIGHLIGHTS.search(prompt):
        yield from _counted("highlights", prompt, _HIGHLIGHTED, _highlights)
    capitals = _CAPITAL_WORDS.search(prompt)
    around = "" if capitals is None else prompt[max(0, capitals.start() - _NEAR) : capitals.end() + _NEAR]
    if bounds := bounds_of(around, r"(?:times?|words?|all[- ]cap\w*|capital\w*)", bare=None):
        yield _bounded(
            "capital_words", bounds[0], lambda answer: len(re.findall(r"\b[A-Z][A-Z]+\b|\b[AI]\b", answer))
        )
    if _PLACEHOLDERS.search(prompt):
        yield from _counted(
            "placeholders",
            prompt,
            r"(?:\w+ ){0,2}?placeholders?",
            lambda answer: len(re.findall(r"\[[^\[\]\n]+\]", answer)),
        )
    mark = _POSTSCRIPT.search(prompt)
    if mark is not None and re.search(r"post ?-?script|add|end|start|include", prompt, _I):
        yield _postscript("pps" if mark["mark"].upper().count("P") == 2 else "ps")
    if _RESPONSES.search(prompt):
        yield necessary("two_responses", _two)
    if _JSON.search(prompt):
        yield necessary("json", _json)
    if _REPEAT.search(prompt) and (asked := prompt[: next(_REPEAT.finditer(prompt)).start()].strip()):
        yield necessary("repeat", _repeats(asked), text=asked)
    phrases = re.findall(r"[\"\u201c\u201d']([^\"\u201c\u201d']{4,60})[\"\u201c\u201d']", prompt)
    if len(phrases) > 1 and _PHRASES.search(prompt):
        yield necessary("one_of", _one_of(phrases), phrases=tuple(phrases))
    sections = _SECTIONS.search(prompt)
    if sections is not None:
        name = sections["name"].lower()
        yield from _counted(
            "sections",
            prompt,
            rf"(?:\w+ )?(?:{name}|section|part)s?",
            lambda answer: len(re.findall(rf"\b{name}\s*:?\s*\d+", answer, _I)),
        )


def _counted(kind: str, prompt: str, noun: str, count: Callable[[str], int]) -> Iterable[Constraint]:
    bounds = bounds_of(prompt, noun, bare="at least")
    if bounds:
        yield _bounded(kind, bounds[0], count)


def _bounded(kind: str, bound: Bound, count: Callable[[str], int]) -> Constraint:
    def check(answer: str) -> Finding:
        have = count(answer)
        return holds(bound.met_by(have), f"{have} {kind}, asked for {bound}")

    return necessary(kind, check, relation=bound.relation, count=bound.count)


def _highlights(answer: str) -> int:
    return len(re.findall(r"(?<!\*)\*{1,2}[^\s*][^*\n]*\*{1,2}", answer))


def _postscript(mark: str) -> Constraint:
    letters = r"p\.?\s?p\.?\s?s\.?" if mark == "pps" else r"(?<!p\.)(?<!p)p\.?\s?s\b\.?"
    return necessary(
        "postscript",
        lambda answer: holds(bool(re.search(rf"(?:^|\n|\s){letters}", answer, _I)), "a postscript asked for"),
        mark=mark,
    )


def _two(answer: str) -> Finding:
    parts = [part.strip() for part in re.split(r"\*{6}", answer)]
    full = [part for part in parts if part]
    return holds(
        len(full) == 2 and full[0] != full[1], f"{len(full)} answers, asked for two with ****** between"
    )


def _json(answer: str) -> Finding:
    try:
        json.loads(without_fence(answer))
    except (ValueError, RecursionError):
        return Finding(0.0, "is no JSON")
    return Finding(1.0, "is JSON")


def _repeats(asked: str) -> Callable[[str], Finding]:
    wanted = " ".join(asked.lower().split())
    return lambda answer: holds(
        " ".join(answer.lower().split()).startswith(wanted[:400]), "the request first asked for"
    )


def _one_of(phrases: list[str]) -> Callable[[str], Finding]:
    wanted = [one.strip(" .").lower() for one in phrases]
    return lambda answer: holds(
        sum(one in answer.lower() for one in wanted) == 1, f"one of {len(wanted)} phrases asked for"
    )
