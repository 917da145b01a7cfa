"""The normal form of files: what is left when layout and comments don't count."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import PurePath

from nightlab.change import Refused

_HASH_COMMENTS = frozenset(
    ("", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".env", ".sh", ".r", ".jl", ".rb")
)
"""Where a line that begins with `#` is a comment; in Markdown and C it is not."""


@lru_cache(maxsize=512)
def normal_form(path: str, content: bytes) -> str:
    """Source without comments and layout. Raises Refused where the file doesn't compile."""
    if path.endswith(".py"):
        try:
            return ast.unparse(ast.parse(content))
        except (SyntaxError, ValueError, RecursionError) as error:
            raise Refused(f"{path} does not compile: {error}") from None
    text = content.decode("utf-8", "replace")
    if path.endswith(".json"):
        try:
            return json.dumps(json.loads(text), sort_keys=True, indent=0)
        except ValueError as error:
            raise Refused(f"{path} is not valid JSON: {error}") from None
    lines = (line.rstrip() for line in text.splitlines())
    comment = "#" if PurePath(path).suffix.lower() in _HASH_COMMENTS else "\n"
    return "\n".join(line for line in lines if line and not line.lstrip().startswith(comment))


def line_count(path: str, content: bytes | None) -> int:
    """Lines of the normal form: what the simplicity rule counts."""
    return len(normal_form(path, content).splitlines()) if content else 0


def digest(parts: Iterable[str]) -> str:
    """A short identity of some texts, in order."""
    hashed = hashlib.blake2b(digest_size=12)
    for part in parts:
        hashed.update(part.encode("utf-8", "surrogatepass"))
        hashed.update(b"\0")
    return hashed.hexdigest()


def diff_fingerprint(diff: str) -> str:
    """Identity of what a unified diff takes and gives, whatever its place and spacing."""
    moved, in_hunk = [], False
    for line in diff.splitlines():
        in_hunk = line.startswith("@@") or (in_hunk and line[:1] in ("+", "-", " ", "\\", ""))
        if in_hunk and line[:1] in ("+", "-") and line[1:].strip():
            moved.append(line[0] + " ".join(line[1:].split()))
    return digest(sorted(moved))
