"""Which paths an agent may not write, and why."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from nightlab.agents.hooks.effect import SETTINGS
from nightlab.agents.hooks.outline import Outline
from nightlab.agents.hooks.place import Place, branch_of, git_folder
from nightlab.agents.hooks.quoting import Word


@dataclass(frozen=True)
class Guard:
    """The study that a tool is called in. `cwd` is the folder that relative paths start from.

    `campaigns` says which campaigns there are; it is asked only where it matters.
    """

    place: Place
    outline: Outline
    cwd: Path
    campaigns: Callable[[], list[str]] = field(default=list)

    def at(self, folder: str) -> Guard:
        """The same guard after a change of folder."""
        return replace(self, cwd=self.path(folder))

    def path(self, text: str) -> Path:
        """The path that a word names: a home folder put in, `..` resolved, links not."""
        home = os.environ.get("HOME") or str(Path.home())
        for name in ("${HOME}", "$HOME", "~"):
            if text == name or text.startswith(f"{name}/"):
                text = home + text[len(name) :]
        for name in ("${PWD}", "$PWD"):
            if text == name or text.startswith(f"{name}/"):
                text = str(self.cwd) + text[len(name) :]
        return Path(os.path.normpath(self.cwd / text))

    def refuses(self, word: Word) -> str:
        """Why the file that a word names may not be written, "" where it may."""
        if not word.text or "\0" in word.text:
            return ""
        if word.bare and any(sign in word.text for sign in "*?["):
            return self._refuses_pattern(word.text)
        path = self.path(word.text)
        try:
            seen = {path, path.parent.resolve() / path.name, path.resolve()}
        except (OSError, RuntimeError):
            seen = {path}
        return next((why for each in seen if (why := self._refuses(each))), "")

    def refuses_tree(self, word: Word) -> str:
        """Why a file or a whole folder may not be moved or removed, "" where it may."""
        if why := self.refuses(word):
            return why
        path = self.path(word.text.rstrip("/*") or ("/" if word.text.startswith("/") else "."))
        inside = self._relative(path)
        if path in (self.place.top, *self.place.top.parents, self.place.study):
            return f"{word.text} holds the study"
        if any((self.place.study / name).is_relative_to(path) for name in SETTINGS):
            return f"{word.text} holds the hooks, which are the human's"
        held = next(
            (n for n in self.outline.protected if inside and n.startswith(f"{inside}/")), ""
        )
        return f"{word.text} holds {held}, which is part of the harness" if held else ""

    def branch_at(self, folder: str | None) -> str | None:
        """The branch that is checked out there, None where it is another repository's."""
        where = self.path(folder) if folder else self.cwd
        found = git_folder(where)
        if found is None or found[1] == self.place.git:
            return self.place.branch
        worktrees = self.place.common / "worktrees"
        return branch_of(found[1]) if worktrees in found[1].parents else None

    def _refuses_pattern(self, pattern: str) -> str:
        wanted = str(self.path(pattern))
        for name in (*self.outline.protected, self.outline.results):
            full = str(self.place.top / name)
            if full.count("/") == wanted.count("/") and fnmatchcase(full, wanted):
                return self._refuses(Path(full))
        return ""

    def _refuses(self, path: Path) -> str:
        name = self._relative(path)
        if path == self.place.study / "program.md":
            return "program.md is the human's alone"
        if self.place.common == path or self.place.common in path.parents:
            return f"{path.name} lies in git's own folder, where Nightlab keeps its ledger"
        if name == self.outline.results:
            return f"{path.name} is written by Nightlab alone, from its ledger"
        if name and self.outline.is_config(name):
            return f"{name} holds this agent's hooks and settings, which are the human's"
        if name in self.outline.protected:
            may = ", ".join(self.outline.surface)
            return f"{name} is part of the harness; what may be edited: {may}"
        return ""

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.place.top).as_posix() if self.place.top in path.parents else ""
