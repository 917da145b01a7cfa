"""A throwaway checkout for a program that proposes, and what it edited there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pygit2

from nightlab.change.repository import CommittedFiles, Repository, is_below
from nightlab.disk import clear

LARGEST = 16_000_000
"""Bytes of a file that a program may have written; larger ones are no edit of a study."""


class Unreadable(Exception):
    """What a program has left in its folder is no edit. The message says why."""


class Checkout:
    """The files of one commit in a repository of their own, less what is hidden.

    `private` is an empty folder beside it.
    """

    def __init__(
        self, top: Path, prefix: str, files: CommittedFiles, hidden: Sequence[str]
    ) -> None:
        self.folder = top / prefix
        self.private = top.with_name(f"{top.name}.private")
        self._top = top
        self.files = files
        self.hidden = tuple(hidden)
        self._prefix = prefix

    def edits(self) -> Mapping[str, str | None]:
        """New texts by path, None for a file that is gone.

        New files that git ignores don't count: what a program leaves behind when it tries things.
        Raises Unreadable for links in place of folders, files too large, folders without end.
        """
        if self.folder.resolve() != self._top.resolve() / self._prefix:
            raise Unreadable("a link leads out of the study")
        try:
            return self._edits()
        except RecursionError:
            raise Unreadable("folders without end") from None

    def _edits(self) -> Mapping[str, str | None]:
        ignored = _ignoring(self._top.with_name(f"{self._top.name}.rules"), self.files)
        found: dict[str, str | None] = {}
        here = {path.relative_to(self.folder).as_posix(): path for path in _files(self.folder)}
        for name, path in here.items():
            if name not in self.files and ignored(self._prefix + name):
                continue
            if path.lstat().st_size > LARGEST:
                raise Unreadable(f"{name} has more than {LARGEST // 1_000_000} MB")
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


def _ignoring(place: Path, files: CommittedFiles) -> Callable[[str], bool]:
    """Whether git ignores a path by the rules that are committed: what a program has written into
    its folder may be anything, a pipe for one. `place` is a new folder for a repository."""
    for path, (blob, _) in files.entries.items():
        if Path(path).name == ".gitignore":
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(files.data(blob))
    rules = pygit2.init_repository(str(place))
    return lambda path: bool(rules.path_is_ignored(path))


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
    private = top.with_name(f"{top.name}.private")
    try:
        private.mkdir()
        repository.throwaway(commit, top, hidden)
        left_out = repository.within(hidden)
        yield Checkout(top, repository.prefix, repository.files(commit), left_out)
    finally:
        clear(top)
        clear(private)
        clear(top.with_name(f"{top.name}.rules"))
        with suppress(OSError):
            scratch.rmdir()


class Visible(Mapping[str, bytes]):
    """The study's files at a commit, less what is hidden, and links. Read when asked for."""

    def __init__(self, repository: Repository, commit: str, hidden: Sequence[str]) -> None:
        self._files, left_out = repository.files(commit), repository.within(hidden)
        self._names = [
            path
            for path in self._files
            if not self._files.is_link(path) and not is_below(repository.prefix + path, left_out)
        ]

    def __getitem__(self, path: str) -> bytes:
        if path not in self._names:
            raise KeyError(path)
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
