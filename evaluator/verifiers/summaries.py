"""Verifier of a summary in one sentence: its form, and what can be seen of whether the source says it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from evaluator.verifiers.judgement import EMPTY, Judgement, passed, unscored
from evaluator.verifiers.numbers import numbers_in, readable
from evaluator.verifiers.phrases import folded
from evaluator.verifiers.prompt_checks import source_of
from evaluator.verifiers.text import is_refusal, sentences, words

# Words that every text shares, so that sharing them shows nothing.
_COMMON_WORDS: Final = """
a an and are as at be been but by for from had has have he her his in into is it its of on or she so that the their
them then there they this to was were which while who will with after before
"""
_COMMON: Final = frozenset(_COMMON_WORDS.split())
_INTRODUCTION: Final = re.compile(
    r"\A[\s*_#]*(?:(?:sure|certainly|of course|here)[^\n:]{0,80}|[^\n:]{0,30}summary[^\n:]{0,30}):[*_]*\s*",
    re.IGNORECASE,
)
_SPACELESS: Final = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_DENIAL: Final = frozenset({"not", "never", "no", "nobody", "cannot", "nor", "neither", "without"})
_NAME: Final = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]{2,}")
_ENDINGS: Final = ("ing", "ed", "es", "s")


def one_sentence(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """1 where the answer is one sentence about the source text.

    The reference is the source text; without one it is the prompt's material, beside whose names and figures those of
    the words that ask may be used. Options: `max_words` (default
    40), `min_words` (default 4), `min_overlap` (default .5): the fraction of the answer's words, common words
    and endings aside, that the source has too. A title or one line of introduction is not counted.

    0 also where the answer declines, asks a question that the source does not, repeats its words, names somebody or a
    figure that the source does not have, or denies what the source says. A false sentence made of the source's own
    words ("the lake walked to Maria") is not seen.
    """
    length = int(options.get("min_words", 4)), int(options.get("max_words", 40))
    bar = float(options.get("min_overlap", 0.5))
    if isinstance(reference, str) and reference.strip():
        return _judged(answer, reference, length, bar)
    source = source_of(prompt)
    if source is None:
        return unscored(
            "no source text: neither a reference nor one in the prompt", "prompt_not_checkable", "prompt"
        )
    return replace(_judged(answer, source, length, bar, beside=prompt), basis="prompt")


def _judged(
    answer: str, source: str, length: tuple[int, int], bar: float, *, beside: str | None = None
) -> Judgement:
    if not answer.strip():
        return EMPTY
    text = _INTRODUCTION.sub("", answer, count=1)
    count = len(sentences(text))
    if count != 1:
        return Judgement(0.0, f"{count} sentences, expected one")
    told = _tokens(text)
    least, most = length
    if not least <= len(told) <= most:
        return Judgement(0.0, f"{len(told)} words, expected {least} to {most}")
    if (defect := _defect(text, told, source, beside or source)) is not None:
        return Judgement(0.0, defect)
    content = [_stem(word) for word in told if word not in _COMMON]
    known = set(map(_stem, _tokens(source)))
    overlap = sum(word in known for word in content) / max(len(content), 1)
    return passed(overlap >= bar, f"{overlap:.2f} of its words are the source's, expected {bar:.2f}")


def _tokens(text: str) -> list[str]:
    """Words; in scripts without spaces two characters are taken for one, as they mostly are."""
    found: list[str] = []
    for word in words(folded(text)):
        if _SPACELESS.match(word):
            found += [word[start : start + 2] for start in range(len(word) - 1)] or [word]
        else:
            found.append(word)
    return found


def _stem(word: str) -> str:
    """A word without its ending, doubled consonant or final e, so that walked, walks and walking are alike."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3 and word.isascii():
            word = word[: -len(ending)]
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


def _defect(answer: str, told: Sequence[str], source: str, known_of: str) -> str | None:
    if is_refusal(answer):
        return "declines"
    if answer.rstrip(" \"'*_\u201d").endswith(("?", "\uff1f")) and "?" not in source:
        return "asks a question"
    content = [word for word in told if word not in _COMMON]
    if len(content) >= 6 and len(set(content)) / len(content) < 0.5:
        return "repeats its words"
    known = set(words(folded(known_of)))
    made_up = [name for name in _NAME.findall(answer) if folded(name) not in known]
    if made_up:
        return f"names {', '.join(made_up)}, whom the source does not"
    return _other_figure(answer, known_of) or _denies(answer, source)


def _other_figure(answer: str, source: str) -> str | None:
    """A number before a noun that stands in the source with other numbers only."""
    theirs = _figures(source)
    for noun, values in _figures(answer).items():
        if noun in theirs and not values & theirs[noun]:
            return f"another figure of {noun}"
    return None


def _figures(text: str) -> dict[str, set[float]]:
    plain = readable(text)
    found: dict[str, set[float]] = {}
    for one in numbers_in(text):
        noun = re.match(r"[\s-]+([^\W\d_]{3,})", plain[one.end :])
        if noun is not None:
            found.setdefault(_stem(noun[1]), set()).update(one.values)
    return found


def _denies(answer: str, source: str) -> str | None:
    """A denial right before a word that the source has, where the source denies nothing."""
    if _DENIAL & set(words(source)) or "n't" in source.replace("\u2019", "'"):
        return None
    known = set(map(_stem, _tokens(source))) - _COMMON
    told = folded(answer).replace("n't", " not").split()
    for place, word in enumerate(told):
        if word.strip(",.") in _DENIAL and any(
            _stem(near.strip(",.")) in known for near in told[place + 1 : place + 3]
        ):
            return "denies what the source says"
    return None
