"""Signals of a text that is broken, whatever it was to be: empty, declined, looping, cut off, another language. Pure.

They are cheap (about a tenth of a millisecond for two sentences) and need neither reference nor model. None is a
score: a refusal may be right and a repetition asked for. They are features of judges that learn, and what an alarm
looks at.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import Final

from evaluator.verifiers.language import LANGUAGES, language_of, script_of
from evaluator.verifiers.text import is_refusal

_READ: Final = 20_000  # characters; bounds what one answer costs
_NGRAM: Final = 4
_LONGEST_LOOP: Final = 40  # words
_LEAST_COMPRESSED: Final = 120  # bytes; a shorter text has nothing to compress
_WORD: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\d_]+(?:['\u2019][^\W\d_]+)*|\d+")
_SPACELESS: Final = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_ENTRY: Final = re.compile(r"\s*(?:[-*+\u2022\u2013\u2014|#>]|\(?\d+[.):]|\(?[a-z][.)])\s*", re.IGNORECASE)
_ENDED: Final = re.compile(
    r"[.!?\u2026\u3002\uff01\uff1f\u0964\u06d4\u061f\"'\u2019\u201d\u00bb`*_)\]}>|:;~]\s*$"
)
_OPEN_ENDED: Final = re.compile(
    r"(?:[,(\[{\u2013\u2014-]|\b(?:a|an|the|and|or|but|of|to|in|for|with"
    r"|by|from|that|which|is|are|was|were|as))\s*$",
    re.IGNORECASE,
)
# A Japanese text of few kana looks Chinese.
_CHINESE_SCRIPTS: Final = frozenset({"kana", "han"})
_CHINESE_LANGUAGES: Final = frozenset({"ja", "zh"})
_ASKS_FOR_A_LANGUAGE: Final = re.compile(
    rf"\btranslat|\b(?:{'|'.join(LANGUAGES)})\b|\btradui|\b\u00fcbersetz|\btraduc", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Signals:
    """What stands in an answer, beside its prompt.

    `words`: how many, a Chinese or Japanese character being one. `repetition`: the fraction of its four-word runs, or
    of its lines where that is more, that stood there before; 0 for fewer than eight words. `loops`: it ends with the
    same words (up to 40) again and again. `compression`: bytes compressed by zlib over bytes, at most 1; looping text
    is below .2, prose above .4; 1 for fewer than 120 bytes. `truncated`: it stops in the middle. `script_changed`,
    `language_changed`: it is in a script, a language, which the prompt is not in and did not ask for.
    """

    words: int
    empty: bool
    refusal: bool
    repetition: float
    loops: bool
    compression: float
    truncated: bool
    script_changed: bool
    language_changed: bool


def signals(prompt: str, answer: str, finish_reason: str | None = None) -> Signals:
    """The signals of `answer`; `finish_reason` is the engine's, `length` where it reached its last token.

    >>> found = signals("What is the capital of France?", "It is Paris, and it is Paris, and it is Paris, and it is")
    >>> found.loops, found.truncated, found.refusal
    (True, True, False)
    """
    text = answer[:_READ]
    words = [word.casefold() for word in _WORD.findall(text)]
    return Signals(
        words=len(words),
        empty=not text.strip(),
        refusal=is_refusal(text),
        repetition=_repetition(words, text),
        loops=_loops(words),
        compression=_compression(text),
        truncated=finish_reason == "length" or _stops_in_the_middle(text),
        script_changed=_changed(prompt, text, script_of, _CHINESE_SCRIPTS),
        language_changed=_changed(prompt, text, language_of, _CHINESE_LANGUAGES),
    )


def _repetition(words: Sequence[str], text: str) -> float:
    if len(words) < 2 * _NGRAM:
        return 0.0
    runs = list(zip(*(words[start:] for start in range(_NGRAM)), strict=False))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return max(1 - len(set(runs)) / len(runs), 1 - len(set(lines)) / len(lines))


def _loops(words: Sequence[str]) -> bool:
    """Whether the last words repeat: three times where they are four or more, else five; the last may be cut off."""
    for period in range(1, min(_LONGEST_LOOP, len(words) // 3 + 1) + 1):
        same = 0
        while same + period < len(words) and words[-1 - same] == words[-1 - same - period]:
            same += 1
        if same + period >= period * (3 if period >= 3 else 5):
            return True
    return False


def _compression(text: str) -> float:
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) < _LEAST_COMPRESSED:
        return 1.0
    return min(1.0, len(zlib.compress(raw)) / len(raw))


def _stops_in_the_middle(text: str) -> bool:
    """An open fence, a comma or a function word at the end, or prose whose last sentence lacks its end.

    A label, a name or a list entry has no full stop and is complete; so is a last line of fewer than eight words,
    and any in a script without spaces, where sentences often end without a mark.
    """
    kept = text.rstrip()
    if not kept:
        return False
    if kept.count("```") % 2 == 1:
        return True
    last = kept.splitlines()[-1]
    if _OPEN_ENDED.search(last) and len(_WORD.findall(kept)) > 3:
        return True
    if kept.endswith("```") or _ENTRY.match(last) or _SPACELESS.search(last):
        return False
    return len(_WORD.findall(last)) >= 8 and not _ENDED.search(last) and kept[-1].isalnum()


def _changed(prompt: str, answer: str, read: Callable[[str], str | None], alike: Set[str]) -> bool:
    """Whether `read` clearly finds another thing in the answer, and the prompt names no language to write in."""
    asked, given = read(prompt), read(answer)
    if asked is None or given is None or asked == given or {asked, given} == alike:
        return False
    return not _ASKS_FOR_A_LANGUAGE.search(prompt)
