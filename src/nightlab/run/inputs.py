"""Inputs: data that is not in git. Linked into a run's folder, less the holdout; fingerprinted."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from nightlab.run.sandbox.interpreter import PACKAGE
from nightlab.types import NightlabError


def missing_inputs(study: Path, inputs: Sequence[str]) -> list[str]:
    """Inputs that are not there."""
    there = (name for name in inputs if not name.startswith(PACKAGE))
    return [name for name in there if not _source(study, name).exists()]


def _source(study: Path, name: str) -> Path:
    return study / Path(name).expanduser()


def lay_inputs(
    study: Path, folder: Path, inputs: Sequence[str], without: Sequence[str] = ()
) -> None:
    """Link each input into `folder` at its own place; nothing named in `without` is left there.

    Inputs outside the study are read where they are. Raises NightlabError where one is missing.
    """
    missing = missing_inputs(study, inputs)
    if missing:
        mend = "make it (`python prepare.py`?) or mend run.inputs in program.md"
        raise NightlabError(f"input {', '.join(missing)} is missing: {mend}")
    hidden = {_source(study, name) for name in without}
    for name in inputs:
        if not Path(name).expanduser().is_absolute():
            _link(study / name, own_place(folder, name), hidden)
    for name in without:
        if not Path(name).expanduser().is_absolute():
            _remove(own_place(folder, name), folder)


def own_place(folder: Path, name: str) -> Path:
    """`folder / name`, where a linked folder on the way is made one of ours with links in it.

    So that what is written or removed there is not in the folder that the link leads to. Raises
    NightlabError for a name that leads out of the folder by itself.
    """
    if ".." in Path(name).parts or Path(name).is_absolute():
        raise NightlabError(f"{name} must be a path inside the study, or an absolute one")
    place = folder
    for part in Path(name).parts[:-1]:
        place = place / part
        if place.is_symlink() and place.is_dir():
            source = place.resolve()
            place.unlink()
            place.mkdir()
            for child in source.iterdir():
                (place / child.name).symlink_to(child)
    return folder / name


def _link(source: Path, target: Path, hidden: set[Path]) -> None:
    if source in hidden:
        return
    holds_hidden = any(source in path.parents for path in hidden)
    if source.is_dir() and (holds_hidden or (target.is_dir() and not target.is_symlink())):
        if target.is_symlink():
            target.unlink()
        target.mkdir(parents=True, exist_ok=True)
        for child in source.iterdir():
            _link(child, target / child.name, hidden)
    elif not os.path.lexists(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source.absolute())


def _remove(path: Path, folder: Path) -> None:
    """Remove what lies at `path`, which must be below `folder` whatever links and dots it has."""
    place = path.parent.resolve() / path.name
    if path.name in ("", ".", "..") or folder.resolve() not in place.parents:
        raise NightlabError(f"{path} does not lie in {folder}; it is not removed")
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)


def fingerprint(study: Path, inputs: Sequence[str], cache: Path) -> str:
    """Identity of the contents of all inputs. Unchanged files are known by inode, size and time.

    `cache` is a file of ours that remembers the digests of files seen before.
    """
    if not inputs:
        return ""
    known: dict[str, str] = {}
    with suppress(OSError, ValueError):
        known = json.loads(cache.read_text())
    total, seen = blake2b(digest_size=12), {}
    for name in inputs:
        source = _source(study, name)
        for path in _files(source):
            status = path.stat()
            times = f"{status.st_mtime_ns}:{status.st_ctime_ns}"
            key = f"{path}:{status.st_ino}:{status.st_size}:{times}"
            seen[key] = known.get(key) or _digest(path)
            total.update(os.fsencode(f"{name}/{path.relative_to(source)}\0{seen[key]}\0"))
    if seen != known:
        cache.write_text(json.dumps(seen))
    return total.hexdigest()


def _files(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
    else:
        yield from sorted(path for path in _below(source, set()) if path.is_file())


def _below(folder: Path, above: set[Path]) -> Iterator[Path]:
    """Everything in a folder, linked folders too, but none that it is itself in."""
    real = folder.resolve()
    if not folder.is_dir() or real in above:
        return
    for path in folder.iterdir():
        yield path
        yield from _below(path, above | {real})


def _digest(path: Path) -> str:
    hashed = blake2b(digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            hashed.update(chunk)
    return hashed.hexdigest()
