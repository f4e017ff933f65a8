"""A small program in an answer: found among prose, parsed, never executed, and judged by what it defines. Pure."""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator, Mapping
from typing import Final

from evaluator.verifiers.judgement import Judgement
from evaluator.verifiers.python_evidence import something_else
from evaluator.verifiers.python_function import Function, names_bound, nodes_of

CONSTRUCTS: Final[Mapping[str, tuple[type[ast.AST], ...]]] = {
    "for": (ast.For, ast.comprehension),
    "while": (ast.While,),
    "if": (ast.If, ast.IfExp),
    "return": (ast.Return,),
    "class": (ast.ClassDef,),
    "list_comprehension": (ast.ListComp,),
}
_FENCE: Final = re.compile(r"^[ \t]*(```|~~~)[^\n`]*\n(.*?)(?:^[ \t]*\1|\Z)", re.DOTALL | re.MULTILINE)
_INLINE: Final = re.compile(r"```[\w+-]*[ \t]*([^`\n]+)```|`([^`\n]+)`")
_SESSION: Final = re.compile(r"^(?:>>>|\.\.\.) ?", re.MULTILINE)
_STARTS: Final = re.compile(r"(?:def|class|async def|import|from|@)\b|@\w|\w+\s*=\s*lambda\b")
_CODE_LINE: Final = re.compile(
    r"\s|(?:def|class|import|from|if|elif|else|for|while|with|try|except"
    r"|finally|return|print|assert)\b.*[:()]|@\w|[#)\]}]"
    r"|[\w.]+\s*(?:=|\+=|\()|$"
)
_LONGEST: Final = 20_000  # characters; no small program has more


def judge_program(answer: str, name: str, arguments: int | None, wanted: list[str], prompt: str) -> Judgement:
    """Whether the answer defines the function `name` as asked; `wanted` are keys of `CONSTRUCTS`."""
    trees = list(_trees(answer))
    if not trees:
        return Judgement(0.0, "does not parse")
    found = [one for tree in trees for one in _functions(tree, name)]
    known = set().union(*map(names_bound, trees))
    if not found:
        return Judgement(0.0, f"defines no function {name!r}")
    function = found[-1]
    if arguments is not None and not function.takes(arguments):
        return Judgement(0.5, f"{name} takes {function.positional} arguments, expected {arguments}")
    body = list(nodes_of(function))
    lacking = [one for one in wanted if not any(isinstance(node, CONSTRUCTS[one]) for node in body)]
    if lacking:
        return Judgement(0.5, f"{name} lacks {', '.join(lacking)}")
    if (defect := something_else(function, prompt, known)) is not None:
        return Judgement(0.0, f"{name} {defect}")
    return Judgement(1.0, f"defines {name} as asked")


def _trees(answer: str) -> Iterator[ast.Module]:
    """The programs in the answer: its fences, else all of it, else the code between its prose."""
    text = answer[:_LONGEST].replace("\r\n", "\n")
    fences = [found[2] for found in _FENCE.finditer(text)]
    kinds = [fences] if fences else [[text]]
    kinds += [[one or other for one, other in _INLINE.findall(text)], list(_between_prose(text))]
    for sources in kinds:
        trees = [tree for source in sources if (tree := _parsed(source)) is not None]
        if any(isinstance(node, ast.FunctionDef | ast.Lambda) for tree in trees for node in ast.walk(tree)):
            yield from trees
            return
    yield from [tree for tree in map(_parsed, kinds[0]) if tree is not None]


def _parsed(source: str) -> ast.Module | None:
    if _SESSION.match(source.strip()):
        lines = [line for line in source.strip().splitlines() if _SESSION.match(line)]
        source = "\n".join(_SESSION.sub("", line) for line in lines)
    return parsed(textwrap.dedent(source).strip("\n"))


def parsed(source: str) -> ast.Module | None:
    """The program; None for what Python does not parse, however large or deep. It is never run."""
    try:
        # Odd escapes in a string literal warn when they are parsed; that is no defect of ours.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _between_prose(text: str) -> Iterator[str]:
    """Runs of lines that begin as a definition does and go on as code does."""
    lines, place = text.splitlines(), 0
    while place < len(lines):
        if not _STARTS.match(lines[place]):
            place += 1
            continue
        end = place + 1
        while end < len(lines) and (_CODE_LINE.match(lines[end]) or _STARTS.match(lines[end])):
            end += 1
        yield "\n".join(lines[place:end])
        place = end


def _functions(tree: ast.AST, name: str) -> Iterator[Function]:
    """The functions of that name that are not hidden in another one; a lambda with that name is one."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            yield Function(name, node.args, node.body, method=isinstance(tree, ast.ClassDef))
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            if any(isinstance(target, ast.Name) and target.id == name for target in node.targets):
                yield Function(name, node.value.args, [ast.Return(node.value.body)])
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _functions(node, name)
