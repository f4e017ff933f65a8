"""A detail that stands in the prompt's material: a day, a number, a price, a name. Pure.

A detail is certain where the material has exactly one thing of the kind that is asked for; then it decides. Else an
answer only has to stand in the material, which is necessary.
"""

from __future__ import annotations

import re
from typing import Final

from evaluator.verifiers.details import judge_detail
from evaluator.verifiers.prompt_checks.constraint import Constraint, Finding, holds, necessary
from evaluator.verifiers.prompt_checks.kinds import KINDS, NOT_NAMES, names_in
from evaluator.verifiers.prompt_checks.material import parts_of
from evaluator.verifiers.text import words

_EXTRACTS: Final = re.compile(
    r"\b(?:what|which|who|whose|where|when|how much|how many|find|extract|pull out|give me"
    r"|give (?:its|the)|tell me|name the|read|in which|on which)\b",
    re.IGNORECASE,
)
_ASKING_WORDS: Final = frozenset(
    [
        "after",
        "before",
        "until",
        "which",
        "what",
        "when",
        "where",
        "whose",
        "number",
        "text",
        "order",
        "from",
        "this",
        "that",
        "does",
        "give",
        "price",
        "name",
        "date",
        "with",
        "time",
    ]
)
_SHORT: Final = 8  # words; "room number?" asks as well
_PERSONAL: Final = re.compile(
    r"\b(?:my|our|i|i'm)\b", re.IGNORECASE
)  # who asks about himself asks for no detail of a text
# Who wants a text written or a sum worked out, or an opinion, asks for no detail.
_MORE: Final = re.compile(
    r"\b(?:writ(?:e|ing)|story|poem|essay|letter|rewrite|compose|generate|create"
    r"|brainstorm|suggest|explain|describe|summari[sz]e|translate"
    r"|repeat|highlight|should|would|could|think|solve|step by step|calculate"
    r"|how many more|left|in total|altogether|together|average"
    r"|per|each|best|better|why|repl(?:y|ies)|response|responses|joke|article|json|python|recommend"
    r"|now|need|needs|earn\w*|spend|spent|invest\w*|profit|discount|original|about"
    r"|rate|index|subsets?|did \w+ (?:sell|buy|make))\b(?! me\b)",
    re.IGNORECASE,
)
_HOW_MANY: Final = re.compile(r"\b(?:how many|number of) (\w{3,})", re.IGNORECASE)
_PLACE_OR_TIME: Final = re.compile(r"\b(?:where|when)\b", re.IGNORECASE)
_WHO: Final = re.compile(r"\bwho(?:se|m)?\b", re.IGNORECASE)
_BY: Final = r"(?:,| by|:)\s+([A-Z][a-z]+(?= |[,.;]|$))"
_BEHIND: Final = (
    r"(?: number| no\.?| code| id)?(?:,| is|:| by)?\s+"
    r"([A-Z]*\d[\w-]*\w(?![:.,]\d)|\d(?![\w:.,])|[A-Z][a-z]+(?= |[,.;]|$))"
)
_LEAST: Final = 3  # words of material
_MOST: Final = 80  # words of material; in more of it hardly anything is certain
_MOST_ASKING: Final = 30  # words; who asks for more than a detail needs more


def read_details(prompt: str) -> tuple[Constraint, ...]:
    """The detail that the prompt asks to take from its own material.

    >>> [found.get("wanted") for found in read_details('"We meet in Rome on Friday." On which day do we meet?')]
    ['Friday']
    """
    kind, there = _candidates(prompt)
    if not there:
        return ()
    if len(there) > 1 or not parts_of(prompt).marked:
        return (necessary("in_material", lambda answer: _stands(answer, prompt), what=kind),)
    wanted = there[0]
    arguments = (("what", kind), ("wanted", wanted))
    return (Constraint("detail", arguments, decides=True, check=lambda answer: _is(answer, wanted, prompt)),)


def certain_detail(prompt: str) -> str | None:
    """The one thing in the material that can be meant; None where there is none, or more than one."""
    _, there = _candidates(prompt)
    return there[0] if len(there) == 1 and parts_of(prompt).marked else None


def _candidates(prompt: str) -> tuple[str, list[str]]:
    """What kind of detail is asked for, and all of that kind that the material has."""
    asking, material, _ = parts_of(prompt)
    length = len(asking.split())
    if (
        len(material.split()) < _LEAST
        or length > _MOST_ASKING
        or _PERSONAL.search(asking)
        or _MORE.search(asking)
    ):
        return "", []
    if length > _SHORT and not _EXTRACTS.search(asking):
        return "", []
    named = _named(asking, material)
    if len(named) == 1:
        return "named", named
    for kind, (asked, found) in KINDS.items():
        if asked.search(asking) and (there := list(dict.fromkeys(found(material)))):
            return kind, there
    return "", []


def _named(asking: str, material: str) -> list[str]:
    """What stands in the material behind a word that the question asks by: "room 136" for a room, "served by Eva"."""
    found: dict[str, None] = {}
    counted = _HOW_MANY.search(asking)
    if counted is not None:
        there = re.findall(
            rf"(?<![\w.,-])(\d+) (?:\w+ )?{re.escape(counted[1].rstrip('s'))}", material, re.IGNORECASE
        )
        return list(dict.fromkeys(there))
    if _PLACE_OR_TIME.search(asking):
        return []
    for word in dict.fromkeys(words(asking)):
        if len(word) > 3 and word not in _ASKING_WORDS:
            pattern = rf"(?<!\w){re.escape(word)}{_BY if _WHO.search(asking) else _BEHIND}"
            found |= dict.fromkeys(
                re.findall(pattern, material) + re.findall(pattern, material.replace(word.capitalize(), word))
            )
    names = [one for one in found if one not in NOT_NAMES]
    return [one for one in names if one.isalpha()] if _WHO.search(asking) else names


def _is(answer: str, wanted: str, prompt: str) -> Finding:
    said = judge_detail(answer, wanted, prompt, most=25)
    return Finding(said.value or 0.0, said.reason)


def _stands(answer: str, prompt: str) -> Finding:
    """Whether all of the answer's figures and names stand in the prompt."""
    known = set(words(prompt))
    figures = [word for word in re.findall(r"\d+", answer) if word not in known]
    names = [name for name, _ in names_in(answer) if not set(words(name)) <= known]
    return holds(
        not figures and not names,
        f"{', '.join([*figures, *names])} not in the material"
        if figures or names
        else "stands in the material",
    )
