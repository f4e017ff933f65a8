"""What a task's words need of a function: an addition for a sum, an index of -1 for the last element. Pure."""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Iterator
from typing import Final

from evaluator.verifiers.python_function import Function, names_bound

_COMPARES: Final = "Lt Gt LtE GtE sorted sort"
_LOOPS: Final = "for while"
# Words of a task, and of what any one has to stand in the function for it.
_NEEDS: Final = tuple(
    (re.compile(words, re.IGNORECASE), frozenset(features.split()))
    for words, features in (
        ((r"\b(?:sum of|their sum|the sum)\b|\badd(?:s"
         r"|ing)? (?:up )?(?:two|both|the) numbers\b"), "Add sum fsum add accumulate __add__"),
        (r"\bdifference (?:of|between)\b|\bsubtract", "Sub sub abs"),
        (r"\bproduct of\b|\bmultipl(?:y|ies|ication)\b", "Mult prod mul"),
        (r"\bquotient\b|\bdivid(?:es?|ing) (?!able)", "Div FloorDiv divmod truediv"),
        (r"\bremainder\b|\bmodulo\b|\bdivisible\b", "Mod divmod fmod"),
        (r"\b(?:is|are|only) (?:even|odd)\b|\b(?:even|odd) numbers\b", "Mod BitAnd divmod step2"),
        (r"\bto the power\b|\bsquared?\b(?! root)|\bcubed?\b|\bthird power\b", "Pow Mult pow Add"),
        (r"\bsquare root\b", "Pow sqrt isqrt pow"),
        (r"\b(?:largest|maximum|greatest|biggest|longest|highest)\b", f"max nlargest {_COMPARES}"),
        (r"\b(?:smallest|minimum|shortest|lowest)\b", f"min nsmallest {_COMPARES}"),
        (r"\b(?:greater|less|larger|smaller) than\b", "Lt Gt LtE GtE max min"),
        (r"\blength of (?:a|an|the) (?:list|string|text|word|tuple|sequence)\b", f"len count sum {_LOOPS}"),
        (r"\b(?:reverse[sd]?|backwards|palindrome|reads the same)\b", f"reversed reverse step-1 {_LOOPS}"),
        (r"\b(?:capital|upper ?-?case) letters\b|\bupper ?-?case\b", "upper swapcase capitalize"),
        (r"\b(?:small|lower ?-?case) letters\b|\blower ?-?case\b", "lower casefold swapcase"),
        (r"\bvowels\b", "vowels"),
        (r"\bfirst (?:element|letter|character|item|word|entry)\b", "index0 next head startswith unpack"),
        (r"\blast (?:element|letter|character|item|word|entry)\b", "index-1 tail pop endswith unpack Sub"),
        (r"\bsecond (?:element|letter|character|item|word|entry)\b", "index1 next unpack"),
        (r"\b(?:average|arithmetic mean)\b", "Div FloorDiv mean fmean average"),
        (r"\b(?:twice|doubles?)\b", "Mult Add LShift"),
        (r"\bhalf\b", "Div FloorDiv Mult RShift"),
        (r"\babsolute value\b", "abs fabs USub Lt Gt LtE GtE Pow"),
        (r"\bare (?:equal|the same)\b", "Eq NotEq Is eq"),
        (r"\bsort(?:s|ed|ing)?\b", f"sorted sort {_LOOPS}"),
        (r"\bduplicates\b", f"set fromkeys In NotIn unique {_LOOPS}"),
        (r"\bfactorial\b", "Mult factorial prod"),
        (r"\bfibonacci\b", "Add"),
        (r"\bopposite sign\b|\bnegates?\b", "USub Sub Mult neg"),
        (r"\bjoin(?:s|ed|ing)?\b|\bconcatenat", "join Add JoinedStr format Mod"),
        (r"\bleap year\b", "Mod isleap"),
    )
)  # fmt: skip


def lacking(function: Function, prompt: str) -> str | None:
    """The first words of the task whose means the function lacks; none where it leaves the work to another function."""
    features = _features(function)
    if "another" in features:
        return None
    for words, needed in _NEEDS:
        found = words.search(prompt)
        if found is not None and not needed & features:
            return f"has nothing that {found[0]!r} needs"
    return None


def _features(function: Function) -> frozenset[str]:
    return frozenset(
        name for statement in function.body for node in ast.walk(statement) for name in _named(node, function)
    )


def _named(node: ast.AST, function: Function) -> Iterator[str]:
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.UnaryOp):
        yield type(node.op).__name__
    elif isinstance(node, ast.Compare):
        yield from (type(op).__name__ for op in node.ops)
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.For | ast.comprehension):
        yield "for"
    elif isinstance(node, ast.While):
        yield "while"
    elif isinstance(node, ast.JoinedStr | ast.Starred):
        yield "JoinedStr" if isinstance(node, ast.JoinedStr) else "unpack"
    elif (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and set("aeiou") <= set(node.value.lower())
    ) or (
        isinstance(node, ast.List | ast.Tuple | ast.Set)
        and {one.value for one in node.elts if isinstance(one, ast.Constant)} >= set("aeiou")
    ):
        yield "vowels"
    elif isinstance(node, ast.Subscript):
        yield from _place(node.slice)
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
    ):
        if node.func.value.id not in names_bound(ast.Module(list(function.body), [])) | set(function.names):
            yield "another" if node.func.value.id not in sys.stdlib_module_names else node.func.attr
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        known = node.func.id == function.name or hasattr(builtins, node.func.id)
        if not known and node.func.id not in function.names:
            yield "another"


def _place(index: ast.expr) -> Iterator[str]:
    if isinstance(index, ast.Slice):
        if index.step is not None:
            yield f"step{ast.unparse(index.step)}"
        yield "head" if index.lower is None else "tail"
    else:
        yield f"index{ast.unparse(index)}"
