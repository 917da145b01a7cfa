"""Where a python keeps itself, what it imports from, and where a package of its lies."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

PACKAGE = "package:"
"""How a path in the settings begins that is an installed package."""

_ASK = """
import importlib.metadata, json, sys
from pathlib import Path
packages = []
for name in sys.argv[1:]:
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        continue
    tops = {f.parts[0] for f in found.files or () if f.parts[0] not in ("..", "__pycache__")}
    packages += [str(Path(str(found.locate_file(top)))) for top in sorted(tops)]
places = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.executable]
print(json.dumps({"prefixes": places, "imports": sys.path, "packages": packages}))
"""


@dataclass(frozen=True)
class Interpreter:
    """A python's folders: its own, those it imports from, and those of the packages asked for."""

    prefixes: tuple[Path, ...] = ()
    imports: tuple[Path, ...] = ()
    packages: tuple[Path, ...] = ()


def ask_interpreter(python: Path, paths: Sequence[str] = ()) -> Interpreter:
    """What a python says of itself, and of what is `package:NAME` among the paths.

    Packages that are not installed are left out, and a python that doesn't start has nothing.
    """
    packages = tuple(p.removeprefix(PACKAGE) for p in paths if p.startswith(PACKAGE))
    return _ask(python, packages)


def missing_packages(python: Path, paths: Sequence[str]) -> list[str]:
    """Those of the paths that are `package:NAME` and not installed there."""
    return [
        path
        for path in paths
        if path.startswith(PACKAGE) and not ask_interpreter(python, [path]).packages
    ]


@lru_cache(maxsize=8)
def _ask(python: Path, packages: tuple[str, ...]) -> Interpreter:
    try:
        said = subprocess.run(
            [str(python), "-I", "-c", _ASK, *packages],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        told = json.loads(said)
    except (OSError, subprocess.SubprocessError, ValueError):
        return Interpreter()
    return Interpreter(*(_paths(told[key]) for key in ("prefixes", "imports", "packages")))


def _paths(texts: Sequence[str]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(Path(text) for text in texts if text and Path(text).exists()))
