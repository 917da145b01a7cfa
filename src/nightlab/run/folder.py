"""The folder of one process of a run: laid out fresh, and looked at when the process is gone."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path, PurePosixPath

from nightlab.run.inputs import lay_inputs, own_place
from nightlab.run.sandbox.interpreter import PACKAGE
from nightlab.run.sandbox.surroundings import Private
from nightlab.run.settings import RunSettings
from nightlab.types import Job

Seal = tuple[int, int, int, int]
"""Inode, size, and the times of the last change of the contents and of anything, in ns."""


class RunFolder:
    """The trial's files without the holdout, or the pristine harness with it.

    `prefix` is the study's place among them. `private` lies beside, for what a process keeps to
    itself. `lay` raises NightlabError where an input is missing.
    """

    def __init__(self, path: Path, study: Path, prefix: str, settings: RunSettings) -> None:
        self.path = path
        self.study = study
        self.prefix = prefix
        self.settings = settings
        self.private = Private(path.with_name(f"{path.name}.private"))
        self._seals: dict[str, Seal] = {}

    @property
    def working(self) -> Path:
        """Where program.md lies in it: the current folder of the process."""
        return self.path / self.prefix

    def lay(self, job: Job, pristine: bool) -> None:
        """Fill it."""
        self.path.mkdir(parents=True)
        self.private.make()
        (job.harness if pristine else job.export)(self.path)
        holdout = tuple(n for n in self.settings.holdout if not n.startswith(PACKAGE))
        hidden = () if pristine or not self.settings.evaluate else holdout
        inputs = (*self.settings.inputs, *(holdout if pristine else ()))
        lay_inputs(self.study, self.working, inputs, hidden)
        self._link_home(inputs)

    def _link_home(self, inputs: Sequence[str]) -> None:
        """Inputs of the real home folder are found in the private one as well."""
        home = Path.home()
        for path in (Path(name).expanduser() for name in inputs):
            if path.is_absolute() and path.is_relative_to(home) and path != home:
                place = self.private.home / path.relative_to(home)
                place.parent.mkdir(parents=True, exist_ok=True)
                if not place.exists():
                    place.symlink_to(path)

    def seal(self, protected: Sequence[str]) -> None:
        """Remember how protected files lie here now: one that is put back shows by its times."""
        self._seals = {name: _seal(self.path / name) for name in protected if self._has(name)}

    def changed(self, protected: Mapping[str, str]) -> list[str]:
        """Protected files that are not what they were, or were something else meanwhile."""
        return [name for name, digest in protected.items() if not self._as_it_was(name, digest)]

    def _has(self, name: str) -> bool:
        return (self.path / name).exists()

    def _as_it_was(self, name: str, digest: str) -> bool:
        path = self.path / name
        try:
            regular = stat.S_ISREG(path.lstat().st_mode)
            same = regular and _seal(path) == self._seals.get(name, _seal(path))
            return same and _digest(path) == digest
        except OSError:
            return self._is_left_out(name)

    def _is_left_out(self, name: str) -> bool:
        hidden = [f"{self.prefix}{PurePosixPath(each)}" for each in self.settings.holdout]
        return any(name == each or name.startswith(f"{each}/") for each in hidden)

    def collect(self, names: Sequence[str], store: Path, largest: int) -> list[str]:
        """Move artifacts out of it. Returns those that are not regular files, or too large."""
        missing = []
        for name in names:
            made, kept = self.working / name, store / name
            try:
                if not _is_regular(made, self.path) or made.lstat().st_size > largest:
                    raise FileNotFoundError(made)
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(made, kept)
                kept.chmod(stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IROTH)
            except OSError:
                missing.append(name)
        return missing

    def hand_over(self, names: Sequence[str], store: Path) -> None:
        """Lay stored artifacts into it, as plain copies."""
        for name in names:
            target = own_place(self.working, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copyfile(store / name, target)


def _seal(path: Path) -> Seal:
    status = path.lstat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _is_regular(path: Path, folder: Path) -> bool:
    """Whether it is a regular file of its own, and really in `folder`: no link leads out."""
    inside, status = path.parent.resolve().is_relative_to(folder.resolve()), path.lstat()
    return inside and stat.S_ISREG(status.st_mode) and status.st_nlink == 1


def _digest(path: Path) -> str:
    hashed = blake2b(digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            hashed.update(chunk)
    return hashed.hexdigest()
