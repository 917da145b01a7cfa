"""The normal form of files: what is left when layout and comments don't count."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache

from nightlab.change import Refused


@lru_cache(maxsize=512)
def normal_form(path: str, content: bytes) -> str:
    """Source without comments and layout. Raises Refused where the file doesn't compile."""
    text = content.decode("utf-8", "replace")
    if path.endswith(".py"):
        try:
            return ast.unparse(ast.parse(text))
        except (SyntaxError, ValueError, RecursionError) as error:
            raise Refused(f"{path} does not compile: {error}") from None
    if path.endswith(".json"):
        try:
            return json.dumps(json.loads(text), sort_keys=True, indent=0)
        except ValueError as error:
            raise Refused(f"{path} is not valid JSON: {error}") from None
    lines = (line.rstrip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.lstrip().startswith("#"))


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
    moved = (
        line[0] + " ".join(line[1:].split())
        for line in diff.splitlines()
        if line[:1] in "+-" and not line.startswith(("+++", "---")) and line[1:].strip()
    )
    return digest(sorted(moved))
