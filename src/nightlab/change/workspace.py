"""A throwaway checkout for a program that proposes, and what it edited there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pygit2

from nightlab.change.repository import CommittedFiles, Repository, is_below
from nightlab.disk import clear


class Checkout:
    """The files of one commit in a repository of their own, less what is hidden."""

    def __init__(
        self, top: Path, prefix: str, files: CommittedFiles, hidden: Sequence[str]
    ) -> None:
        self.folder = top / prefix
        self.files = files
        self.hidden = tuple(hidden)
        self._prefix = prefix
        self._repo = pygit2.Repository(str(top))

    def edits(self) -> Mapping[str, str | None]:
        """New texts by path, None for a file that is gone.

        New files that git ignores don't count: what a program leaves behind when it tries things.
        """
        found: dict[str, str | None] = {}
        here = {path.relative_to(self.folder).as_posix(): path for path in _files(self.folder)}
        for name, path in here.items():
            if name not in self.files and self._repo.path_is_ignored(self._prefix + name):
                continue
            content = path.read_bytes()
            if name not in self.files or self.files[name] != content:
                found[name] = content.decode("utf-8", "replace")
        for name in self.files:
            if name not in here and not self._is_as_it_was(name):
                found[name] = None
        return found

    def _is_as_it_was(self, name: str) -> bool:
        """Whether a path without a plain file was never one here."""
        path = self.folder / name
        if self.files.is_link(name) and path.is_symlink():
            return os.fsencode(path.readlink()) == self.files[name]
        return is_below(self._prefix + name, self.hidden) or _is_clutter(Path(name))


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and not _is_clutter(path.relative_to(folder)):
            yield path


def _is_clutter(path: Path) -> bool:
    return ".git" in path.parts or "__pycache__" in path.parts


@contextmanager
def checkout(
    repository: Repository, commit: str, hidden: Sequence[str], scratch: Path
) -> Iterator[Checkout]:
    """Lay a throwaway repository below `scratch`, and remove it afterwards."""
    scratch.mkdir(parents=True, exist_ok=True)
    top = Path(tempfile.mkdtemp(prefix="proposal-", dir=scratch))
    try:
        repository.throwaway(commit, top, hidden)
        left_out = repository.within(hidden)
        yield Checkout(top, repository.prefix, repository.files(commit), left_out)
    finally:
        clear(top)
        with suppress(OSError):
            scratch.rmdir()
