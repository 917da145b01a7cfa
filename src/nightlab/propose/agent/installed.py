"""Where an installed program lies, and what else it takes to start it: links, package, interpreter.

Programs of one user lie under a home folder as a rule, which a sandbox hides. What is found here is
made readable, and no more: a version manager's node, a package and its dependencies, a virtual
environment and the python below it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

_LINKS = 16
_SHEBANG = 4096
_EXEC = re.compile(r"""^'''exec'\s+"?([^"\s]+|(?<=")[^"]+)"?\s""")
"""What installers write where the path of a python is too long for a first line, or holds a space.
"""


def find_program(name: str) -> Path | None:
    """The program of this name on the PATH, or at this path. The name may be a link's."""
    found = shutil.which(str(Path(name).expanduser()) if "/" in name else name)
    return Path(found).absolute() if found else None


def parts_of(program: Path) -> list[Path]:
    """All that must be readable so that a program starts, the program itself first."""
    home, found = Path.home(), dict[Path, None]()
    waiting = [program]
    while waiting:
        path = waiting.pop(0)
        for hop in _hops(path):
            if hop in found:
                continue
            found[hop] = None
            found.update(dict.fromkeys(_around(hop)))
            waiting += [each for each in _interpreters(hop) if each not in found]
    return [path for path in found if not _holds(path, home)]


def _holds(path: Path, home: Path) -> bool:
    """Whether a path is a home folder, or has one in it: never to be opened for a program."""
    homes = {home, home.resolve()}
    return any(each == path or path in each.parents for each in homes)


def _hops(path: Path) -> Iterator[Path]:
    """A path, and where it leads, link by link."""
    for _ in range(_LINKS):
        yield path
        if not path.is_symlink():
            break
        path = Path(os.path.normpath(path.parent / path.readlink()))
    yield Path(os.path.realpath(path))


def _around(path: Path) -> Iterator[Path]:
    """What belongs to a program's file: the packages around it, or its python's folders."""
    parts = path.parts
    if "node_modules" in parts:
        yield Path(*parts[: parts.index("node_modules") + 1])
    elif package := next((p for p in _above(path) if (p / "package.json").is_file()), None):
        yield package
    prefix = path.parent.parent
    if path.parent.name == "bin" and (prefix / "pyvenv.cfg").is_file():
        yield prefix
    elif path.name.startswith("python"):
        yield from (each for each in (prefix / "lib", prefix / "bin") if each.is_dir())


def _above(path: Path) -> list[Path]:
    """The folders above a file, below its home folder: a package of one's own lies there."""
    home = Path.home()
    return [each for each in path.parents if home in each.parents]


def _interpreters(path: Path) -> Iterator[Path]:
    """What a script is started with, and the python that a virtual environment was made from."""
    words = _first_words(path)
    if words and Path(words[0]).name == "env":
        named = next((w for w in words[1:] if not w.startswith("-") and "=" not in w), "")
        words = [found] if named and (found := shutil.which(named)) else []
    if words:
        yield Path(words[0])
    settings = path.parent.parent / "pyvenv.cfg"
    if path.parent.name == "bin" and settings.is_file():
        home = re.search(r"^home\s*=\s*(.+?)\s*$", settings.read_text(errors="replace"), re.M)
        if home:
            yield from sorted(Path(home[1]).glob("python3*"))[:4]


def _first_words(path: Path) -> list[str]:
    """The words after `#!` in a script, of its second line where that is what starts it."""
    try:
        with path.open("rb") as file:
            lines = file.read(_SHEBANG).decode("utf-8", "replace").splitlines()[:2]
    except (OSError, ValueError):
        return []
    if not lines or not lines[0].startswith("#!"):
        return []
    other = _EXEC.match(lines[1]) if len(lines) > 1 else None
    return [other[1]] if other else lines[0][2:].split()
