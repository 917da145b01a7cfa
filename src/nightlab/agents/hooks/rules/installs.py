"""No packages: a result must come from the edit, and the environment is part of the harness."""

from __future__ import annotations

import re

from nightlab.agents.hooks.guard import Guard
from nightlab.agents.hooks.rules import Call

_CHANGES = {
    "pip": {"install", "uninstall", "sync"},
    "pipx": {"install", "inject", "uninstall", "upgrade"},
    "uv": {"add", "remove", "pip install", "pip uninstall", "pip sync", "tool install"},
    "poetry": {"add", "remove", "install", "update"},
    "pdm": {"add", "remove", "install", "update"},
    "pipenv": {"install", "uninstall", "update"},
    "conda": {"install", "update", "remove", "env update"},
    "npm": {"install", "i", "ci", "add", "update", "uninstall"},
    "yarn": {"add", "remove", "install"},
    "bun": {"add", "remove", "install"},
    "cargo": {"install", "add"},
    "gem": {"install"},
    "go": {"install", "get"},
    "apt": {"install", "remove", "upgrade"},
    "apk": {"add", "del"},
}
_SAME = {
    "easy_install": "easy_install",
    "mamba": "conda",
    "micromamba": "conda",
    "pnpm": "npm",
    "apt-get": "apt",
    "dnf": "apt",
    "yum": "apt",
    "brew": "apt",
    "zypper": "apt",
}


def refuse_installs(call: Call, guard: Guard) -> str:
    """Refuse what adds, changes or removes packages; listing them is fine."""
    name = call.module if call.module in ("pip", "pipx", "uv") else call.name
    name = "pip" if re.fullmatch(r"pip[\d.]*", name) else _SAME.get(name, name)
    if name == "easy_install":
        return _why("easy_install")
    wanted = _CHANGES.get(name, set())
    operands = [word.text for word in call.operands]
    options_first = bool(call.args) and call.args[0].text.startswith("-")
    starts = (0, 1) if options_first else (0,)  # the value of an option may come before the verb
    for start in starts:
        for length in (1, 2):
            verb = " ".join(operands[start : start + length])
            if verb in wanted:
                return _why(f"{name} {verb}")
    return ""


def _why(what: str) -> str:
    return (
        f"`{what}` changes the environment that results are compared in; work with what is"
        " installed, or ask the human for the package"
    )
