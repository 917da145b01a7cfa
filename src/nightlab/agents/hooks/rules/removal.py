"""No `rm -rf` of the machine, the home folder or the study."""

from __future__ import annotations

import os
from pathlib import Path

from nightlab.agents.hooks.guard import Guard
from nightlab.agents.hooks.rules import Call


def refuse_removal(call: Call, guard: Guard) -> str:
    """Refuse what removes protected files, and whole folders that hold them."""
    if call.name not in ("rm", "rmdir", "unlink", "shred", "trash"):
        return ""
    recursive = call.has("rR", "--recursive")
    for word in call.operands:
        if recursive and (why := _whole(word.text, guard)):
            return f"`rm` of {word.text}: {why}"
        if why := guard.refuses_tree(word) if recursive else guard.refuses(word):
            return f"`{call.name} {word.text}`: {why}"
    return ""


def _whole(text: str, guard: Guard) -> str:
    """Why a folder is too much to remove: the root, a home, or what is above the study."""
    stem = text.rstrip("*").rstrip("/") or ("/" if text.startswith("/") else ".")
    if stem.startswith("~") and "/" not in stem:
        return "that is a home folder"
    path = guard.path(stem)
    home = Path(os.environ.get("HOME") or Path.home())
    if path in (Path("/"), home, *home.parents):
        return "that is the machine, or all of the home folder"
    if path in (guard.place.study, guard.place.top, *guard.place.top.parents):
        return "that is the study"
    return ""
