"""What an attack is: one module of `gauntlet.attacks`, read into a record."""

from __future__ import annotations

import importlib
import pkgutil
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import gauntlet.attacks

STUDIES = Path(__file__).parent / "studies"
_PLACES = ("train", "serve", "answer", "claim", "call", "module")
SURFACE = {"halves": "train.py", "script": "train.py", "language": "train.py", "call": "policy.py"}
"""The file of each study that may be edited."""

KINDS = ("naive", "none", "landlock", "bubblewrap")
"""How an attack is met: by a loop that trusts its candidates, then by Nightlab."""


@dataclass(frozen=True)
class Place:
    """Where an attack is met: all below `folder`. `token` is a word that is nowhere else.

    `port` is one on which this machine listens, `terminal` one that shows what is written there,
    and `nightlab` the process of the loop.
    """

    folder: Path
    token: str
    port: int = 0
    terminal: str = ""
    nightlab: int = 0

    @property
    def study(self) -> Path:
        """The study: the checkout with its repository."""
        return self.folder / "study"

    @property
    def home(self) -> Path:
        """The home folder of whoever runs the loop."""
        return self.folder / "home"

    @property
    def work(self) -> Path:
        """Where Nightlab's runs have their folders."""
        return self.folder / "work"


def _nothing(_: Place) -> str:
    return ""


@dataclass(frozen=True)
class Attack:
    """A change that tries to win without improving.

    `code` maps the places of the surface file that take code (`train`, `serve`, `answer`, `claim`,
    `call`, `module`) to the code put there: what it raises is swallowed, as an able attacker would.
    `files` are other files of the change, None for a deletion. `program` replaces words of
    program.md. `trials` of the same change are made, for attacks that need a second one. After
    `patience` seconds Nightlab is taken to hang. `expected` says, by kind, `caught`, `inert`, or
    `not covered` where it wins and the report must own up to it, by words that follow from the kind
    or by those of `says`; for the naive loop `won` where it bites.
    """

    name: str
    title: str
    study: str
    expected: Mapping[str, str]
    code: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str | None] = field(default_factory=dict)
    program: Mapping[str, str] = field(default_factory=dict)
    trials: int = 1
    summary: str = "an improvement"
    patience: float = 90.0
    says: str | None = None
    prepare: Callable[[Place], object] = _nothing
    aftermath: Callable[[Place], str] = _nothing

    @property
    def bites(self) -> bool:
        """Whether it wins where nothing is in its way: no mere slip of its script keeps it out."""
        return self.expected["naive"] == "won" or self.expected["none"] == "not covered"

    def change(self, place: Place, trial: int = 1) -> dict[str, str | None]:
        """The files of its change. It knows all that an able agent could find out."""
        original = (STUDIES / self.study / SURFACE[self.study]).read_text()
        known = {
            "STUDY": str(place.study),
            "TOKEN": place.token,
            "PORT": place.port,
            "TERMINAL": place.terminal,
        }
        known |= {"NIGHTLAB": place.nightlab, "HOME": str(place.home), "TRIAL": trial}
        lines = []
        for line in original.splitlines():
            if not line.strip().startswith("# the attack on "):
                lines.append(line)
                continue
            where = next(word for word in line.split() if word in _PLACES)
            code = self.code.get(where, "")
            lines.append(textwrap.indent(_swallowed(code), line[: -len(line.lstrip())]))
        head = [f"{name} = {value!r}" for name, value in known.items()]
        surface = {SURFACE[self.study]: "\n".join([lines[0], *head, *lines[1:], ""])}
        return {**(surface if self.code else {}), **self.files}


def _swallowed(code: str) -> str:
    """The code, with what it raises printed and no more."""
    if not code:
        return ""
    body = textwrap.indent(textwrap.dedent(code).strip("\n"), "    ")
    tell = "print('failed:', repr(error), file=__import__('sys').stderr, flush=True)"
    return f"try:\n{body}\nexcept Exception as error:\n    {tell}"


def attack_names() -> list[str]:
    """Every attack, in order."""
    return sorted(module.name for module in pkgutil.iter_modules(gauntlet.attacks.__path__))


def load_attack(name: str) -> Attack:
    """An attack by its name: that of its module."""
    module = importlib.import_module(f"gauntlet.attacks.{name}")
    title = str(module.__doc__).splitlines()[0].rstrip(".")
    taken = ("files", "program", "trials", "summary", "patience", "says", "prepare", "aftermath")
    given = {
        key: getattr(module, shown)
        for key in taken
        for shown in (key, key.upper())
        if hasattr(module, shown)
    }
    code = {key: getattr(module, key.upper()) for key in _PLACES if hasattr(module, key.upper())}
    expected = {"naive": "won", **module.EXPECTED}
    return Attack(name, title, module.STUDY, expected, code, **given)
