"""The `files` surface: whole-file edits within a list of paths; and surfaces joined."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from nightlab.change import Edits, Files, Refused, Surface, some
from nightlab.change.block import BlockSurface
from nightlab.change.keys import KeysSurface
from nightlab.change.overlay import Overlay
from nightlab.change.settings import ChangeSettings
from nightlab.types import Idea, Value

_NEVER = ("program.md", ".gitattributes", ".gitmodules")


class FilesSurface:
    """Files named by path or pattern (`src/*.py`); program.md is never among them."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns = tuple(patterns)

    def owns(self, path: str) -> bool:
        parts = path.split("/")
        safe = not {"", ".", ".."} & set(parts) and ".git" not in path.lower().split("/")
        named = any(fnmatchcase(path, pattern) for pattern in self.patterns)
        return safe and named and path not in _NEVER

    def read(self, files: Files) -> dict[str, Value]:
        return {}

    def apply(self, idea: Idea, files: Files) -> Edits:
        edits: Edits = {}
        for path, text in idea.files.items():
            if not self.owns(path):
                continue
            new = None if text is None else text.encode("utf-8")
            if new != files.get(path):
                edits[path] = new
        return edits


class JoinedSurface:
    """Several surfaces as one: each edit must belong to at least one of them."""

    def __init__(self, parts: Sequence[Surface]) -> None:
        self.parts = tuple(parts)

    def owns(self, path: str) -> bool:
        return any(part.owns(path) for part in self.parts)

    def read(self, files: Files) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for part in self.parts:
            values |= part.read(files)
        return values

    def apply(self, idea: Idea, files: Files) -> Edits:
        outside = [path for path in idea.files if not self.owns(path)]
        if outside:
            raise Refused(f"an edit outside the surface: {some(outside)}")
        edits: Edits = {}
        for part in self.parts:
            edits |= part.apply(idea, Overlay(files, edits))
            idea = _without(idea, part)
        return edits


def _without(idea: Idea, part: Surface) -> Idea:
    """The idea less the file edits that this surface has already taken."""
    left = {path: text for path, text in idea.files.items() if not part.owns(path)}
    return Idea(idea.summary, idea.hypothesis, idea.emitter, idea.parameters, left)


def build_surface(settings: ChangeSettings) -> JoinedSurface:
    """The surface that the settings describe; whole files first, then values on top of them."""
    parts: list[Surface] = []
    if settings.files:
        parts.append(FilesSurface(settings.files))
    in_keys = tuple(name for name in settings.space if settings.keys and _belongs(name, settings))
    if settings.block:
        rest = tuple(name for name in settings.space if name not in in_keys)
        parts.append(BlockSurface(settings.block, rest))
    if settings.keys:
        parts.append(KeysSurface(settings.keys, in_keys, settings.within))
    return JoinedSurface(parts)


def _belongs(name: str, settings: ChangeSettings) -> bool:
    """With both a block and a keys file, dotted names are keys and plain ones constants."""
    return settings.block is None or "." in name
