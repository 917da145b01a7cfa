"""The folders of a vault, and the notes of Nightlab's in them. Nothing is written outside."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

from nightlab.remember.replace import replace_file
from nightlab.remember.vault.note import Note, read_note
from nightlab.types import NightlabError

EVENTS, ARCHIVE = "events", "archive"
_FORGOTTEN = ".nightlab-forgotten"
_NAME = re.compile(r"autoresearch-(exp-\d{8}-\d{6})\.md")


class Folder:
    """A vault: `events/<year>/<month>/autoresearch-<id>.md`, and `archive/` for what aged out."""

    def __init__(self, root: Path) -> None:
        if not root.parent.is_dir():
            raise NightlabError(f"there is no folder {root.parent}; make it, or name another")
        if root.is_symlink() and not root.is_dir():
            raise NightlabError(f"{root} is a link that leads to no folder; remove it, or mend it")
        if root.exists() and not root.is_dir():
            raise NightlabError(f"{root} is a file; name a folder for the vault")
        root.mkdir(exist_ok=True)
        self.root = root.resolve()

    def notes(self) -> dict[Path, Note]:
        """Nightlab's notes in `events`, by their place."""
        months = (
            month
            for year in _inner(self._known(EVENTS), r"\d{4}")
            for month in _inner(year, r"\d{2}")
        )
        return {path: note for month in months for path, note in _notes(month)}

    def archived(self) -> dict[Path, Note]:
        """Nightlab's notes in `archive`, by their place."""
        return dict(_notes(self._known(ARCHIVE)))

    def free(self, at: float, taken: set[str]) -> str:
        """An id by this time: of the first second from then on that no note has."""
        moment = datetime.fromtimestamp(int(at), timezone.utc)
        while True:
            found = moment.strftime("exp-%Y%m%d-%H%M%S")
            places = (self.root / EVENTS / _month(found), self.root / ARCHIVE)
            there = (os.path.lexists(place / _file(found)) for place in places)
            if found not in taken and not any(there):
                return found
            moment += timedelta(seconds=1)

    def add(self, name: str, note: Note) -> Path:
        """Write a new note, by its id."""
        return self.write(self._made(EVENTS, *_month(name).split("/")) / _file(name), note)

    def write(self, path: Path, note: Note) -> Path:
        """Write a note whole, or not at all."""
        replace_file(path, [note.format()])
        return path

    def archive(self, path: Path, note: Note) -> bool:
        """Move a note into the archive. False where another's stands there in its place."""
        target = self._made(ARCHIVE) / path.name
        if os.path.lexists(target) and read_note(target) is None:
            return False
        self.write(target, note)
        path.unlink()
        return True

    def forgotten(self) -> set[tuple[str, str]]:
        """Trials whose notes have left the archive too, so that they don't come back."""
        path = self._known(ARCHIVE) / _FORGOTTEN
        if path.is_symlink() or not path.is_file():
            return set()
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        return {(trial, commit) for trial, _, commit in (line.partition(" ") for line in lines)}

    def forget(self, paths: dict[Path, Note], before: set[tuple[str, str]]) -> None:
        """Remove these notes for good, and remember that they are gone."""
        gone = sorted(before | {note.identity for note in paths.values()})
        lines = (f"{trial} {commit}\n" for trial, commit in gone)
        replace_file(self._made(ARCHIVE) / _FORGOTTEN, lines)
        for path in paths:
            path.unlink(missing_ok=True)

    def _known(self, name: str) -> Path:
        """A folder of the vault, there or not. Raises NightlabError where it is something else."""
        return _checked(self.root / name)

    def _made(self, *names: str) -> Path:
        """The same, made where it isn't there, and each folder on the way."""
        path = self.root
        for name in names:
            path = _checked(path / name)
            path.mkdir(exist_ok=True)
        return path


def _checked(path: Path) -> Path:
    if path.is_symlink():
        raise NightlabError(f"{path} is a link; a vault is written in its own folders only")
    if path.exists() and not path.is_dir():
        raise NightlabError(f"{path} is a file where a folder should be; move it away")
    return path


def id_of(path: Path) -> str:
    """The id in a note's file name."""
    found = _NAME.fullmatch(path.name)
    return found[1] if found else ""


def _notes(folder: Path) -> Iterator[tuple[Path, Note]]:
    for path in sorted(folder.glob("autoresearch-exp-*.md")):
        if id_of(path) and (note := read_note(path)) is not None:
            yield path, note


def _inner(folder: Path, pattern: str) -> Iterator[Path]:
    """The real folders in a folder whose names are like this."""
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if re.fullmatch(pattern, path.name) and path.is_dir() and not path.is_symlink():
                yield path


def _file(name: str) -> str:
    return f"autoresearch-{name}.md"


def _month(name: str) -> str:
    """`2026/11` of `exp-20261120-235000`."""
    return f"{name[4:8]}/{name[8:10]}"
