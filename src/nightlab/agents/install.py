"""`nightlab agent hooks install` and `remove`: an agent's settings, and what is said."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nightlab.agents import config_toml, hooks_json
from nightlab.agents.hooks.payload import Agent
from nightlab.agents.hooks.place import Place, find_place, git_folder
from nightlab.remember.replace import replace_file
from nightlab.types import NightlabError

_AFTER = {
    Agent.CLAUDE: [
        "Claude Code reads them when a session begins; `/hooks` there shows them.",
    ],
    Agent.CODEX: [
        "Codex runs hooks of a trusted project only, and each after you have looked at it: open"
        " `/hooks` there once.",
    ],
}


@dataclass(frozen=True)
class Edit:
    """One file of settings, as it is and as it will be. A text of nothing removes the file."""

    path: Path
    before: str
    after: str


def settings_folder(top: Path) -> Path:
    """Where an agent that works on the study looks for settings: beside its program.md."""
    place = find_place([str(Path.cwd())])
    return place.study if place else top


def change_hooks(top: Path, agent: Agent, *, put: bool, dry_run: bool) -> list[str]:
    """Put the hooks in, or take them out. Returns what to say. Raises NightlabError."""
    folder = settings_folder(top)
    edits, notes = _edits(folder, agent, put)
    said: list[str] = []
    for edit in edits:
        name = edit.path.relative_to(folder).as_posix()
        if edit.before == edit.after:
            said.append(f"{name}: nothing to do")
        elif dry_run:
            said += _diff(name, edit)
        else:
            said.append(_write(edit, name))
    if put and not dry_run:
        hide(folder, [edit.path for edit in edits])
        said += [*_about_git(folder, edits), *_AFTER[agent]]
    elif not dry_run:
        show(folder, [edit.path for edit in edits])
    return said + notes


def _edits(folder: Path, agent: Agent, put: bool) -> tuple[list[Edit], list[str]]:
    name = ".claude/settings.json" if agent is Agent.CLAUDE else ".codex/hooks.json"
    path = folder / name
    before = _read(path)
    settings = hooks_json.read_settings(before, name)
    changed = hooks_json.put_in(settings, agent) if put else hooks_json.take_out(settings)
    text = hooks_json.written(changed, before) if changed else ""
    after = before if changed == settings else text
    edits = [Edit(path, before, after)]
    notes: list[str] = []
    if agent is Agent.CODEX:
        config = folder / ".codex" / "config.toml"
        text = _read(config)
        new, notes = config_toml.put_in(text) if put else (config_toml.take_out(text), [])
        edits.append(Edit(config, text, new))
    return edits, notes


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise NightlabError(f"{path} is not UTF-8 text; mend it, then try again") from None


def _write(edit: Edit, name: str) -> str:
    path = edit.path.resolve()  # a link leads to a file that the user keeps elsewhere
    if edit.after:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, [edit.after])
        return f"{name}: {'changed' if edit.before else 'made'}"
    path.unlink(missing_ok=True)
    with suppress(OSError):
        path.parent.rmdir()  # where nothing else is in it
    return f"{name}: removed, for nothing else was in it"


def _diff(name: str, edit: Edit) -> list[str]:
    lines = (edit.before.splitlines(), edit.after.splitlines())
    return [line.rstrip("\n") for line in difflib.unified_diff(*lines, name, name, lineterm="")]


def _about_git(folder: Path, edits: list[Edit]) -> list[str]:
    """What becomes of the files in git: those that are committed are the user's to commit again."""
    from nightlab.change.repository import Repository

    changed = [e.path.relative_to(folder).as_posix() for e in edits if e.before != e.after]
    try:
        repository = Repository(folder)
        committed = repository.files(repository.head())
    except NightlabError:
        return []
    if known := [name for name in changed if name in committed]:
        return [f"Commit {' and '.join(known)}: `nightlab try` takes no edit outside the surface."]
    return ["They name this machine's Python, so git does not list them."]


def hide(folder: Path, paths: list[Path]) -> None:
    """Keep files out of `git status`, and so out of what `nightlab try` takes for an edit.

    They name this machine's interpreter. A file that is committed already is left to the user.
    """
    place = _place(folder)
    if place is None:
        return
    lines = list(_patterns(place, paths))
    _exclude(place, lambda there: [*there, *(line for line in lines if line not in there)])


def show(folder: Path, paths: list[Path]) -> None:
    """Take back what `hide` did."""
    place = _place(folder)
    if place is not None:
        lines = set(_patterns(place, paths))
        _exclude(place, lambda there: [line for line in there if line not in lines])


def _place(folder: Path) -> Place | None:
    found = git_folder(folder.resolve())
    if found is None:
        return None
    top, git = found
    place = find_place([str(folder)])
    return place or Place(folder.resolve(), top, git, git)


def _patterns(place: Place, paths: list[Path]) -> Iterator[str]:
    top = place.top.resolve()
    for path in paths:
        full = path.parent.resolve() / path.name
        if top in full.parents:
            yield f"/{full.relative_to(top).as_posix()}"


def _exclude(place: Place, change: Callable[[list[str]], list[str]]) -> None:
    path = place.common / "info" / "exclude"
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    lines = change(before.splitlines())
    if lines != before.splitlines():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, [f"{line}\n" for line in lines])
