"""Words that an answer shall have, begin with, end with or do without; its case and its marks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from evaluator.verifiers.phrases import contains, folded
from evaluator.verifiers.prompt_checks.constraint import Constraint, Finding, holds, necessary
from evaluator.verifiers.prompt_checks.counts import COUNT, Bound, bounds_of, count_of

_Q: Final = "[\"'\u201c\u201d\u2018\u2019`]"
_TEXT: Final = rf"{_Q}(?P<text>[^\"\u201c\u201d\n]{{1,200}}?)[.]?{_Q}(?=[\s.,;:!?)]|$)"
_I: Final = re.IGNORECASE
_ENDS: Final = re.compile(
    rf"\b(?:end|ends|finish|finishes|conclude|ending|last sentence|very last sentence"
    rf"|final sentence)\b[^.?!\n\"\u201c]{{0,90}}?"
    rf"(?:with|by saying|phrase|words?|should be|be|:)[^.?!\n\"\u201c]{{0,60}}?{_TEXT}",
    _I,
)
_BEGINS: Final = re.compile(
    rf"\b(?:begin|begins|start|starts"
    rf"|open)\b(?! with a )[^.?!\n\"\u201c]{{0,60}}?\bwith\b[^.?!\n\"\u201c]{{0,40}}?{_TEXT}",
    _I,
)
_PART: Final = re.compile(r"\b(?:paragraph|postscript|post script|p\.s|section|line|each|every)\b", _I)
_WITHOUT: Final = re.compile(
    rf"\b(?:do not|don't|must not|mustn't|should not|shouldn't|cannot|can't"
    rf"|never|avoid|without|not allowed to|refrain from|"
    rf"excluding|exclude)\b[^.?!\n\"\u201c:]{{0,50}}?(?:\b(?:keywords?|words?|phrases?"
    rf"|terms?)\b|\b(?:use|using|include|including|mention"
    rf"|mentioning|contain|say|saying))[^.?!\n\"\u201c:]{{0,25}}?:?\s*(?P<list>{_Q}[^.\n]+"
    rf"|(?<=: )[a-z][^.\n]+|(?<=words )[a-z][^.\n]+)",
    _I,
)
_NOT_APPEAR: Final = re.compile(
    rf"\bwords?\s+(?P<list>{_Q}[^.\n]+?|\w+(?:,? (?:and |or )?\w+)*?)\s+(?:should|must"
    rf"|can|may)(?:n't| ?not)\s+(?:appear|be (?:used|included|in))",
    _I,
)
_WITH: Final = re.compile(
    r"\b(?:include|including|contain|containing|use|with|mention)\s+(?:all of "
    r"|both )?(?:the |these |following |these following )*"
    r"(?:key ?words?|words?|phrases?|terms?)(?! (?:of|or|with|in all|that|to|limit|count))\b:?\s*"
    rf"(?P<list>{_Q}[^.\n]+|[\w-]+(?:,? (?:and )?[\w-]+)*)",
    _I,
)
_MENTION: Final = re.compile(
    rf"\b(?:mention|include)\s+(?P<list>{_Q}\w[\w -]*{_Q})(?! (?:at least|section))", _I
)
_STOP: Final = re.compile(
    r"\b(?:in|from|at|your|the|to|for|within|as|while|should|must|but|because"
    r"|so|then|anywhere|throughout|appear\w*|are|is)\b(?!\")",
    _I,
)
_LOWER: Final = re.compile(
    r"\b(?:all|only|entirely|in|use|using)\s+(?:in\s+|the\s+)?(?:english\s+)?lower\s?-?case\b"
    r"|\blower\s?-?case letters only\b|\bno capital letters\b"
    r"|\bno (?:upper\s?-?case|capital)|\ball (?:the )?letters[^.]{0,30} lower\s?-?case"
    r"|\bentirely in lower\s?-?case|\bin small letters\b",
    _I,
)
_UPPER: Final = re.compile(
    r"\b(?:in|use|using|only|be|entire)\s+(?:english,? (?:and )?(?:in |with )?)?(?:all "
    r"|only |entirely )?(?:the )?(?:capital(?:ized)? letters"
    r"|upper\s?-?case letters|caps\b|capitals\b|uppercase\b)"
    r"|\ball[- ](?:capital(?:s|ized)?|caps|uppercase)\b(?! words| letters (?:to|for"
    r"|should))|\bcapital letters only\b|\bentirely in capital",
    _I,
)
_SOME_CAPITALS: Final = re.compile(
    r"\b(?:words?|some|certain|key)\b[^.]{0,40}\b(?:all[- ]cap|capital|in caps|uppercase)"
    r"|\b(?:all[- ]cap|capital|uppercase)[^.]{0,40}\b(?:words?|at (?:least"
    r"|most)|less than|more than|fewer than|times)\b",
    _I,
)
_NO_COMMA: Final = re.compile(
    r"\b(?:no|any|without|avoid|refrain[^.]{0,20}|free of|not[^.]{0,40})\s*(?:using "
    r"|the use of |any |use |contain(?:ing)? |include |the )*\b(?:commas?)\b",
    _I,
)
_IN_QUOTES: Final = re.compile(
    r"\bwrap\w*\b[^.]{0,60}\b(?:double )?quot(?:ation|e)s?\b|\b(?:in|inside|within"
    r"|with|enclosed (?:in|with)) double quot(?:ation|e)"
    r"|\bdouble quot(?:ation|e)s?\b[^.]{0,30}\baround\b",
    _I,
)
_FREQUENCY: Final = re.compile(
    rf"\b(?P<what>word|keyword|letter)s?\s+{_Q}?(?P<text>[\w!#-]+){_Q}?\s+(?:for |should "
    rf"|must |to |needs to )?(?:appear|appears|be used|occur|shows? up|be included|used)?\s*"
    rf"(?P<bound>(?:at least|at most|less than|more than|fewer than|exactly"
    rf"|no more than)?\s*{COUNT}\+?\s*(?:or more |or fewer |or less )?(?:times"
    rf"|time)|(?:at most |at least |exactly )?(?:once|twice))",
    _I,
)


_NO_WORDS: Final = frozenset(
    ["should", "must", "with", "for", "in", "to", "that", "of", "or", "and", "all", "used"]
)


def read_wording(prompt: str) -> tuple[Constraint, ...]:
    """What the prompt says of the answer's words, first and last ones among them."""
    found = [*_ends(prompt), *_listed(prompt), *_frequencies(prompt)]
    capitals = bool(_SOME_CAPITALS.search(prompt))
    for kind, words, check in (
        ("lower_case", _LOWER, _lower),
        ("upper_case", _UPPER, _upper),
        ("no_comma", _NO_COMMA, lambda answer: holds("," not in answer, "no commas asked for")),
        ("in_quotes", _IN_QUOTES, _quoted),
    ):
        if words.search(prompt) and not (kind == "upper_case" and capitals):
            found.append(necessary(kind, check))
    return tuple(found)


def _ends(prompt: str) -> Iterable[Constraint]:
    for kind, words in (("ends_with", _ENDS), ("begins_with", _BEGINS)):
        one = words.search(prompt)
        if one is not None and not _PART.search(prompt[max(0, one.start() - 40) : one.start("text")]):
            text = one["text"].strip()
            yield necessary(kind, _edge(kind, text), text=text)


def _edge(kind: str, text: str) -> Callable[[str], Finding]:
    wanted = _letters(text)

    def check(answer: str) -> Finding:
        have = _letters(answer)
        ok = have.endswith(wanted) if kind == "ends_with" else have.startswith(wanted)
        return holds(ok, f"{kind.replace('_', ' ')} {text!r}")

    return check


def _letters(text: str) -> str:
    return " ".join(re.findall(r"\w+", folded(text)))


def _listed(prompt: str) -> Iterable[Constraint]:
    without = [one for words in (_WITHOUT, _NOT_APPEAR) for one in words.finditer(prompt)]
    banned = [word for one in without for word in _words_of(one["list"])]
    if banned:
        yield necessary(
            "without_words", lambda answer: _lacks(answer, banned), words=tuple(dict.fromkeys(banned))
        )
    taken = [one.span() for one in without]
    wanted = [
        word
        for words in (_WITH, _MENTION)
        for one in words.finditer(prompt)
        if not any(start <= one.start() < end for start, end in taken)
        and not re.search(
            r"\b(?:not|n't|avoid|without|refrain)\b", prompt[max(0, one.start() - 30) : one.start()]
        )
        and not re.match(
            r"[^.\n]{0,40}\b(?:at least|at most|less than|more than|times|exactly)\b",
            prompt[one.start("list") :],
        )
        for word in _words_of(one["list"])
    ]
    if wanted:
        yield necessary("with_words", lambda answer: _has(answer, wanted), words=tuple(dict.fromkeys(wanted)))


def _words_of(text: str) -> list[str]:
    """The quoted words of a list, else its words up to what goes on with the sentence."""
    quoted = re.findall(rf"{_Q}([^\"\u201c\u201d]{{1,60}}?)[.,]?{_Q}(?=[\s.,;:!?)]|$)", text)
    if quoted:
        return [one.strip() for one in quoted]
    kept = _STOP.split(text)[0]
    return [
        one
        for one in re.split(r"\s*,\s*(?:and |or )?|\s+(?:and|or)\s+", kept.strip(" .:;,"))
        if 0 < len(one.split()) <= 2
    ]


def _has(answer: str, words: list[str]) -> Finding:
    lacking = [word for word in words if not contains(answer, word)]
    return holds(not lacking, f"lacks {', '.join(lacking)}" if lacking else "has the words asked for")


def _lacks(answer: str, words: list[str]) -> Finding:
    there = [word for word in words if contains(answer, word)]
    return holds(not there, f"has {', '.join(there)}" if there else "does without the words")


def _frequencies(prompt: str) -> Iterable[Constraint]:
    for one in _FREQUENCY.finditer(prompt):
        if one["text"].lower() in _NO_WORDS:
            continue
        text = one["bound"]
        bounds = bounds_of(text, "times?")
        if not bounds and (count := re.search(r"once|twice", text, _I)):
            relation = next((r for r in ("at most", "at least") if r in text.lower()), "exactly")
            bounds = [Bound(relation, count_of(count[0]) or 1)]
        if bounds:
            yield _frequency(one["what"].lower() == "letter", one["text"], bounds[0])


def _frequency(letter: bool, text: str, bound: Bound) -> Constraint:
    def check(answer: str) -> Finding:
        have = (
            answer.lower().count(text.lower())
            if letter
            else len(re.findall(rf"\b{re.escape(folded(text))}\b", folded(answer)))
        )
        return holds(bound.met_by(have), f"{text!r} {have} times, asked for {bound}")

    kind = "letter_frequency" if letter else "word_frequency"
    return necessary(kind, check, text=text, relation=bound.relation, count=bound.count)


def _lower(answer: str) -> Finding:
    return holds(not any(map(str.isupper, answer)), "lower case asked for")


def _upper(answer: str) -> Finding:
    return holds(not any(map(str.islower, answer)), "capital letters asked for")


def _quoted(answer: str) -> Finding:
    kept = answer.strip()
    return holds(
        len(kept) > 1 and kept[0] in '"\u201c' and kept[-1] in '"\u201d', "double quotes around it asked for"
    )
