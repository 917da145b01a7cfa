"""Codex's config.toml: three keys put in by edits of lines, so that every other byte stays."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Mapping

_MARK = "# nightlab"
_PLAIN = {
    "project_doc_fallback_filenames": '["program.md"]',
    "project_doc_max_bytes": "65536",
}
_FLAG = "codex_hooks"
"""Newer releases have hooks on without it, and know it by another name; older ones need it."""


def put_in(text: str) -> tuple[str, list[str]]:
    """The text with our keys, and what the user must see to, where a key of theirs stands."""
    notes: list[str] = []
    lines = []
    for key, value in _PLAIN.items():
        if _has(text, key):
            if value.strip('[]"') not in _line_of(text, key):
                notes.append(f"config.toml has its own {key}; ours would be {value}")
        else:
            lines.append(f"{key} = {value}  {_MARK}\n")
    changed, more = _with_flag("".join(lines) + text)
    if not _is_safe(text, changed):
        wanted = [f"{key} = {value}" for key, value in _PLAIN.items()]
        hint = ", ".join([*wanted, f"[features] {_FLAG} = true"])
        return text, [f"config.toml is not understood; put in by hand: {hint}"]
    return changed, notes + more


def take_out(text: str) -> str:
    """The text without our lines. A table of ours that the user has added to stays."""
    lines = text.splitlines(keepends=True)
    left: list[str] = []
    for at, line in enumerate(lines):
        if not line.rstrip().endswith(_MARK):
            left.append(line)
        elif line.startswith("[") and _is_used(lines[at + 1 :]):
            left.append(line.replace(f"  {_MARK}", ""))
    return "".join(left)


def _with_flag(text: str) -> tuple[str, list[str]]:
    flag = f"{_FLAG} = true  {_MARK}\n"
    for known in (_FLAG, "hooks"):
        if found := re.search(rf"^\s*(?:features\.)?{known}\s*=\s*(\w+)", text, re.MULTILINE):
            off = found.group(1) == "false"
            return text, [f"config.toml switches hooks off: set {known} = true"] if off else []
    header = re.search(r"^[ \t]*\[[ \t]*features[ \t]*\][^\n]*(?:\n|\Z)", text, re.MULTILINE)
    if header:
        end = "" if header.group().endswith("\n") else "\n"
        return f"{text[: header.end()]}{end}{flag}{text[header.end() :]}", []
    if re.search(r"^\s*features\b", text, re.MULTILINE):
        return text, [f"config.toml has its own way of [features]: set {_FLAG} = true there"]
    end = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{end}[features]  {_MARK}\n{flag}", []


def _has(text: str, key: str) -> bool:
    return bool(_line_of(text, key))


def _line_of(text: str, key: str) -> str:
    found = re.search(rf"^[ \t]*[\"']?{key}[\"']?\s*=.*$", text, re.MULTILINE)
    return found.group() if found else ""


def _is_used(after: list[str]) -> bool:
    """Whether a table has lines of the user's."""
    for line in after:
        if line.lstrip().startswith("["):
            return False
        if line.strip() and not line.strip().startswith("#") and not line.rstrip().endswith(_MARK):
            return True
    return False


def _is_safe(before: str, after: str) -> bool:
    """Whether the edit adds keys and changes none. Where Python has no TOML, its marks must do."""
    if sys.version_info < (3, 11):
        return before.count('"""') % 2 == 0 and before.count("'''") % 2 == 0
    toml = importlib.import_module("tomllib")
    try:
        old, new = toml.loads(before), toml.loads(after)
    except ValueError:
        return False
    return _grew(old, new)


def _grew(old: Mapping[str, object], new: Mapping[str, object]) -> bool:
    """Whether `new` has all that `old` has, and nothing but our keys besides."""
    for key, value in new.items():
        if key not in old and key not in (*_PLAIN, _FLAG, "features"):
            return False
        if key == "features" and isinstance(value, dict):
            features = old.get(key, {})
            if not isinstance(features, dict) or {**features, _FLAG: True} != {
                **value,
                _FLAG: True,
            }:
                return False
        elif key in old and old[key] != value:
            return False
    return old.keys() <= new.keys()
