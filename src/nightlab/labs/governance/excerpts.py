"""A method that makes an object of many fields, cut into one function for each field."""

from __future__ import annotations

import ast
import copy
import inspect
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Set
from typing import Any

Make = Callable[[Any, str], Any]

_LEFT = (ast.Return, ast.Yield, ast.YieldFrom, ast.Await, ast.Global, ast.Nonlocal, ast.Delete)


def excerpts(method: Any, read: Set[str]) -> dict[str, Make]:
    """For each field that a method names in what it returns, a function of the lines to there.

    None, where the method is not of the expected kind: lines one after the other, at the end an
    object of named fields, and of itself nothing looked at but `read`.
    """
    try:
        source = textwrap.dedent(inspect.getsource(method))
    except (OSError, TypeError):
        return {}
    tree = ast.parse(source).body[0]
    if not isinstance(tree, ast.FunctionDef) or method.__closure__ or tree.decorator_list:
        return {}
    ast.increment_lineno(tree, method.__code__.co_firstlineno - 1)
    *lines, last = tree.body
    made = last.value if isinstance(last, ast.Return) else None
    if not isinstance(made, ast.Call) or made.args or not all(each.arg for each in made.keywords):
        return {}
    if any(isinstance(node, _LEFT) for line in lines for node in ast.walk(line)):
        return {}
    if not {node.attr for node in ast.walk(tree) if _is_own(node)} <= read:
        return {}
    names = _variables(lines)
    return {
        str(each.arg): _function(method, tree, _leading_to(each.value, lines, names), each.value)
        for each in made.keywords
    }


def _leading_to(value: ast.expr, lines: list[ast.stmt], names: set[str]) -> list[ast.stmt]:
    """The lines that have a part in a value, in their order."""
    needed, kept = _mentioned(value) & names, []
    for line in reversed(lines):
        if needed & _changed(line, names):
            kept.append(line)
            needed |= _mentioned(line) & names
    return kept[::-1]


def _changed(line: ast.stmt, names: set[str]) -> set[str]:
    """The variables that a line may change: its target, and those whose methods it calls.

    Of anything but an assignment, all that it mentions.
    """
    if not isinstance(line, ast.Assign):
        return _mentioned(line) & names
    told = {node.func.value.id for node in ast.walk(line) if _is_told(node)}  # type: ignore[attr-defined]
    return (told | {name for target in line.targets for name in _mentioned(target)}) & names


def _is_told(node: ast.AST) -> bool:
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name)


def _variables(lines: list[ast.stmt]) -> set[str]:
    """The variables that lines set, without those that live within a comprehension."""
    within: Counter[str] = Counter()
    every: Counter[str] = Counter()
    for line in lines:
        every.update(_stored(line))
        for node in ast.walk(line):
            if isinstance(node, ast.comprehension):
                within.update(_stored(node.target))
    return set(every - within)


def _stored(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            yield each.id
        elif isinstance(each, ast.ExceptHandler) and each.name:
            yield each.name


def _mentioned(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _is_own(node: ast.AST) -> bool:
    named = node.value if isinstance(node, ast.Attribute) else None
    return isinstance(named, ast.Name) and named.id == "self"


def _function(method: Any, tree: ast.FunctionDef, lines: list[ast.stmt], value: ast.expr) -> Make:
    """The method with these lines alone, which returns the value."""
    shortened = copy.copy(tree)
    shortened.body = [*lines, ast.copy_location(ast.Return(value), value)]
    code = compile(ast.Module([shortened], []), method.__code__.co_filename, "exec")
    found: dict[str, Any] = {}
    exec(code, method.__globals__, found)
    made: Make = found[tree.name]
    return made
