"""Text that fits: in cells, in characters that the terminal can show, never a control character."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

from nightlab.types import one_line

_SELECTORS = {0xFE0E: None, 0xFE0F: None}  # terminals disagree about the width they make
_PLAINER = str.maketrans(
    {"…": "...", "→": "->", "—": "-", "–": "-", "·": ";", "±": "+-", "−": "-", "×": "x"}
    | {"“": '"', "”": '"', "‘": "'", "’": "'", "≤": "<=", "≥": ">="}
)


@dataclass(frozen=True)
class Pen:
    """What lines are written with. `ascii` where the terminal can't be trusted with more."""

    ascii: bool = False

    @property
    def between(self) -> str:
        """What stands between two things told on one line."""
        return "; " if self.ascii else " · "

    def clean(self, text: str, width: int = 400) -> str:
        """Text from elsewhere, as this terminal can show it."""
        return _clean(text, width, self.ascii)

    def clip(self, text: str, width: int) -> str:
        """Cut to a width in cells, with dots where something is missing."""
        if cell_len(text) <= width:
            return text
        dots = "..." if self.ascii else "…"
        if width <= len(dots):
            return set_cell_size(text, max(0, width))
        return set_cell_size(text, width - len(dots)).rstrip() + dots

    def cell(self, text: str, width: int) -> str:
        """Exactly this many cells: cut, or padded on the right."""
        return set_cell_size(self.clip(text, width), width)

    def bar(self, fraction: float, width: int) -> tuple[str, str]:
        """A bar as what is done and what is left of it."""
        full, half, empty = ("#", "", "-") if self.ascii else ("━", "╸", "─")
        steps = round(min(max(fraction, 0.0), 1.0) * width * 2)
        done = full * (steps // 2) + (half if steps % 2 else "")
        return done, empty * (width - len(done))


@lru_cache(maxsize=1024)
def _clean(text: str, width: int, plain: bool) -> str:
    shown = one_line(text, width).translate(_SELECTORS)
    return in_ascii(shown) if plain else shown


def in_ascii(text: str) -> str:
    """The nearest that ASCII has; a question mark where it has nothing near."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFKD", text.translate(_PLAINER))
    letters = (sign for sign in parts if not unicodedata.combining(sign))
    return "".join(letters).encode("ascii", "replace").decode()


def pen_for(encoding: str, environment: Mapping[str, str] = os.environ) -> Pen:
    """The pen of a terminal: ASCII where the encoding or the locale says so."""
    names = ("LC_ALL", "LC_CTYPE", "LANG")
    locale = next((environment[name] for name in names if environment.get(name)), "")
    return Pen(ascii=not encoding.lower().startswith("utf") or locale in ("C", "POSIX"))
