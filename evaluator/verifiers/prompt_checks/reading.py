"""All that a prompt asks for and a program can check, and an answer held against it. Pure."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from evaluator.verifiers.judgement import Judgement, unscored
from evaluator.verifiers.prompt_checks.arithmetic import read_arithmetic
from evaluator.verifiers.prompt_checks.code import read_code
from evaluator.verifiers.prompt_checks.constraint import Constraint
from evaluator.verifiers.prompt_checks.details import read_details
from evaluator.verifiers.prompt_checks.json_objects import read_json_objects
from evaluator.verifiers.prompt_checks.label_sets import read_label_sets
from evaluator.verifiers.prompt_checks.languages import read_languages
from evaluator.verifiers.prompt_checks.layout import read_layout
from evaluator.verifiers.prompt_checks.lengths import read_lengths
from evaluator.verifiers.prompt_checks.lists import read_lists
from evaluator.verifiers.prompt_checks.material import parts_of
from evaluator.verifiers.prompt_checks.wording import read_wording
from evaluator.verifiers.text import words

_READERS: Final[tuple[Callable[[str], tuple[Constraint, ...]], ...]] = (
    read_arithmetic,
    read_lists,
    read_json_objects,
    read_code,
    read_details,
    read_label_sets,
    read_lengths,
    read_languages,
    read_wording,
    read_layout,
)
_LONGEST: Final = 4000  # characters; nobody reads constraints in more
_READER_OF: Final[Mapping[str, Callable[[str], tuple[Constraint, ...]]]] = MappingProxyType(
    {
        "number": read_arithmetic,
        "list_of": read_lists,
        "json_keys": read_json_objects,
        "python_parses": read_code,
        "extraction": read_details,
    }
)
_LEAST_MATERIAL: Final = 8  # words; less cannot be summarised


@functools.lru_cache(maxsize=1024)
def readable(prompt: str) -> tuple[Constraint, ...]:
    """What the prompt asks for that can be checked; nothing where it is longer than 4,000 characters."""
    if len(prompt) > _LONGEST:
        return ()
    return tuple(constraint for read in _READERS for constraint in read(prompt))


def check_prompt(prompt: str, answer: str) -> Judgement:
    """How far an answer does what the prompt itself asks: the least of all its checks.

    Where one of them decides that is its value, with the basis `prompt`. Where all are only necessary, a check that
    failed is 0 and checks that passed are None (`form_only`), both with the basis `form`: such a 0 is a feature for
    judges that learn and no score, since whether there is one depends on the answer. `decides` says which prompts have
    scores, without looking at any answer.
    """
    asked = readable(prompt)
    if not asked:
        return unscored("the prompt asks for nothing that can be checked", "prompt_not_checkable", "prompt")
    sure = any(one.decides for one in asked)
    if not answer.strip():
        return Judgement(0.0, "the answer is empty", basis="prompt" if sure else "form")
    found = [(one, one.check(answer)) for one in asked]
    worst, finding = min(found, key=lambda pair: pair[1].score)
    if sure:
        return Judgement(finding.score, f"{worst.kind}: {finding.why}", basis="prompt")
    if finding.score == 0.0:
        return Judgement(0.0, f"{worst.kind}: {finding.why}", basis="form")
    return unscored(
        f"does what is asked of its form: {', '.join(one.kind for one in asked)}", "form_only", "form"
    )


def decides(verifier: str, prompt: str, options: Mapping[str, Any]) -> bool:  # noqa: ARG001 - what it may look at
    """Whether the verifier scores answers to this prompt without a reference: the same for every answer and arm."""
    if verifier == "one_sentence":
        return source_of(prompt) is not None
    return _deciding(verifier, prompt) is not None


def from_prompt(verifier: str, answer: str, prompt: str) -> Judgement:
    """What a verifier says without a reference: what the prompt asks decides, or nothing does, whatever the answer."""
    found = _deciding(verifier, prompt)
    if found is None:
        return unscored(
            f"no reference, and the prompt leaves open what {verifier} needs",
            "prompt_not_checkable",
            "prompt",
        )
    if not answer.strip():
        return Judgement(0.0, "the answer is empty", basis="prompt")
    finding = found.check(answer)
    return Judgement(finding.score, f"by the prompt: {finding.why}", basis="prompt")


def source_of(prompt: str) -> str | None:
    """The text that a prompt wants in one sentence, without the words that ask; None where it brings too little."""
    material = parts_of(prompt).material
    return material if len(words(material)) >= _LEAST_MATERIAL else None


def _deciding(verifier: str, prompt: str) -> Constraint | None:
    """The constraint of the verifier's kind that decides; what else the prompt asks for is not its business."""
    read = _READER_OF.get(verifier)
    if read is None or len(prompt) > _LONGEST:
        return None
    return next((one for one in read(prompt) if one.decides), None)
