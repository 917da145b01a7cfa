"""What the optimizer's or the architecture's code writes that is not its own.

An optimizer may set its own state, gradients and weights. The model's attributes are the model's,
however they are reached; and the optimizer's are not the model's to set.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nightlab.change.about.names import Function, root_of, scoped
from nightlab.change.about.outline import Outline
from nightlab.change.about.pieces import Piece
from nightlab.change.about.words import (
    ARCHITECTURE,
    DATA,
    FIRM,
    OPTIMIZER,
    OTHER,
    TRAINING,
    Categories,
    by_words,
)

_OWNERS = (
    (
        OPTIMIZER,
        "optimizer optim opt scheduler schedule sched lr sgd adam adamw muon lion warmup"
        " momentum param_groups",
    ),
    (TRAINING, "trainer"),
    (DATA, "dataset dataloader loader"),
)
_STATE = ("state", "param_groups", "defaults")
_OF_A_WEIGHT = ("grad", "data", "requires_grad")
_IN_PLACE = ("reverse", "sort", "__setitem__", "__delitem__")
Aliases = dict[str, list[ast.expr]]
MUTATORS = frozenset(
    ("append", "extend", "insert", "update", "pop", "popitem", "clear", "remove", "setdefault")
)


def writes(piece: Piece, outline: Outline) -> Iterator[tuple[ast.AST, str, Categories]]:
    """What a piece sets that is another's, each with its node, by what the piece is about."""
    own = outline.of(piece)
    if own not in (OPTIMIZER, ARCHITECTURE):
        return
    aliases = _aliases(piece.node)
    for node, local in scoped(piece.node):
        for target, last in _targets(node):
            if root_of(target) and root_of(target) not in local:
                continue  # a name of the file's top level is seen without this
            for root, names in _chains(target, last, aliases):
                about = _owner(root, names, own, piece, outline) if names else own
                if about != own:
                    yield node, f"sets {'.'.join([root, *names])}", about
                    break


def _owner(root: str, names: list[str], own: Categories, piece: Piece, o: Outline) -> Categories:
    """Whose it is that is set: what the piece is about where nothing speaks against it."""
    if own == ARCHITECTURE:
        named = [by_words(name, _OWNERS) for name in (root, *names) if name != "lr"]
        return next((about for about in named if about), own)
    bare = isinstance(piece.node, Function) and bool(piece.inside) and root in ("self", "cls")
    kind = o.of_owner(piece) if bare else own
    if kind != own and (kind in FIRM or kind == TRAINING):
        return own if _is_optimizers(names[0]) and len(names) <= 2 else kind
    if (bare and len(names) == 1) or names[-1] in _OF_A_WEIGHT:
        return own
    chain = names if bare else [root, *names]
    return own if any(_is_optimizers(name) for name in chain[-2:]) else OTHER


def _is_optimizers(name: str) -> bool:
    return name in _STATE or by_words(name, _OWNERS) == OPTIMIZER


def _targets(node: ast.AST) -> Iterator[tuple[ast.expr, list[str]]]:
    """What is set, and the name of the attribute where that stands apart, as for setattr."""
    if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
        yield node, []
    if not isinstance(node, ast.Call):
        return
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    if name in ("setattr", "delattr", "__setattr__", "__delattr__") and len(node.args) > 1:
        told = node.args[1]
        known = told.value if isinstance(told, ast.Constant) else None
        yield node.args[0], [known if isinstance(known, str) else "?"]
    elif isinstance(called, ast.Attribute) and (name in MUTATORS or name in _IN_PLACE):
        yield called.value, []
    elif (
        name == "__init__"
        and isinstance(called, ast.Attribute)
        and not isinstance(called.value, ast.Call)  # super() makes what it stands in
    ):
        yield called.value, [name]


def _chains(
    node: ast.expr, last: list[str], aliases: Aliases, left: int = 8
) -> Iterator[tuple[str, list[str]]]:
    """The name that it begins with and the attributes on the way, calls and items aside; then the
    same for what that name was given."""
    names = list(last)
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred, ast.Call)):
        if isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
        node = node.func if isinstance(node, ast.Call) else node.value
    root = node.id if isinstance(node, ast.Name) else ""
    yield root, names
    for value in aliases.get(root, ())[:left] if left else ():
        yield from _chains(value, names, aliases, left // 2)


def _aliases(node: ast.AST) -> Aliases:
    """Names that are given another name, an attribute or an item."""
    found: Aliases = {}
    for each in ast.walk(node):
        if isinstance(each, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
            targets = each.targets if isinstance(each, ast.Assign) else [each.target]
            if isinstance(each.value, (ast.Name, ast.Attribute, ast.Subscript)):
                for target in targets:
                    if isinstance(target, ast.Name):
                        found.setdefault(target.id, []).append(each.value)
    return found
