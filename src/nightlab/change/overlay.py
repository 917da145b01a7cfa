"""Files with edits on top, read when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nightlab.change import Edits, Files


class Overlay(Mapping[str, bytes]):
    """The study's files as they are after some edits; nothing is copied."""

    def __init__(self, files: Files, edits: Edits) -> None:
        self.files = files
        self.edits = edits

    def __getitem__(self, path: str) -> bytes:
        if path not in self.edits:
            return self.files[path]
        content = self.edits[path]
        if content is None:
            raise KeyError(path)
        return content

    def __iter__(self) -> Iterator[str]:
        yield from (path for path in self.files if path not in self.edits)
        yield from (path for path, content in self.edits.items() if content is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, path: object) -> bool:
        if path in self.edits:
            return self.edits[str(path)] is not None
        return path in self.files
