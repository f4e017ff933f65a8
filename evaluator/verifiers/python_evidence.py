"""What can be seen in a function, unexecuted, of whether it does something else than it was asked to. Pure."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator, Set

from evaluator.verifiers.python_function import Function, names_bound, nodes_of
from evaluator.verifiers.python_needs import lacking


def something_else(function: Function, prompt: str, known: Set[str] = frozenset()) -> str | None:
    """How it shows that the function does not do what was asked; None where nothing shows it.

    `known` are the names that the program around it defines.
    """
    reached = _reached(function)
    returns = [node for node in nodes_of(reached) if isinstance(node, ast.Return | ast.Yield | ast.YieldFrom)]
    if not returns and any(isinstance(node, ast.Return) for node in nodes_of(function)):
        return "raises or ends before it returns"
    values = [ast.dump(node.value) if node.value is not None else "None" for node in returns]
    if returns and set(values) <= {"None", ast.dump(ast.Constant(None))}:
        return "returns nothing"
    if (
        function.names
        and len(set(values)) == 1
        and returns[0].value is not None
        and _constant(returns[0].value)
    ):
        return "always returns the same"
    if returns and all(isinstance(node, ast.Return) and _calls_itself(node, function) for node in returns):
        return "only calls itself"
    unread = _unread(function)
    if unread:
        return f"does not use its argument {', '.join(unread)}"
    unbound = _unbound(function, known)
    if unbound:
        return f"uses {', '.join(unbound)}, which it does not define"
    return lacking(function, prompt)


def _reached(function: Function) -> Function:
    """The function up to the first statement that certainly leaves it."""
    kept: list[ast.stmt] = []
    for statement in function.body:
        kept.append(statement)
        if isinstance(statement, ast.Raise | ast.Return):
            break
    return Function(function.name, function.args, kept, function.method)


def _constant(node: ast.AST) -> bool:
    return not any(isinstance(one, ast.Name | ast.Call | ast.Attribute) for one in ast.walk(node))


def _calls_itself(node: ast.Return, function: Function) -> bool:
    """Whether the value is nothing but a call of the function with its own arguments, unchanged."""
    call = node.value
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == function.name):
        return False
    return all(isinstance(one, ast.Name) and one.id in function.names for one in call.args)


def _unread(function: Function) -> list[str]:
    """The arguments that are never read, or overwritten before they are."""
    first: dict[str, bool] = {}
    for statement in function.body:
        for node in _in_order(statement):
            if isinstance(node, ast.Name):
                first.setdefault(node.id, isinstance(node.ctx, ast.Load))
    return [name for name in function.names if not first.get(name, False) and not name.startswith("_")]


def _unbound(function: Function, known: Set[str]) -> list[str]:
    """The names that nothing defines; a module of the standard library counts as imported, as it was mostly meant."""
    own = set(function.names) | names_bound(ast.Module(list(function.body), [])) | {function.name, *known}
    read = {
        node.id
        for statement in function.body
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    anywhere = sys.stdlib_module_names | {"np", "pd", "self", "cls"}
    return sorted(name for name in read - own - anywhere if not hasattr(builtins, name))


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes as they are evaluated: what is assigned before what it is assigned to."""
    if isinstance(node, ast.AugAssign):
        yield from (
            ast.Name(one.id, ast.Load()) for one in ast.walk(node.target) if isinstance(one, ast.Name)
        )
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for child in [*([node.value] if node.value is not None else []), *targets]:
            yield from _in_order(child)
        return
    if isinstance(node, ast.For | ast.comprehension):
        for child in (
            node.iter,
            node.target,
            *getattr(node, "body", []),
            *getattr(node, "orelse", []),
            *getattr(node, "ifs", []),
        ):
            yield from _in_order(child)
        return
    if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
        inner = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for child in [*node.generators, *inner]:
            yield from _in_order(child)
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _in_order(child)
