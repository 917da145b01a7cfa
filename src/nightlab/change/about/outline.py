"""What a piece of code is about: the model, the optimizer, a constant, data, training.

The rules are those of the table in docs/program.md, tried from its top to its bottom.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from nightlab.change.about.names import root_of, scoped
from nightlab.change.about.pieces import Kind, Piece, Source
from nightlab.change.about.words import (
    ARCHITECTURE,
    BASES,
    CONSTANTS,
    DATA,
    FIRM,
    FUNCTIONS,
    LIGHTNING,
    NOTHING,
    OPTIMIZER,
    OTHER,
    TRAINING,
    Categories,
    Category,
    by_words,
    of_constant,
)
from nightlab.program.space import Parameter


class Outline:
    """A file's pieces and what each is about. `space` gives constants their tags."""

    def __init__(self, source: Source, space: Mapping[str, Parameter]) -> None:
        self.source = source
        self.space = space
        self._known: dict[Piece, Categories] = {}
        self._asked: set[Piece] = set()

    def of(self, piece: Piece) -> Categories:
        """What a piece is about. More than one only where a constant has several tags."""
        if piece in self._known or piece in self._asked:
            return self._known.get(piece, NOTHING)  # a circle of helpers tells nothing
        self._asked.add(piece)
        found = self._by_itself(piece) or self._by_users(piece)
        default = Category.HYPERPARAMETERS if piece.kind is Kind.VALUE else Category.OTHER
        self._known[piece] = found or frozenset((default,))
        self._asked.discard(piece)
        return self._known[piece]

    def of_name(self, name: str) -> Categories:
        """What a name of the file's top level is about; `other` for what is imported."""
        pieces = self.source.named(name)
        if not pieces or any(piece.kind is Kind.IMPORT for piece in pieces):
            return OTHER
        return frozenset(category for piece in pieces for category in self.of(piece))

    def of_class(self, base: ast.expr, seen: frozenset[str] = frozenset()) -> Categories:
        """What a class is about that derives from this, by well-known bases."""
        dotted = self.dotted(base.value if isinstance(base, ast.Subscript) else base)
        for piece in self.source.named(dotted):
            if isinstance(piece.node, ast.ClassDef) and dotted not in seen:
                return self.of_bases(piece.node, seen | {dotted})
        if "torch.autograd" in dotted:
            return NOTHING
        return BASES.get(dotted.rsplit(".", 1)[-1]) or _by_library(dotted)

    def dotted(self, node: ast.AST) -> str:
        """`torch.nn.Linear` for `nn.Linear`; "" for what is no chain of names."""
        if isinstance(node, ast.Attribute):
            before = self.dotted(node.value)
            return f"{before}.{node.attr}" if before else ""
        return self.source.imports.get(node.id, node.id) if isinstance(node, ast.Name) else ""

    def constructs(self, node: ast.AST) -> Iterator[tuple[ast.AST, str, Categories]]:
        """What the code below builds or does that belongs to one category, with its name."""
        for each, _ in scoped(node):
            if isinstance(each, ast.Call):
                name = self.dotted(each.func)
                if isinstance(each.func, ast.Attribute) and each.func.attr == "backward":
                    yield each, ".backward()", TRAINING
                elif found := _by_library(name) or self._own_optimizer(name):
                    yield each, name, found
            elif isinstance(each, ast.Attribute) and each.attr == "param_groups":
                yield each, ".param_groups", OPTIMIZER

    def _own_optimizer(self, name: str) -> Categories:
        for piece in self.source.named(name) if name else ():
            if isinstance(piece.node, ast.ClassDef):
                found = self.of_bases(piece.node)
                return found if found == OPTIMIZER else NOTHING
        return NOTHING

    def _by_itself(self, piece: Piece) -> Categories:
        if piece.kind in (Kind.VALUE, Kind.COMPUTED):
            return self._constant(piece)
        if piece.kind is Kind.STATEMENT:
            return self._statement(piece)
        if piece.kind is Kind.IMPORT:
            return OTHER if piece.text.startswith("__future__") or piece.name == "*" else NOTHING
        if piece.inside:
            return self._member(piece)
        if isinstance(piece.node, ast.ClassDef):
            return self.of_bases(piece.node) or by_words(piece.name, FUNCTIONS)
        return by_words(piece.name, FUNCTIONS) or self._by_constructs(piece)

    def _constant(self, piece: Piece) -> Categories:
        if piece.inside:
            found = by_words(piece.name.rsplit(".", 1)[-1], CONSTANTS)
            owner = self.of_owner(piece)
            return found or (owner if owner in FIRM or piece.kind is Kind.COMPUTED else NOTHING)
        if piece.name in self.space:
            return of_constant(piece.name, self.space)
        built = self._by_constructs(piece) if piece.kind is Kind.COMPUTED else NOTHING
        return built or by_words(piece.name, CONSTANTS)

    def _member(self, piece: Piece) -> Categories:
        """A method: of its class's category; in a class of none, as a function is."""
        name, owner = piece.name.rsplit(".", 1)[-1], self.of_owner(piece)
        if owner in FIRM:
            return LIGHTNING.get(name, owner)
        if self._is_mixed(piece):
            return OTHER
        return by_words(name, FUNCTIONS) or self._by_constructs(piece) or owner

    def _statement(self, piece: Piece) -> Categories:
        if piece.inside:
            return self.of_owner(piece)
        targets = getattr(piece.node, "targets", [getattr(piece.node, "target", None)])
        if isinstance(piece.node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            roots = {root_of(target) for target in targets if target is not None}
            found = [self.of_name(root) for root in roots]
            return found[0] if len(found) == 1 and "" not in roots else OTHER
        return self._by_constructs(piece) & TRAINING

    def of_owner(self, piece: Piece) -> Categories:
        """What the class is about that a piece stands in."""
        heads = [each for each in self.source.named(piece.inside) if each.kind is Kind.CLASS]
        return self.of(heads[-1]) if heads else NOTHING

    def of_bases(self, node: ast.ClassDef, seen: frozenset[str] = frozenset()) -> Categories:
        """What a class is about by all its bases; `other` where it is of several kinds."""
        found = frozenset(c for base in node.bases for c in self.of_class(base, seen))
        return OTHER if len(found) > 1 else found

    def _is_mixed(self, piece: Piece) -> bool:
        heads = [each.node for each in self.source.named(piece.inside)]
        return any(isinstance(n, ast.ClassDef) and self.of_bases(n) == OTHER for n in heads)

    def _by_constructs(self, piece: Piece) -> Categories:
        """What it builds, where that is one thing; a step of training stands above the others."""
        found = {category for _, _, made in self.constructs(piece.node) for category in made}
        if piece.kind is Kind.COMPUTED and isinstance(piece.node, (ast.Assign, ast.AnnAssign)):
            call = piece.node.value
            if isinstance(call, ast.Call) and (heads := self.source.named(self.dotted(call.func))):
                found |= self.of(heads[-1]) if heads[-1].kind is Kind.CLASS else NOTHING
        if Category.TRAINING in found:
            return TRAINING
        return frozenset(found) if len(found) == 1 else NOTHING

    def _by_users(self, piece: Piece) -> Categories:
        """What all those are about that use it. Of a record, only those that give it its meaning:
        training and the rest may pass it on."""
        if piece.inside or (piece.kind is Kind.VALUE and piece.name in self.space):
            return NOTHING
        name = next(iter(piece.binds)) if piece.kind is Kind.IMPORT else piece.name
        users = [p for p in self.source.pieces if name in p.uses and p.owner != piece.owner]
        found = {category for user in users for category in self.of(user)}
        if _is_record(piece.node):
            found -= {Category.TRAINING, Category.OTHER, Category.HYPERPARAMETERS}
        settled = len(found) == 1 and (
            piece.kind is not Kind.VALUE or found <= {*ARCHITECTURE, *OPTIMIZER}
        )
        return frozenset(found) if settled else NOTHING


def _by_library(dotted: str) -> Categories:
    """What is built by calling this, by the library that it is from."""
    last = dotted.rsplit(".", 1)[-1]
    if ".optim." in dotted or dotted.startswith("optax."):
        return OPTIMIZER
    if ".utils.data." in dotted or last in ("DataLoader", "load_dataset", "memmap"):
        return DATA
    built = ".nn." in dotted and last[:1].isupper() and not last.endswith("Loss")
    return ARCHITECTURE if built else NOTHING


def _is_record(node: ast.AST) -> bool:
    decorators = node.decorator_list if isinstance(node, ast.ClassDef) else []
    bases = node.bases if isinstance(node, ast.ClassDef) else []
    named = (ast.unparse(each).split("(")[0].rsplit(".", 1)[-1] for each in (*decorators, *bases))
    return bool({"dataclass", "NamedTuple", "BaseModel", "TypedDict"} & set(named))
