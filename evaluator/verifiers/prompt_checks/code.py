"""The Python function that a prompt asks for: its name, its arguments, what it has to hold."""

from __future__ import annotations

import ast
import re
from typing import Final

from evaluator.verifiers.programs import judge_program
from evaluator.verifiers.prompt_checks.constraint import Constraint, Finding
from evaluator.verifiers.prompt_checks.counts import COUNT, count_of

_PYTHON: Final = re.compile(r"\bpython\b|^def \w+\(", re.IGNORECASE | re.MULTILINE)
_I: Final = re.IGNORECASE
_NAMES: Final = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        (r"^[ \t]*def (\w+)\s*[(:]", re.MULTILINE),
        (r"`(\w+)(?:\([^)`]*\))?`", 0),
        (r"\bfunction\b[^.\n]{0,40}?\b(?:called|named|name is|name it|call it)\s+[\"'\u201c]?(\w+)", _I),
        (r"\b(?:its name is|call it|name it|named|called)\s+[\"'\u201c]?([A-Za-z_]\w*)", _I),
        (r"\b([a-z_]\w*)\((?:\w+(?:\s*[:=,]\s*\w+)*)?\)", 0),
        (r"(?<![\w.@/-])([a-z]\w*_\w+)(?![\w@/-])", 0),
        ((r"\bfunction[,:]?\s+[\"'\u201c]?([a-z_]\w*)[\"'\u201d]?(?=\s+(?:that"
         r"|which|to|returning|taking|with|for)\b)"), 0),
        ((r"\b(?i:implement|code up|code|def|how|helper wanted:|lack an?|wanted:)\s+([a-z_]\w*)"
         r"(?=\s*[,:]|\s+(?:for me|in|would|function|which|that)\b)"), 0),
    )
)  # fmt: skip
_NO_NAMES: Final = frozenset(
    [
        "that",
        "which",
        "to",
        "in",
        "with",
        "for",
        "a",
        "an",
        "the",
        "it",
        "function",
        "python",
        "returning",
        "code",
        "print",
        "f",
    ]
)
_CODES: Final = re.compile(
    r"\b(?:function|def|define|method|implement|code|snippet|helper|utils|script|stuck)\b", _I
)
# Who shows a function and asks about it wants no other one.
_GIVEN: Final = re.compile(r"^\s*def \w+\(", re.MULTILINE)
_ABOUT_IT: Final = re.compile(
    r"\b(?:bugs?|comments?|errors?|explain|readable|fix|what does|output"
    r"|identify|optimi[sz]e|refactor|review|detect|why)\b",
    _I,
)
_TAKES: Final = re.compile(r"\b(?:takes|taking|accepts|receives)\s+([^.;\n]+)", _I)
_COUNTED: Final = re.compile(rf"\b{COUNT} (?:arguments?|parameters?|inputs?)\b", _I)
_OF_TWO: Final = re.compile(
    r"\b(?:of|takes?|adds?|given|whether|between|multiplies|divides|compares?|joins"
    r"|if) two (?:numbers|values|strings|texts|words|integers|lists)\b",
    _I,
)
_CONSTRUCTS: Final = (
    (re.compile(r"\b(?:with|use|using) (?:a |an )?for[- ]loop\b", _I), "for"),
    (re.compile(r"\b(?:with|use|using) (?:a )?while[- ]loop\b", _I), "while"),
    (re.compile(r"\b(?:with|use|using) (?:a )?list comprehension\b", _I), "list_comprehension"),
)
_ARTICLES: Final = frozenset(["a", "an", "the", "its", "this", "one", "two", "three", "four"])
_MOST_ARGUMENTS: Final = 6
_PRINTS: Final = re.compile(r"\bprints?\b", _I)


def read_code(prompt: str) -> tuple[Constraint, ...]:
    """The function that the prompt asks for by name.

    >>> [found.get("function") for found in read_code("A Python function named add, please.")]
    ['add']
    """
    if (
        not _PYTHON.search(prompt)
        or not _CODES.search(prompt)
        or (_GIVEN.search(prompt) and _ABOUT_IT.search(prompt))
    ):
        return ()
    name = next(
        (
            found[1]
            for pattern in _NAMES
            for found in pattern.finditer(prompt)
            if found[1].lower() not in _NO_NAMES
        ),
        None,
    )
    if name is None:
        return ()
    count = _arguments(prompt, name)
    wanted = [construct for words, construct in _CONSTRUCTS if words.search(prompt)]
    if not _PRINTS.search(prompt):
        wanted.append("return")
    arguments = (("function", name), ("arguments", count), ("contains", tuple(wanted)))
    return (Constraint("code", arguments, True, lambda answer: _check(answer, name, count, wanted, prompt)),)


def _arguments(prompt: str, name: str) -> int | None:
    """How many arguments: by the signature in the prompt, by number, or by the two things that it is about."""
    signature = re.search(rf"\b{re.escape(name)}\(([^)]*)\)", prompt)
    if signature is not None:
        try:
            tree = ast.parse(f"def f({signature[1]}): pass").body[0]
        except (SyntaxError, ValueError):
            return None
        return len(tree.args.args) if isinstance(tree, ast.FunctionDef) else None
    counted = _COUNTED.search(prompt)
    if counted is not None:
        return count_of(counted[1])
    if _OF_TWO.search(prompt):
        return 2
    taken = _TAKES.search(prompt)
    return _taken(taken[1]) if taken is not None else None


def _taken(text: str) -> int | None:
    """How many things "a price and a percentage and gives ..." names before its verb; None where that is not clear."""
    count = 0
    for part in re.split(r",\s*(?:and\s+)?|\s+and\s+", text):
        words = part.split()
        if len(words) > 1 and words[0].lower() not in _ARTICLES and re.fullmatch(r"[a-z]+s", words[0]):
            break
        counted = count_of(words[0]) if words else None
        count += counted if counted is not None and counted > 1 else 1
    return count if 0 < count <= _MOST_ARGUMENTS else None


def _check(answer: str, name: str, count: int | None, wanted: list[str], prompt: str) -> Finding:
    said = judge_program(answer, name, count, wanted, prompt)
    return Finding(said.value or 0.0, said.reason)
