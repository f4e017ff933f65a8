"""The language that an answer shall be written in."""

from __future__ import annotations

import re
from typing import Final

from evaluator.verifiers.language import LANGUAGES, may_be_in
from evaluator.verifiers.prompt_checks.constraint import Constraint, holds, necessary

_NAMES: Final = "|".join(LANGUAGES)
_ASKED: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        (
            rf"\b(?:answer|respond|reply|write|response|explain|translate[^.?!]{{0,200}}|text"
            rf"|be|is|written|speak|poem|letter|it|them|this|that|output)\b"
            rf"[^.?!\n\"]{{0,80}}?\b(?:in|into|to) (?:the )?(?P<name>{_NAMES})\b(?! (?:class"
            rf"|lesson|speaking|style|restaurant|and|or))"
        ),
        rf"\bonly (?:using|use|in) (?:the )?(?P<name>{_NAMES})\b",
        rf"\b(?:using|use|in) (?:only )?(?:the )?(?P<name>{_NAMES}) language\b",
        (
            rf"\b(?:entirely|completely|only|entire (?:response|answer"
            rf"|reply)(?: should be)?) in (?P<name>{_NAMES})\b"
        ),
        rf"^\W*in (?P<name>{_NAMES})\b,?",
        rf"\b(?P<name>{_NAMES})(?: language)?,? (?:and )?no other language\b",
    )
)


def read_languages(prompt: str) -> tuple[Constraint, ...]:
    """The one language that the prompt asks for; where it names two, as a translation may, nothing is read.

    >>> [found.get("language") for found in read_languages("Reply in French: how are you?")]
    ['fr']
    """
    named = {LANGUAGES[one["name"].lower()] for pattern in _ASKED for one in pattern.finditer(prompt)}
    if len(named) != 1:
        return ()
    code = named.pop()
    return (
        necessary("language", lambda answer: holds(may_be_in(answer, code), f"in {code}"), language=code),
    )
