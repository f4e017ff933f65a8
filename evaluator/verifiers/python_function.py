"""A function in a parsed program: its arguments, its own nodes, the names that are bound. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Function:
    """A function's arguments and statements; `method` where it stands in a class."""

    name: str
    args: ast.arguments
    body: Sequence[ast.stmt]
    method: bool = False

    @property
    def positional(self) -> int:
        """How many arguments can be given by place, `*args` aside."""
        return len(self.args.posonlyargs) + len(self.args.args)

    @property
    def names(self) -> list[str]:
        """The names of its arguments, without `self`."""
        every = [*self.args.posonlyargs, *self.args.args, *self.args.kwonlyargs]
        starred = [one for one in (self.args.vararg, self.args.kwarg) if one is not None]
        return [one.arg for one in [*every, *starred] if not (self.method and one.arg in ("self", "cls"))]

    def takes(self, count: int) -> bool:
        """Whether it can be called with `count` arguments by place."""
        most = self.positional
        if self.method and self.args.args and self.args.args[0].arg in ("self", "cls"):
            most -= 1
        least = most - len(self.args.defaults)
        needs_names = any(default is None for default in self.args.kw_defaults)
        return not needs_names and least <= count and (count <= most or self.args.vararg is not None)


def nodes_of(function: Function) -> Iterator[ast.AST]:
    """The nodes of its own body; those of functions within it are theirs."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def names_bound(tree: ast.AST) -> set[str]:
    """The names that are assigned, imported or defined anywhere in it, arguments among them."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name is not None:
            found.add(node.name)
    return found
