"""What a hook must know of a study, kept at hand: reading program.md costs half a second."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nightlab import __version__
from nightlab.agents.hooks.place import Place
from nightlab.remember.replace import replace_file
from nightlab.types import NightlabError, one_line

if TYPE_CHECKING:
    from nightlab.study import Study

_CONFIG = (".claude/settings.json", ".claude/settings.local.json", ".codex/")
"""The agents' own settings, hooks among them."""


@dataclass(frozen=True)
class Outline:
    """Of one state of program.md and HEAD. Paths are relative to the top of the checkout.

    `harness` are the committed files outside the surface, with the git objects of their contents;
    `commands` and `scripts` are what trains and serves. `trouble` says why program.md can't be
    read.
    """

    key: str
    branch: str = "autoresearch"
    results: str = "results.tsv"
    harness: dict[str, str] | None = None
    surface: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def protected(self) -> dict[str, str]:
        """The harness, by path."""
        return self.harness or {}

    def is_config(self, path: str) -> bool:
        """Whether it holds the agents' settings."""
        return path.startswith(_CONFIG)


def outline_of(place: Place) -> Outline:
    """The outline at this moment, from the file that keeps it where nothing has changed since.

    While program.md can't be read, what it said before holds.
    """
    keep = place.home / "agents" / "outline.json"
    key, kept = _key(place), _kept(keep)
    if kept and kept.key == key:
        return kept
    made = _make(place, key)
    if made.trouble and kept:
        made = replace(kept, key=key, trouble=made.trouble)
    try:
        keep.parent.mkdir(parents=True, exist_ok=True)
        replace_file(keep, [json.dumps(asdict(made))])
    except OSError:
        pass  # it is made anew each time
    return made


def _kept(path: Path) -> Outline | None:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        lists = {name: tuple(kept[name]) for name in ("surface", "scripts", "commands")}
        return Outline(**{**kept, **lists})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _key(place: Place) -> str:
    try:
        stat = (place.study / "program.md").stat()
        times = (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino)
    except OSError:
        times = (0, 0, 0, 0)
    return " ".join(map(str, (__version__, *times, place.head)))


def _make(place: Place, key: str) -> Outline:
    from nightlab.study import open_study

    try:
        study = open_study(place.study)
        return _read(study, key)
    except (NightlabError, OSError) as error:
        lines = str(error).splitlines() or ["it can't be read"]
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        return Outline(key, trouble=one_line(lines[0], 400) + more)


def _read(study: Study, key: str) -> Outline:
    from nightlab.change.files import build_surface

    settings, prefix = study.settings, study.repository.prefix
    surface = build_surface(settings.change)
    files = study.repository.files(study.repository.head()) if _has_commit(study) else None
    entries = files.entries if files is not None else {}

    def is_surface(path: str) -> bool:
        return path.startswith(prefix) and surface.owns(path[len(prefix) :])

    change, run = settings.change, settings.run
    named = (*change.files, *(name for name in (change.block, change.keys) if name))
    commands = tuple(line for line in (run.train, run.serve) if line)
    words = " ".join(commands).split()
    started = {word.strip("'\"").removeprefix("./") for word in words}
    return Outline(
        key,
        branch=change.branch,
        results=prefix + settings.remember.results,
        harness={path: str(e[0]) for path, e in entries.items() if not is_surface(path)},
        surface=tuple(dict.fromkeys(named)),
        scripts=tuple(prefix + name for name in sorted(started) if prefix + name in entries),
        commands=tuple(" ".join(line.split()) for line in commands),
    )


def _has_commit(study: Study) -> bool:
    return not study.repository.repo.head_is_unborn
