"""Panels row by row, a parameter each: values along the lower side, gains along the left."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nightlab.report.charts.limits import Limits
from nightlab.report.charts.marks import INK, edge
from nightlab.report.charts.page import LEFT, WIDE, panel, scale, write
from nightlab.report.charts.parameter import Places
from nightlab.report.charts.wording import cut, width
from nightlab.types import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = 12
"""How many parameters are shown at most."""

TALL, BAND = 150.0, 0.14
"""Points from panel to panel, and the share of one below its limits."""

_GAP, _SIDE = 16.0, 40.0


def shape(panels: int) -> tuple[int, int]:
    """In how many rows and columns so many panels stand."""
    columns = {1: 1, 2: 2, 4: 2}.get(panels, 3 if panels <= 9 else 4)
    return math.ceil(panels / columns), columns


def panel_at(figure: Figure, rows: int, columns: int, place: int) -> Axes:
    """Where panels go, row by row."""
    left, wide = LEFT + _SIDE, (WIDE - 2 * LEFT - _SIDE + _GAP) / columns
    x, top = left + wide * (place % columns), TALL * (rows - place // columns) - 16
    return panel(figure, x, top - TALL + 40, x + wide - _GAP, top)


def head(axes: Axes, name: str, said: str) -> None:
    """The name of a parameter above its panel, and what is said of it."""
    room = axes.bbox.width - width(said, 7.5) - 10
    shown = cut(one_line(name), room / 1.15, 9)
    axes.set_title(said, loc="right", size=7.5, y=1.0, pad=4.0)
    axes.set_title(shown, loc="left", size=9, y=1.0, pad=4.0, color=INK, weight="bold")


def bottom(axes: Axes, places: Places) -> None:
    """The lower side: as many numbers as fit, or the names of columns."""
    if not places.names:
        scale(axes, "x", places.limits, min(5, int(axes.bbox.width // 34)), places.whole)
        return
    each = axes.bbox.width / len(places.names) - 4
    axes.set_xticks(range(len(places.names)), [cut(name, each) for name in places.names])
    axes.set_xlim(places.limits.low, places.limits.high)


def side(axes: Axes, limits: Limits, first: bool) -> None:
    """The left side, with numbers beside the first panel of a row."""
    scale(axes, "y", limits, 5)
    axes.set_ylim(edge(limits, 1, BAND), limits.high)
    axes.grid(axis="y")
    axes.tick_params(axis="y", labelleft=first)
    axes.yaxis.offsetText.set_visible(False)


def name_side(figure: Figure, rows: int) -> None:
    """What stands along the left side of all panels."""
    said = "gain" + _unit(figure.axes[0])
    write(figure, LEFT + 4, TALL * rows / 2, said, rotation=90, va="center")


def _unit(axes: Axes) -> str:
    """What the numbers beside the panels are multiples of, where they are not plain."""
    formatter = axes.yaxis.get_major_formatter()
    formatter.format_ticks(list(axes.get_yticks()))
    unit = formatter.get_offset()
    return f" ({unit})" if unit else ""
