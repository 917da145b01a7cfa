"""Matplotlib, quiet and the same on every machine; and how a figure reaches the disk."""

from __future__ import annotations

import gc
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightlab.report.charts.marks import FAINT, GREY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GREYS = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
_STYLE: dict[str, Any] = {
    "svg.hashsalt": "nightlab",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "text.hinting": "none",
    "font.size": 8.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    **dict.fromkeys(_GREYS, GREY),
    "axes.linewidth": 0.5,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "xtick.major.size": 2.5,
    "xtick.major.width": 0.5,
    "ytick.major.size": 0.0,
}


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in our style, whatever style the reader has set, and say nothing meanwhile.

    Matplotlib tells of glyphs that its font lacks and of homes that it can't write to; neither is
    worth a word, since the SVG keeps the text, and a folder of its own serves as well. The
    collector waits: it would look through ten thousand trials a dozen times, to find nothing.
    """
    log, collects = logging.getLogger("matplotlib"), gc.isenabled()
    before = log.level
    log.setLevel(logging.CRITICAL)
    gc.disable()
    try:
        with _mute():
            import matplotlib.font_manager
        with matplotlib.rc_context(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(_STYLE)  # type: ignore[arg-type]
            yield
    finally:
        log.setLevel(before)
        if collects:
            gc.enable()


@contextmanager
def _mute() -> Iterator[None]:
    """Without standard error: to find fonts, matplotlib once starts fc-list, which may grumble."""
    if sys.stderr is None or "matplotlib.font_manager" in sys.modules:
        yield
        return
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def shows(path: Path, mark: str) -> bool:
    """Whether the file is a chart of the view with this mark: then it need not be drawn again."""
    try:
        with path.open("rb") as file:
            return mark.encode() in file.read(4096)
    except OSError:
        return False


def save(figure: Figure, path: Path, mark: str = "") -> Path:
    """Put a fresh file in the place of the old one, in the format of its suffix.

    `mark` goes into it, unseen: see `shows`.

    The old one stands until the new one is whole; a link is replaced and not followed. Raises
    OSError where it can't be written.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    try:
        with fresh.open("xb") as file:
            about = {"Description": mark, **({"Date": None} if path.suffix == ".svg" else {})}
            figure.savefig(file, format=path.suffix[1:], dpi=150, metadata=about)
        return fresh.replace(path)
    except BaseException:
        with suppress(OSError):
            fresh.unlink()
        raise
