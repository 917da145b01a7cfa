"""The files that an editing tool is about to write."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

SHELLS = frozenset({"Bash", "shell", "local_shell", "exec_command", "unified_exec", "PowerShell"})
_PATHS = ("file_path", "notebook_path", "path")
_PATCH = re.compile(r"^\s*\*\*\* (?:(?:Add|Update|Delete) File|Move to): (.+?)\s*$", re.MULTILINE)


def patched_files(text: str) -> list[str]:
    """The files that a patch of Codex's form names."""
    return _PATCH.findall(text)


def edited_files(tool: str, given: Mapping[str, Any]) -> list[str]:
    """The files that a tool other than a shell would write, by its input."""
    if tool == "apply_patch":
        texts = [given.get(name) for name in ("command", "input", "patch")]
        words = [str(word) for text in texts if text for word in _listed(text)]
        return patched_files("\n".join(words))
    if tool in ("Edit", "Write", "MultiEdit", "NotebookEdit"):
        return [given[name] for name in _PATHS if isinstance(given.get(name), str)]
    return []


def shell_line(given: Mapping[str, Any]) -> str:
    """The command line of a shell's tool; some give it as a list of words."""
    line = given.get("command", given.get("cmd", ""))
    if isinstance(line, list):
        return shlex.join(str(word) for word in line)
    return line if isinstance(line, str) else ""


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
