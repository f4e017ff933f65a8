"""Verifier of small programs: they are parsed, never executed."""

# ruff: noqa: ARG001 - every verifier takes the same four arguments, whichever it reads
from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from typing import Any

from evaluator.verifiers.judgement import EMPTY, Judgement, unscored
from evaluator.verifiers.text import without_fence

_CONSTRUCTS: dict[str, tuple[type[ast.AST], ...]] = {
    "for": (ast.For, ast.comprehension),
    "while": (ast.While,),
    "if": (ast.If, ast.IfExp),
    "return": (ast.Return,),
    "class": (ast.ClassDef,),
    "list_comprehension": (ast.ListComp,),
}


def python_parses(answer: str, reference: Any, prompt: str, options: Mapping[str, Any]) -> Judgement:
    """1 where the answer is Python that defines the function asked for and has the constructs asked for.

    The reference is `{"function": name, "arguments": count, "contains": [construct, ...]}`; `arguments` and
    `contains` may be absent. Prose around a code fence is ignored; without a fence the whole answer must
    parse. Half credit where the function is there but its arguments or a construct are not as asked.
    """
    if not isinstance(reference, Mapping) or not isinstance(reference.get("function"), str):
        return unscored("no reference: python_parses needs the name of a function", "no_reference")
    wanted = list(reference.get("contains", ()))
    unknown = [one for one in wanted if one not in _CONSTRUCTS]
    if unknown:
        return unscored(f"unknown constructs {unknown}; known are {sorted(_CONSTRUCTS)}", "bad_options")
    if not answer.strip():
        return EMPTY
    try:
        # Odd escapes in a string literal warn when they are parsed; that is no defect of ours.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            tree = ast.parse(without_fence(answer))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Judgement(0.0, f"does not parse: {type(error).__name__}")
    name = reference["function"]
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == name]
    if not found:
        return Judgement(0.0, f"defines no function {name!r}")
    return _judge_function(found[-1], reference.get("arguments"), wanted)


def _judge_function(function: ast.FunctionDef, arguments: int | None, wanted: list[str]) -> Judgement:
    body = [node for statement in function.body for node in ast.walk(statement)]
    given = len(function.args.posonlyargs) + len(function.args.args)
    if arguments is not None and given != arguments:
        return Judgement(0.5, f"{function.name} takes {given} arguments, expected {arguments}")
    lacking = [one for one in wanted if not any(isinstance(node, _CONSTRUCTS[one]) for node in body)]
    if lacking:
        return Judgement(0.5, f"{function.name} lacks {', '.join(lacking)}")
    return Judgement(1.0, f"defines {function.name} as asked")
