"""Results come from `nightlab try`: what an agent measures itself counts for nothing."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from nightlab.agents.hooks.guard import Guard
from nightlab.agents.hooks.rules import Call

_STARTERS = re.compile(
    r"python[\d.]*|pypy[\d.]*|ba?sh|zsh|dash|sh|torchrun|deepspeed|accelerate|source|\."
)
_HARMLESS = {"py_compile", "pdb", "ast", "tokenize", "pyflakes", "mypy", "compileall", "black"}


def refuse_training(call: Call, guard: Guard) -> str:
    """Refuse the study's own scripts, but for a debugging run that writes to a log."""
    script = _script(call, guard)
    if not script or call.command.is_quiet or {"--help", "-h"} & {*call.texts}:
        return ""
    return (
        f'{script} run by hand is no result: `nightlab try -m "summary"` measures the edit. To'
        f" debug, send the output to a log: `{_shown(call)} > run.log 2>&1`, then read its tail"
    )


def refuse_tee(call: Call, guard: Guard) -> str:
    """Refuse `tee`, which floods the conversation with what belongs into a file."""
    if call.name != "tee":
        return ""
    return "`tee` floods the conversation: write to a file (`> run.log 2>&1`), then read its tail"


def _script(call: Call, guard: Guard) -> str:
    """The study's script or command that is started here, "" where none is."""
    scripts, line = guard.outline.scripts, " ".join(call.command.texts)
    if line and line in guard.outline.commands and guard.cwd == guard.place.study:
        return f"`{line}`"
    if call.module:
        if call.module in _HARMLESS:
            return ""
        asked = f"{call.module.replace('.', '/')}.py"
        return asked if _name_of(asked, guard) in scripts else _started(call, guard)
    if _STARTERS.fullmatch(call.name):
        return _started(call, guard)
    path = _name_of(call.command.texts[0], guard) if call.command.texts else ""
    return path if path in scripts else ""


def _started(call: Call, guard: Guard) -> str:
    """Of an interpreter or a launcher: its first operand that is a file of the study."""
    if call.name.startswith(("python", "pypy")) and "-c" in call.texts:
        return ""
    for word in call.operands:
        name = _name_of(word.text, guard)
        if name in guard.outline.scripts:
            return name
        if not call.module and PurePosixPath(word.text).suffix in (".py", ".sh"):
            return ""
    return ""


def _name_of(text: str, guard: Guard) -> str:
    path = guard.path(text)
    top = guard.place.top
    return path.relative_to(top).as_posix() if top in path.parents else ""


def _shown(call: Call) -> str:
    return " ".join(call.command.texts)[:80]
