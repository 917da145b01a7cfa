"""Where a hook is called: the study around a folder, its git folders, branch and commit.

Read from git's files: a hook is paid on every tool call, and opening a repository costs more.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """A study: its folder, the top of its checkout, and the git folders of both."""

    study: Path
    top: Path
    git: Path
    common: Path

    @property
    def program(self) -> str:
        """program.md, relative to the checkout's top."""
        return (self.study / "program.md").relative_to(self.top).as_posix()

    @property
    def home(self) -> Path:
        """Nightlab's folder for this study, as `open_study` has it."""
        inside = self.study.relative_to(self.top).as_posix()
        home = self.common / "nightlab"
        return home if inside == "." else home / inside.replace("/", "--")

    @property
    def branch(self) -> str:
        """The branch that is checked out, "" for none."""
        return branch_of(self.git)

    @property
    def head(self) -> str:
        """The commit that is checked out, "" where there is none."""
        branch = self.branch
        return self.tip(f"refs/heads/{branch}") if branch else _read(self.git / "HEAD")

    def tip(self, ref: str) -> str:
        """The commit of a ref, "" where there is none."""
        loose = _read(self.common / ref)
        return loose or packed_refs(self.common).get(ref, "")


def find_place(starts: Iterable[str]) -> Place | None:
    """The study around the first of these folders that lies in one, None where none does.

    Where program.md is gone, a folder that hooks have worked in before is still the study: who
    removes it is not rid of them.
    """
    folders = [Path(start).absolute().resolve() for start in starts if start]
    for here in folders:
        study = next((f for f in (here, *here.parents) if (f / "program.md").is_file()), None)
        if study and (place := _in_git(study)):
            return place
    for here in folders:
        for folder in (here, *here.parents):
            place = _in_git(folder)
            if place and (place.home / "agents").is_dir():
                return place
    return None


def git_folder(folder: Path) -> tuple[Path, Path] | None:
    """The top of the checkout that a folder is in, and its git folder."""
    for top in (folder, *folder.parents):
        git = top / ".git"
        if git.is_dir():
            return top, git
        if git.is_file():
            return top, (top / _read(git).removeprefix("gitdir:").strip()).resolve()
    return None


def branch_of(git: Path) -> str:
    """The branch that a git folder's checkout is on, "" for none."""
    head = _read(git / "HEAD")
    return head.removeprefix("ref: refs/heads/") if head.startswith("ref: refs/heads/") else ""


def packed_refs(common: Path) -> dict[str, str]:
    """The refs that git has packed, with their commits."""
    lines = (line.split(" ", 1) for line in _read(common / "packed-refs").splitlines())
    return {words[1]: words[0] for words in lines if len(words) == 2 and words[0][:1] not in "#^"}


def loose_refs(common: Path, folder: str) -> list[str]:
    """The names of the refs below a folder of them that are files of their own."""
    top = common / folder
    return [
        (Path(where, name).relative_to(common)).as_posix()
        for where, _, names in os.walk(top)
        for name in names
        if not name.endswith(".lock")
    ]


def _in_git(study: Path) -> Place | None:
    found = git_folder(study)
    if found is None:
        return None
    top, git = found
    pointer = _read(git / "commondir")
    return Place(study, top, git, (git / pointer).resolve() if pointer else git)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
