"""A Python file in pieces: its smallest definitions, by syntax, with what each binds and uses."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from enum import Enum

from nightlab.change.about.names import Function, imported, scoped, stored_names

_DOCUMENTED = ("__doc__", "getdoc", "docopt")


class Kind(str, Enum):
    """What a piece is. A `value` is a literal that a name is given."""

    VALUE = "value"
    COMPUTED = "computed value"
    IMPORT = "import"
    FUNCTION = "function"
    CLASS = "class"
    STATEMENT = "statement"


@dataclass(frozen=True, eq=False)
class Piece:
    """One definition or statement at a file's top level, or in a class of it.

    `name` is dotted in a class, and "" for a statement. A class is its head: bases, decorators.
    `text` is equal for two that do the same, comments and documentation aside. `binds` are the
    names that it sets at the top level of the file, `uses` those it reads from there.
    """

    name: str
    kind: Kind
    node: ast.AST
    line: int
    text: str
    binds: frozenset[str]
    uses: frozenset[str]
    inside: str = ""

    @property
    def owner(self) -> str:
        """The class that it is of or in, else its own name."""
        return self.inside or self.name


class Source:
    """A file in pieces. Raises SyntaxError, ValueError or RecursionError where it can't be read."""

    def __init__(self, content: bytes) -> None:
        tree = ast.parse(content)
        names = {getattr(node, "id", getattr(node, "attr", "")) for node in ast.walk(tree)}
        self._documented = bool(names & set(_DOCUMENTED))
        self.imports = {name: dotted for node in tree.body for name, dotted, _ in imported(node)}
        body = tree.body if self._documented else _without_docstring(tree.body)
        self.pieces = tuple(piece for node in body for piece in self._pieces(node))
        self.bound = Counter(
            name
            for piece in self.pieces
            for name in piece.binds
            if piece.kind is not Kind.IMPORT or piece.name == name
        )

    def named(self, name: str) -> list[Piece]:
        """The pieces of this name; more than one where it is set again."""
        return [piece for piece in self.pieces if piece.name == name]

    def _pieces(self, node: ast.stmt) -> Iterator[Piece]:
        found = list(imported(node))
        for name, dotted, label in found:
            yield Piece(label, Kind.IMPORT, node, node.lineno, dotted, frozenset((name,)), _NONE)
        if found:
            return
        if isinstance(node, ast.ClassDef):
            yield self._piece(node, node.name, Kind.CLASS)
            for member in _without_docstring(node.body):
                yield from self._members(member, node.name)
            return
        yield from self._defined(node, "")

    def _members(self, node: ast.stmt, inside: str) -> Iterator[Piece]:
        if isinstance(node, ast.ClassDef):
            yield self._piece(node, node.name, Kind.CLASS, inside)
        elif not isinstance(node, ast.Pass):
            yield from self._defined(node, inside)

    def _defined(self, node: ast.stmt, inside: str) -> Iterator[Piece]:
        if isinstance(node, Function):
            yield self._piece(node, node.name, Kind.FUNCTION, inside)
            return
        assigned = list(_assigned(node))
        for name, value in assigned:
            literal = value is not None and is_literal(value) and _is_plain(node)
            yield self._piece(node, name, Kind.VALUE if literal else Kind.COMPUTED, inside)
        if not assigned:
            yield self._piece(node, "", Kind.STATEMENT, inside)

    def _piece(self, node: ast.stmt, name: str, kind: Kind, inside: str = "") -> Piece:
        shown = self._shown(node, whole=bool(inside))
        declared = {
            n for each in ast.walk(node) if isinstance(each, ast.Global) for n in each.names
        }
        stored = set() if inside else set(stored_names(shown))
        used = {_read(each, local) for each, local in scoped(shown)} - {""}
        label = f"{inside}.{name}" if inside else name
        line = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        binds, uses = frozenset(stored | declared), frozenset(used)
        return Piece(label, kind, shown, line, ast.dump(shown), binds, uses, inside)

    def _shown(self, node: ast.stmt, whole: bool) -> ast.stmt:
        """The node without its documentation, and of a class at the top level the head alone."""
        if isinstance(node, ast.ClassDef) and not whole:
            node = copy(node)
            node.body = []
        elif isinstance(node, (*Function, ast.ClassDef)) and not self._documented:
            node = copy(node)
            node.body = _without_docstring(node.body)
        return node


_NONE: frozenset[str] = frozenset()


def is_literal(node: ast.expr) -> bool:
    """Whether the value stands there: numbers, texts, sums of them, and lists of such."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.UnaryOp):
        return is_literal(node.operand)
    if isinstance(node, ast.BinOp):
        return is_literal(node.left) and is_literal(node.right)
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        return all(is_literal(each) for each in node.elts)
    if isinstance(node, ast.Dict):
        return all(key is not None and is_literal(key) for key in node.keys) and all(
            is_literal(value) for value in node.values
        )
    return False


def _read(node: ast.AST, local: frozenset[str]) -> str:
    """The name of the file's top level, or the built-in one, that this node reads; or ""."""
    read = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    return node.id if read and isinstance(node, ast.Name) and node.id not in local else ""


def _assigned(node: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """Each plain name that an assignment sets; nothing where it sets anything else too."""
    if isinstance(node, (ast.AnnAssign, ast.AugAssign)):
        if isinstance(node.target, ast.Name):
            yield node.target.id, None if isinstance(node, ast.AugAssign) else node.value
    elif isinstance(node, ast.Assign) and all(isinstance(t, ast.Name) for t in node.targets):
        yield from ((t.id, node.value) for t in node.targets if isinstance(t, ast.Name))


def _is_plain(node: ast.stmt) -> bool:
    """Whether its annotation, which Python evaluates too, calls nothing and sets nothing."""
    told = ast.walk(node.annotation) if isinstance(node, ast.AnnAssign) else ()
    return not any(isinstance(each, (ast.Call, ast.NamedExpr, ast.Lambda)) for each in told)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return body[1:] if isinstance(first.value.value, str) else body
    return body
