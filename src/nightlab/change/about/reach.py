"""What a piece of code reaches for beyond itself, as far as the syntax shows it.

An edit inside one category must not change another from there: by setting a method of a class, by
a `global`, by a decorator, by code in a text.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from nightlab.change.about.names import root_of, scoped, stored_names
from nightlab.change.about.outline import Outline
from nightlab.change.about.pieces import Kind, Piece
from nightlab.change.about.words import ARCHITECTURE, OTHER, Categories
from nightlab.change.about.writes import MUTATORS, writes

_SETTERS = ("setattr", "delattr")
_CALLS = frozenset(
    ("exec", "eval", "compile", "__import__", "globals", "locals", "vars", "__builtins__")
)
_ATTRIBUTES = frozenset(
    (
        "__dict__",
        "__globals__",
        "__code__",
        "__closure__",
        "__defaults__",
        "__kwdefaults__",
        "__builtins__",
        "__subclasses__",
        "__bases__",
        "__get__",
        "__setstate__",
        *_SETTERS,
        "setitem",
        "delitem",
        "_getframe",
        "f_globals",
        "f_locals",
        "tb_frame",
    )
)
_MODULES = frozenset(
    (
        *("importlib", "runpy", "ctypes", "gc", "inspect", "builtins", "code", "__main__"),
        *("pickle", "unittest", "mock", "pytest", "_pytest", "wrapt"),
    )
)
_BINDERS = frozenset(("types.MethodType", "types.FunctionType", "types.CodeType"))
_HOOKS = (
    *("register_forward", "register_full_backward", "register_module", "add_module"),
    *("register_buffer", "register_parameter", "set_submodule"),
)
_BUILT_IN = ("forward", "__call__", "_call_impl")


@dataclass(frozen=True)
class Reach:
    """Something beyond the piece itself, and what that is about. `text` tells two apart."""

    what: str
    categories: Categories
    text: str
    line: int = field(compare=False)


def reaches(piece: Piece, outline: Outline) -> Iterator[Reach]:
    """Everything that the piece reaches for, in the order of the text."""
    for name in sorted(piece.binds - {piece.name} if piece.kind is not Kind.IMPORT else ()):
        if piece.kind is not Kind.STATEMENT and outline.source.named(name):
            yield Reach(f"sets {name}", outline.of_name(name), name, piece.line)
    called = {id(n.func) for n in ast.walk(piece.node) if isinstance(n, ast.Call)}
    for node, local in scoped(piece.node):
        if isinstance(node, ast.Name) and node.id in _SETTERS and id(node) not in called:
            yield Reach(f"uses {node.id}", OTHER, node.id, node.lineno)
        for what, about in _found(node, local, outline):
            yield Reach(what, about, ast.dump(node), getattr(node, "lineno", piece.line))
    for node, what, about in writes(piece, outline):
        yield Reach(what, about, ast.dump(node), getattr(node, "lineno", piece.line))
    for node, what, about in outline.constructs(piece.node):
        yield Reach(f"uses {what}", about, ast.dump(node), getattr(node, "lineno", piece.line))
    if piece.kind in (Kind.FUNCTION, Kind.CLASS):
        yield from _when_defined(piece, outline)


def _found(
    node: ast.AST, local: frozenset[str], outline: Outline
) -> Iterator[tuple[str, Categories]]:
    if isinstance(node, ast.Name) and node.id not in local:
        module = outline.source.imports.get(node.id, "").split(".")[0]
        bound = outline.dotted(node) in _BINDERS
        if node.id in _CALLS or module in _MODULES or bound:
            yield f"uses {node.id}", OTHER
    elif isinstance(node, (ast.Attribute, ast.Subscript)):
        yield from _attribute(node, local, outline)
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from _import(node)
    elif isinstance(node, ast.Call):
        yield from _call(node, local, outline)
    elif isinstance(node, ast.ClassDef):
        about = outline.of_bases(node)
        if about and not outline.source.named(node.name):
            yield f"defines class {node.name}", about


def _attribute(
    node: ast.Attribute | ast.Subscript, local: frozenset[str], outline: Outline
) -> Iterator[tuple[str, Categories]]:
    name = node.attr if isinstance(node, ast.Attribute) else ""
    if name in _ATTRIBUTES or outline.dotted(node) in ("sys.modules", *_BINDERS):
        yield f"uses {name}", OTHER
    if name.startswith(_HOOKS):
        yield f"uses {name}", ARCHITECTURE
    if isinstance(node.ctx, ast.Load):
        return
    root = root_of(node)
    if root and root not in local:
        yield f"sets {ast.unparse(node)}", outline.of_name(root)
    elif name and ast.unparse(node.value) not in ("self", "cls"):
        yield from _method(name, ast.unparse(node), outline)


def _method(name: str, shown: str, outline: Outline) -> Iterator[tuple[str, Categories]]:
    """Setting an attribute that is a method somewhere: what calls it would call another."""
    owners = [p for p in outline.source.pieces if p.inside and p.name.endswith(f".{name}")]
    methods = [p for p in owners if p.kind is Kind.FUNCTION]
    if name in _BUILT_IN and not methods:
        yield f"sets {shown}", ARCHITECTURE
    for about in {outline.of(piece) for piece in methods}:
        yield f"sets {shown}", about
    if name.startswith("__") and not methods:
        yield f"sets {shown}", OTHER


def _call(
    node: ast.Call, local: frozenset[str], outline: Outline
) -> Iterator[tuple[str, Categories]]:
    called = node.func
    if isinstance(called, ast.Name) and called.id in _SETTERS and node.args:
        target, name = node.args[0], node.args[1] if len(node.args) > 1 else None
        shown = f"{called.id} of {ast.unparse(target)}"
        root = root_of(target)
        if root and root not in local:
            yield shown, outline.of_name(root)
        elif ast.unparse(target) not in ("self", "cls"):
            known = isinstance(name, ast.Constant) and isinstance(name.value, str)
            found = _method(name.value, shown, outline) if known else [(shown, OTHER)]  # type: ignore[union-attr]
            yield from found
    elif isinstance(called, ast.Attribute) and called.attr in ("__setattr__", "__delattr__"):
        if not (node.args and ast.unparse(node.args[0]) == "self"):
            yield f"uses {called.attr}", OTHER
    elif isinstance(called, ast.Attribute) and called.attr in MUTATORS:
        root = root_of(called.value)
        module = root in outline.source.imports
        if root and root not in local and (not module or isinstance(called.value, ast.Attribute)):
            yield f"changes {ast.unparse(called.value)}", outline.of_name(root)


def _import(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Categories]]:
    names = [alias.name for alias in node.names]
    modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else names
    for module in modules:
        told = {f"{module}.{name}" for name in names}
        if module.split(".")[0] in _MODULES or told & _BINDERS:
            yield f"imports {module}", OTHER


def _when_defined(piece: Piece, outline: Outline) -> Iterator[Reach]:
    """Functions and classes of the file that its decorators and defaults touch as it is defined."""
    node = piece.node
    touched: list[ast.expr] = list(getattr(node, "decorator_list", ()))
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        touched += [*node.args.defaults, *(d for d in node.args.kw_defaults if d)]
    for expression in touched:
        for each in ast.walk(expression):
            found = outline.source.named(each.id) if isinstance(each, ast.Name) else []
            if any(other.kind in (Kind.FUNCTION, Kind.CLASS) for other in found):
                name = found[0].name
                text = f"{name} where it is defined"
                yield Reach(f"uses {text}", outline.of_name(name), text, expression.lineno)
        for name in stored_names(expression):
            if outline.source.named(name):
                yield Reach(f"sets {name}", outline.of_name(name), name, expression.lineno)
