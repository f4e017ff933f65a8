"""Verifier of small programs: they are parsed, never executed."""

# ruff: noqa: ARG001 - every verifier takes the same four arguments, whichever it reads
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluator.verifiers.judgement import EMPTY, Judgement, unscored
from evaluator.verifiers.programs import CONSTRUCTS, judge_program
from evaluator.verifiers.prompt_checks import from_prompt


def python_parses(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """1 where the answer is Python that defines the function asked for, with the constructs asked for, to do that.

    The reference is `{"function": name, "arguments": count, "contains": [construct, ...]}`; `arguments` and
    `contains` may be absent. Of several fences the one that defines it counts; prose around the code is ignored. Half
    credit where the function is there but its arguments or a construct are not as asked.

    0 where it can be seen, unexecuted, that the function does something else: it returns nothing, or always the
    same, it ignores an argument, only calls itself, or lacks whatever the prompt's words need ("sum" an addition,
    "last element" an index of -1, and about thirty more, see `python_needs`). Not seen: wrong values, wrong order
    of operands, wrong conditions, programs that do not end, and any task in other words than those.
    """
    if not isinstance(reference, Mapping) or not isinstance(reference.get("function"), str):
        return from_prompt("python_parses", answer, prompt)
    wanted = list(reference.get("contains", ()))
    unknown = [one for one in wanted if one not in CONSTRUCTS]
    if unknown:
        return unscored(f"unknown constructs {unknown}; known are {sorted(CONSTRUCTS)}", "bad_options")
    if not answer.strip():
        return EMPTY
    return judge_program(answer, reference["function"], reference.get("arguments"), wanted, prompt)
