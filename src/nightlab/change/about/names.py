"""Names in Python code: which a node sets where it stands, and which are local below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

Function = (ast.FunctionDef, ast.AsyncFunctionDef)
_Comprehension = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_NONE: frozenset[str] = frozenset()


def scoped(
    node: ast.AST, local: frozenset[str] = _NONE
) -> Iterator[tuple[ast.AST, frozenset[str]]]:
    """Every node below, with the names that are local there. What is imported is never local."""
    yield node, local
    if isinstance(node, (*Function, ast.Lambda)):
        body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
        inner = local | {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
        inner = (inner | {n for each in body for n in stored_names(each, imports=False)}) - {
            n for each in body for g in ast.walk(each) if isinstance(g, ast.Global) for n in g.names
        }
        for each in body:
            yield from scoped(each, inner)
        rest = [child for child in ast.iter_child_nodes(node) if child not in body]
    else:
        rest = list(ast.iter_child_nodes(node))
        if isinstance(node, _Comprehension):
            local = local | {name for made in node.generators for name in stored_names(made.target)}
    for child in rest:
        yield from scoped(child, local)


def stored_names(node: ast.AST, imports: bool = True) -> Iterator[str]:
    """Names that a node sets in the scope where it stands."""
    if isinstance(node, (*Function, ast.ClassDef, ast.Lambda)):
        yield from [] if isinstance(node, ast.Lambda) else [node.name]
        inside = [] if isinstance(node, ast.Lambda) else node.body
        children = [child for child in ast.iter_child_nodes(node) if child not in inside]
        walked = (each for child in children for each in ast.walk(child))
        yield from (n.target.id for n in walked if isinstance(n, ast.NamedExpr))
        return
    if isinstance(node, _Comprehension):
        yield from (n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr))
        return
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, (ast.Import, ast.ImportFrom)) and imports:
        yield from (name for name, _, _ in imported(node))
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest
    for child in ast.iter_child_nodes(node):
        yield from stored_names(child, imports)


def imported(node: ast.AST) -> Iterator[tuple[str, str, str]]:
    """The name that each import binds, what it stands for, and what to call the import."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            name = alias.asname or alias.name.split(".")[0]
            yield name, alias.name if alias.asname else name, alias.asname or alias.name
    elif isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            name = alias.asname or alias.name
            yield name, f"{module}.{alias.name}", name


def root_of(node: ast.AST) -> str:
    """The name that a chain of attributes and subscripts begins with; "" where there is none."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
