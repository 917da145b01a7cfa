"""Files that a piece of Python writes, as far as their names are written out in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from contextlib import suppress

_WRITERS = {"write_text", "write_bytes", "unlink", "touch", "chmod"}
"""Methods of a path that change it."""

_FIRST = {
    *("os.remove", "os.unlink", "os.truncate", "os.chmod", "os.rename", "os.replace"),
    *("shutil.rmtree", "shutil.move"),
}
_SECOND = {
    *("os.rename", "os.replace", "os.link", "os.symlink", "shutil.move"),
    *("shutil.copy", "shutil.copy2", "shutil.copyfile"),
}
"""Functions that change the file that their first or second argument names."""


def written_by(code: str) -> list[str]:
    """The files that the code would write, move or remove; none where it is no Python."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    names = _constants(tree)
    with suppress(RecursionError):
        calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
        return [path for call in calls for path in _written(call, names)]
    return []


def _constants(tree: ast.Module) -> dict[str, str]:
    """Names that are given a path once, in so many words."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(node, ast.Assign) and isinstance(target, ast.Name):
            path = _path(node.value, found)
            if path is not None:
                found[target.id] = path
    return found


def _written(call: ast.Call, names: Mapping[str, str]) -> Iterator[str]:
    function = ast.unparse(call.func)
    arguments = [_path(argument, names) for argument in call.args]
    if isinstance(call.func, ast.Attribute):
        owner = _path(call.func.value, names)
        writes = call.func.attr in _WRITERS or (call.func.attr == "open" and _mode(call, 0))
        if owner is not None and writes:
            yield owner
        if owner is not None and call.func.attr in ("rename", "replace") and len(call.args) == 1:
            yield from (path for path in (owner, arguments[0]) if path is not None)
    first = arguments[0] if arguments else None
    second = arguments[1] if len(arguments) > 1 else None
    opens = function in ("open", "io.open", "codecs.open") and _mode(call, 1)
    if first is not None and (function in _FIRST or opens):
        yield first
    if second is not None and function in _SECOND:
        yield second


def _mode(call: ast.Call, place: int) -> bool:
    """Whether a file is opened to be written. `place` is where the mode stands."""
    given = [word.value for word in call.keywords if word.arg == "mode"]
    mode = given[0] if given else (call.args[place] if len(call.args) > place else None)
    text = mode.value if isinstance(mode, ast.Constant) else ""
    return isinstance(text, str) and any(letter in text for letter in "wax+")


def _path(node: ast.expr, names: Mapping[str, str]) -> str | None:
    """The path that an expression spells out, None where it doesn't."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.Add)):
        sides = _path(node.left, names), _path(node.right, names)
        middle = "/" if isinstance(node.op, ast.Div) else ""
        return None if None in sides else f"{sides[0]}{middle}{sides[1]}"
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        parts = [_path(argument, names) for argument in node.args]
        if name.rpartition(".")[2] in ("Path", "join") and parts and None not in parts:
            return "/".join(part for part in parts if part)
    return None
