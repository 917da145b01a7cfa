"""The machine around a study: what any of its processes may see, and what none may."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nightlab.run.environment import interpreter
from nightlab.run.sandbox import Access, View
from nightlab.run.sandbox.interpreter import PACKAGE, Interpreter, ask_interpreter

_NOBODYS = ("/home", "/root", "/tmp", "/var/tmp", "/run", "/dev/shm")
_SECRETS = ("/etc/shadow", "/etc/gshadow", "/etc/ssh", "/etc/sudoers", "/etc/sudoers.d")
_NAMES = ("/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager")
"""Where the network's settings lie on some machines."""

_DEVICES = ("nvidia*", "dri", "kfd", "dxg")
_CACHES = {
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "CUDA_CACHE_PATH": "cuda",
    "NUMBA_CACHE_DIR": "numba",
}
"""Where compilers keep what they have made."""

_LARGEST_CACHE = 1_000_000_000


@dataclass(frozen=True)
class Private:
    """Folders that one process has for itself, beside its working folder."""

    top: Path

    @property
    def home(self) -> Path:
        """What it finds as its home folder."""
        return self.top / "home"

    @property
    def cache(self) -> Path:
        """Where the compilers of its libraries keep what they have made."""
        return self.top / "cache"

    @property
    def tmp(self) -> Path:
        """What it finds as /tmp."""
        return self.top / "tmp"

    def make(self) -> Private:
        """Make the folders."""
        for folder in (self.home, self.cache, self.tmp):
            folder.mkdir(parents=True, exist_ok=True)
        return self

    def fill_cache(self, store: Path) -> None:
        """Begin with a copy of what is stored: what one run adds to it, no other one sees."""
        if store.is_dir():
            shutil.copytree(store, self.cache, symlinks=True, dirs_exist_ok=True)

    def store_cache(self, store: Path) -> None:
        """Store what was compiled, if that is anything and not too much."""
        made = [self.cache / name for name in _CACHES.values() if (self.cache / name).is_dir()]
        size = sum(f.lstat().st_size for folder in made for f in folder.rglob("*"))
        for folder in made if 0 < size <= _LARGEST_CACHE else ():
            shutil.copytree(folder, store / folder.name, symlinks=True, dirs_exist_ok=True)

    def environment(self) -> dict[str, str]:
        """The variables that lead there."""
        caches = {name: str(self.cache / folder) for name, folder in _CACHES.items()}
        caches["XDG_CACHE_HOME"] = str(self.home / ".cache")
        return {"HOME": str(self.home), "TMPDIR": str(self.tmp), **caches}


@dataclass
class Surroundings:
    """What surrounds a study: its own folder, what must stay hidden besides, and its python.

    `hidden` are folders that nothing may see: checkouts of the study, its ledger, other trials.
    `holdout` are paths as the settings give them, of which some may be `package:NAME`. `prefix` is
    the study's place in its repository.
    """

    study: Path
    hidden: Sequence[Path] = ()
    holdout: Sequence[str] = ()
    network: bool = False
    prefix: str = ""
    home: Path = field(default_factory=Path.home)

    def __post_init__(self) -> None:
        self.python = interpreter(self.study)
        self._places: dict[bool, dict[Path, Access]] = {}

    @property
    def known(self) -> Interpreter:
        """The study's python."""
        return ask_interpreter(self.python, self.holdout)

    def view(
        self,
        private: Private,
        *,
        writable: Iterable[Path],
        readable: Iterable[Path] = (),
        hidden: Iterable[Path] = (),
        trusted: bool = False,
        network: bool | None = None,
    ) -> View:
        """The machine for one process. Only the trusted half sees packages of the holdout.

        It has a network as the surroundings say, or as asked here.
        """
        network = self.network if network is None else network
        places = dict(self._machine(trusted))
        for text in _NAMES if network else ():
            _put(places, Path(text), Access.READ)
        for paths, access in ((readable, Access.READ), (hidden, Access.HIDDEN)):
            for path in paths:
                _put(places, path, access)
        for path in (*writable, private.top):
            _put(places, path, Access.WRITE)
        return View(places, private.tmp, network, self.devices)

    @property
    def devices(self) -> tuple[Path, ...]:
        """The device files of graphics processors."""
        return tuple(path for pattern in _DEVICES for path in sorted(Path("/dev").glob(pattern)))

    def top_of(self, working: Path) -> Path:
        """The top of a copy of the repository, from the study's folder in it."""
        depth = len(Path(self.prefix).parts)
        return working.parents[depth - 1] if depth else working

    def own_imports(self, folder: Path) -> str:
        """PYTHONPATH for a trial in `folder` of a study that is installed as a package of itself.

        Its python imports from the checkout, where no trial's change is; these are the same places
        in the trial's files. "" for other studies.
        """
        top = self.top_of(self.study)
        inside = [path for path in self._imports() if self._is_own(path, top)]
        return os.pathsep.join(str(folder / path.relative_to(top)) for path in inside)

    def _is_own(self, path: Path, top: Path) -> bool:
        return path.is_relative_to(top) and not self._is_installed(path)

    def _is_installed(self, path: Path) -> bool:
        return any(path.is_relative_to(prefix) for prefix in self.known.prefixes)

    def _imports(self) -> list[Path]:
        return [path for path in self.known.imports if path.exists()]

    def _machine(self, trusted: bool) -> Mapping[Path, Access]:
        """Whatever is the same for all processes of the study."""
        if trusted not in self._places:
            places: dict[Path, Access] = {Path("/"): Access.READ}
            for text in (*_NOBODYS, *_SECRETS):
                _put(places, Path(text), Access.HIDDEN)
            for path in (self.home, *self.hidden):
                _put(places, path, Access.HIDDEN)
            hidden = [path.resolve() for path in self.hidden]
            for path in (*self.known.prefixes, *self._imports(), *_programs(places)):
                installed = self._is_installed(path)
                if installed or not any(path.is_relative_to(each) for each in hidden):
                    _put(places, path, Access.READ)
            for path in () if trusted else self.known.packages:
                _put(places, path, Access.HIDDEN)
            self._places[trusted] = places
        return self._places[trusted]


def _put(places: dict[Path, Access], path: Path, access: Access) -> None:
    """Note a place under its name and under its real one, where it is there at all."""
    if not path.exists() or (access is Access.HIDDEN and path.resolve() == Path("/")):
        return
    for each in {Path(os.path.normpath(path)), path.resolve()}:
        places[each] = access


def _programs(places: Mapping[Path, Access]) -> list[Path]:
    """Folders of PATH that would be hidden otherwise, as those of programs in a home folder."""
    folders = [Path(text) for text in os.environ.get("PATH", os.defpath).split(os.pathsep) if text]
    return [path for path in folders if path.is_absolute() and path.is_dir() and path not in places]


def sources(study: Path, names: Sequence[str]) -> list[Path]:
    """Where paths of the settings really lie; packages aside."""
    return [study / Path(name).expanduser() for name in names if not name.startswith(PACKAGE)]
