"""Standard output: lines that a narrow encoding can't stop, and whether it can be drawn on."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console


def print_line(line: str) -> None:
    """One line, at once, in what the encoding has."""
    forgive()
    if not (line.isascii() or _knows_all(sys.stdout)):
        from nightlab.report.terminal.pen import in_ascii

        line = in_ascii(line)
    print(line, flush=True)


def forgive() -> None:
    """Let no character end a session because the terminal has no name for it."""
    out = sys.stdout
    if isinstance(out, io.TextIOWrapper) and (out.errors == "strict" or not _knows_all(out)):
        out.reconfigure(errors="replace")


def _knows_all(out: TextIO) -> bool:
    return out.encoding.lower().startswith("utf")


@contextmanager
def hushed() -> Iterator[None]:
    """No word on standard error from programs and libraries that mutter while they draw."""
    try:
        kept = os.dup(2)
    except OSError:  # it is closed, so nobody hears them
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def wants_drawing() -> bool:
    """Whether standard output is a terminal on which lines can be redrawn in place."""
    kind = os.environ.get("TERM", "").lower()
    if not sys.stdout.isatty() or kind in ("", "dumb", "unknown"):
        return False
    return bool(open_console().is_interactive)


def open_console() -> Console:
    """Rich's console on standard output. It honours NO_COLOR."""
    from rich.console import Console

    forgive()
    return Console(force_terminal=True)
