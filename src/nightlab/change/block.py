"""The `block` surface: constants in a marked HYPERPARAMETERS block, every other byte kept."""

from __future__ import annotations

import ast
import json
import operator
import re
from codecs import BOM_UTF8
from collections.abc import Callable
from dataclasses import dataclass

from nightlab.change import Edits, Files, Refused
from nightlab.program.problem import did_you_mean
from nightlab.types import Idea, NightlabError, Value

_START = re.compile(rb"^\s*(#|//|--|;).*\bHYPERPARAMETERS\b", re.IGNORECASE)
_END = re.compile(rb"^\s*(#|//|--|;).*\bEND\b.*\bHYPERPARAMETERS\b", re.IGNORECASE)
_LINE = re.compile(
    rb"^[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_]\w*)[ \t]*(?::=|[:=])[ \t]*"
    rb"(?P<value>\"(?:[^\"\\\r\n]|\\.)*\"|'[^'\r\n]*'|[^#\r\n]*?)[ \t]*"
    rb"(?:#[^\r\n]*|;[ \t]*|;?[ \t]+(?://|--|;)[^\r\n]*)?\r?\n?$"
)
_OPERATORS: dict[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.LShift: operator.lshift,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


@dataclass(frozen=True)
class Constant:
    """One `NAME = value`: where its value stands in the file, in bytes, and what it is."""

    start: int
    end: int
    value: Value


class BlockSurface:
    """`NAME = value` lines between two marker comments, or a file's top-level constants.

    The markers are comments that hold `HYPERPARAMETERS` and `END HYPERPARAMETERS`.
    """

    def __init__(self, file: str, names: tuple[str, ...] = ()) -> None:
        self.file = file
        self.names = names

    def owns(self, path: str) -> bool:
        return path == self.file

    def read(self, files: Files) -> dict[str, Value]:
        if self.file not in files:
            raise NightlabError(f"change.block: {self.file} is not committed in the study")
        constants = find_constants(self.file, files[self.file])
        for name in self.names:
            if name not in constants:
                mend = did_you_mean(name, constants)
                raise NightlabError(f"change.space: {name} is not set in {self.file}{mend}")
        return {name: constants[name].value for name in (self.names or constants)}

    def apply(self, idea: Idea, files: Files) -> Edits:
        edits: Edits = {}
        if self.file not in files:
            raise Refused(f"{self.file} may not be deleted")
        content = files[self.file]
        if self.file in idea.files:
            content = self._only_the_block(files[self.file], idea.files[self.file])
        ours = {name: value for name, value in idea.parameters.items() if name in self.names}
        constants = find_constants(self.file, content)
        missing = [name for name in ours if name not in constants]
        if missing:
            raise Refused(f"{', '.join(missing)} is not set in the block of {self.file}")
        python = self.file.endswith(".py")
        for name in sorted(ours, key=lambda name: -constants[name].start):
            place = constants[name]
            if type(place.value) is type(ours[name]) and place.value == ours[name]:
                continue
            bare = not python and content[place.start : place.start + 1] not in (b'"', b"'")
            written = format_value(ours[name], python, bare).encode()
            content = content[: place.start] + written + content[place.end :]
        if content != files[self.file]:
            edits[self.file] = content
        return edits

    def _only_the_block(self, old: bytes, new: str | None) -> bytes:
        if new is None:
            raise Refused(f"{self.file} may not be deleted")
        before, after = old, new.encode()
        first, last = block_span(self.file, before)
        if (first, last) == (0, len(before)):
            raise Refused(f"{self.file} marks no HYPERPARAMETERS block, so only values may move")
        begin, end = block_span(self.file, after)
        if before[:first] != after[:begin] or before[last:] != after[end:]:
            raise Refused(f"an edit outside the HYPERPARAMETERS block of {self.file}")
        return after


def block_span(file: str, content: bytes) -> tuple[int, int]:
    """First and last byte of the block's inside; the whole file where nothing is marked."""
    at, start = 0, -1
    for line in content.splitlines(keepends=True):
        if start >= 0 and _END.match(line):
            return start, at
        at += len(line)
        if start < 0 and _START.match(line) and not _END.match(line):
            start = at
    if start >= 0:
        raise NightlabError(
            f"{file}: the HYPERPARAMETERS block never ends; "
            "close it with a line `# --- END HYPERPARAMETERS ---`"
        )
    return 0, len(content)


def find_constants(file: str, content: bytes) -> dict[str, Constant]:
    """Every constant of the block, by name; of two with one name, the last."""
    span = block_span(file, content)
    return _python(file, content, span) if file.endswith(".py") else _lines(content, span)


def _python(file: str, content: bytes, span: tuple[int, int]) -> dict[str, Constant]:
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError) as error:
        raise NightlabError(f"{file} does not compile: {error}") from None
    starts = [len(BOM_UTF8) if content.startswith(BOM_UTF8) else 0]
    for line in content[starts[0] :].splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found: dict[str, Constant] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target: ast.expr = node.targets[0]
        elif isinstance(node, ast.AnnAssign):
            target = node.target
        else:
            continue
        if not isinstance(target, ast.Name) or node.value is None:
            continue
        value = _evaluate(node.value)
        begin = starts[node.value.lineno - 1] + node.value.col_offset
        end = starts[(node.value.end_lineno or 1) - 1] + (node.value.end_col_offset or 0)
        if value is not None and span[0] <= begin and end <= span[1]:
            found[target.id] = Constant(begin, end, value)
    return found


def _evaluate(node: ast.expr) -> Value | None:
    """A literal, or arithmetic on literals such as `2**14`; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float, str)):
        return node.value
    if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
        inner = _evaluate(node.operand)
        return _OPERATORS[type(node.op)](inner) if _is_number(inner) else None
    if isinstance(node, ast.BinOp):
        left, right = _evaluate(node.left), _evaluate(node.right)
        if not (_is_number(left) and _is_number(right)):
            return None
        try:
            if isinstance(node.op, ast.Pow) and abs(float(right or 0)) <= 64:
                power: int | float = left**right  # type: ignore[operator]
                return power if _is_number(power) else None
            if type(node.op) in _OPERATORS:
                return _OPERATORS[type(node.op)](left, right)
        except (ArithmeticError, TypeError, ValueError):
            return None
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _lines(content: bytes, span: tuple[int, int]) -> dict[str, Constant]:
    found: dict[str, Constant] = {}
    at = 0
    for line in content.splitlines(keepends=True):
        match = _LINE.match(line)
        if match and span[0] <= at < span[1]:
            start, end = at + match.start("value"), at + match.end("value")
            found[match["name"].decode()] = Constant(start, end, parse_value(match["value"]))
        at += len(line)
    return found


def parse_value(raw: bytes) -> Value:
    """The value of a plain `name = value` line: a number, true or false, or text."""
    text = raw.decode("utf-8", "replace").strip()
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        inner = text[1:-1]
        return re.sub(r"\\(.)", r"\1", inner) if text[0] == '"' else inner
    return text


def format_value(value: Value, python: bool = True, bare: bool = False) -> str:
    """The value as source text; a plain word goes without quotes where the old one did (`bare`)."""
    if isinstance(value, bool):
        return str(value) if python else str(value).lower()
    if isinstance(value, str):
        if bare and re.fullmatch(r"[\w./+-]+", value):
            return value
        if python:
            return json.dumps(value, ensure_ascii=False)
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)
