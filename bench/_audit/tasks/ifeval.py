"""Scores an answer of the task `local_ifeval`: 1 where it follows every instruction of its prompt, else 0.

The checks are those of IFEval (Zhou et al., "Instruction-following evaluation for large language models", 2023) in
the strict form that lm-eval runs, without the three that need a language detector or a sentence splitter
(`response_language`, `number_sentences`, `capital_word_frequency`): prompts that have one of them are left out, and
"all in English capitals" is checked for the capitals only. lm-eval's own task needs packages and a download for
those.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

Options = dict[str, Any]
Check = Callable[[str, Options], bool]


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    """lm-eval's entry. `doc["checks"]` is a JSON list of [instruction, options]."""
    answer = results[0]
    checks = json.loads(doc["checks"])
    followed = bool(answer.strip()) and all(CHECKS[name](answer, options) for name, options in checks)
    return {"prompt_level_strict_acc": float(followed)}


def _compare(found: int, relation: str, wanted: int) -> bool:
    return found < wanted if relation == "less than" else found >= wanted


def _frequency(text: str, o: Options) -> bool:
    return _compare(len(re.findall(o["keyword"], text, re.IGNORECASE)), o["relation"], o["frequency"])


def _letters(text: str, o: Options) -> bool:
    return _compare(text.lower().count(o["letter"].lower()), o["let_relation"], o["let_frequency"])


def _forbidden(text: str, o: Options) -> bool:
    return not any(re.search(rf"\b{word}\b", text, re.IGNORECASE) for word in o["forbidden_words"])


def _highlights(text: str, o: Options) -> bool:
    single = [m for m in re.findall(r"\*[^\n\*]*\*", text) if m.strip("*").strip()]
    double = [m for m in re.findall(r"\*\*[^\n\*]*\*\*", text) if m.strip("*").strip()]
    return len(single) + len(double) >= o["num_highlights"]


def _paragraphs(text: str, o: Options) -> bool:
    parts = re.split(r"\s?\*\*\*\s?", text)
    inner = parts[1:-1]
    return all(p.strip() for p in inner) and sum(bool(p.strip()) for p in parts) == o["num_paragraphs"]


def _first_word(text: str, o: Options) -> bool:
    parts = text.split("\n\n")
    count, nth = sum(bool(p.strip()) for p in parts), o["nth_paragraph"]
    if nth > count or not parts[nth - 1].strip():
        return False
    word = parts[nth - 1].split()[0].lstrip("'").lstrip('"')
    first = re.split(r"[.,?!'\"]", word)[0].lower()
    return count == o["num_paragraphs"] and first == o["first_word"].lower()


def _postscript(text: str, o: Options) -> bool:
    pattern = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}.get(o["postscript_marker"])
    return re.search(pattern or re.escape(o["postscript_marker"].lower()), text.lower()) is not None


def _bullets(text: str, o: Options) -> bool:
    starred = re.findall(r"^\s*\*[^\*].*$", text, re.MULTILINE)
    return len(starred) + len(re.findall(r"^\s*-.*$", text, re.MULTILINE)) == o["num_bullets"]


def _json(text: str, o: Options) -> bool:  # noqa: ARG001 - the shape of a check
    bare = re.sub(r"^```(json|Json|JSON)?|```$", "", text.strip())
    try:
        json.loads(bare.strip())
    except ValueError:
        return False
    return True


def _two_responses(text: str, o: Options) -> bool:  # noqa: ARG001 - the shape of a check
    parts = text.split("******")
    said = [p.strip() for p in parts if p.strip()]
    return all(p.strip() for p in parts[1:-1]) and len(said) == 2 and said[0] != said[1]


def _quotation(text: str, o: Options) -> bool:  # noqa: ARG001 - the shape of a check
    bare = text.strip()
    return len(bare) > 1 and bare[0] == '"' and bare[-1] == '"'


CHECKS: Final[dict[str, Check]] = {
    "change_case:english_capital": lambda text, _: text.isupper(),
    "change_case:english_lowercase": lambda text, _: text.islower(),
    "combination:repeat_prompt": lambda text, o: (
        text.strip().lower().startswith(o["prompt_to_repeat"].strip().lower())
    ),
    "combination:two_responses": _two_responses,
    "detectable_content:number_placeholders": lambda text, o: (
        len(re.findall(r"\[.*?\]", text)) >= o["num_placeholders"]
    ),
    "detectable_content:postscript": _postscript,
    "detectable_format:constrained_response": lambda text, _: any(
        option in text for option in ("My answer is yes.", "My answer is no.", "My answer is maybe.")
    ),
    "detectable_format:json_format": _json,
    "detectable_format:multiple_sections": lambda text, o: (
        len(re.split(rf"\s?{o['section_spliter']}\s?\d+\s?", text)) - 1 >= o["num_sections"]
    ),
    "detectable_format:number_bullet_lists": _bullets,
    "detectable_format:number_highlighted_sections": _highlights,
    "detectable_format:title": lambda text, _: any(
        found.lstrip("<").rstrip(">").strip() for found in re.findall(r"<<[^\n]+>>", text)
    ),
    "keywords:existence": lambda text, o: all(re.search(k, text, re.IGNORECASE) for k in o["keywords"]),
    "keywords:forbidden_words": _forbidden,
    "keywords:frequency": _frequency,
    "keywords:letter_frequency": _letters,
    "length_constraints:nth_paragraph_first_word": _first_word,
    "length_constraints:number_paragraphs": _paragraphs,
    "length_constraints:number_words": lambda text, o: _compare(
        len(re.findall(r"\w+", text)), o["relation"], o["num_words"]
    ),
    "punctuation:no_comma": lambda text, _: "," not in text,
    "startend:end_checker": lambda text, o: (
        text.strip().strip('"').lower().endswith(o["end_phrase"].strip().lower())
    ),
    "startend:quotation": _quotation,
}
"""By IFEval's names; those that are not here are not asked."""
