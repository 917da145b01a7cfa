"""A throwaway checkout for a program that proposes, and what it edited there."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from nightlab.change.repository import CommittedFiles, Repository


class Checkout:
    """The files of one commit in a repository of their own, less what is hidden."""

    def __init__(self, folder: Path, files: CommittedFiles, hidden: Sequence[str]) -> None:
        self.folder = folder
        self.files = files
        self.hidden = tuple(hidden)

    def edits(self) -> Mapping[str, str | None]:
        found: dict[str, str | None] = {}
        here = {path.relative_to(self.folder).as_posix(): path for path in _files(self.folder)}
        for name, path in here.items():
            content = path.read_bytes()
            if name not in self.files or self.files[name] != content:
                found[name] = content.decode("utf-8", "replace")
        for name in self.files:
            if name not in here and not self._is_hidden(name):
                found[name] = None
        return found

    def _is_hidden(self, name: str) -> bool:
        return any(name == h or name.startswith(f"{h}/") for h in self.hidden)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        clutter = ".git" in parts or "__pycache__" in parts
        if path.is_file() and not path.is_symlink() and not clutter:
            yield path


@contextmanager
def checkout(
    repository: Repository, commit: str, hidden: Sequence[str], scratch: Path
) -> Iterator[Checkout]:
    """Lay a throwaway repository below `scratch`, and remove it afterwards."""
    scratch.mkdir(parents=True, exist_ok=True)
    top = Path(tempfile.mkdtemp(prefix="proposal-", dir=scratch))
    try:
        repository.throwaway(commit, top, hidden)
        yield Checkout(top / repository.prefix, repository.files(commit), hidden)
    finally:
        shutil.rmtree(top, ignore_errors=True)
