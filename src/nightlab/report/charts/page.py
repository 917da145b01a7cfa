"""The page that charts stand on: heading, legend, and axes placed in points from below left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from nightlab.report.charts.limits import Limits
from nightlab.report.charts.marks import INK, Marks
from nightlab.report.charts.wording import cut, width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Locator

WIDE, LEFT = 691.2, 22.0
"""Points across every chart, and the margin where headings begin."""


def page(body: float, title: str, lines: Sequence[str], marks: Sequence[Marks]) -> Figure:
    """A figure with a heading and a legend of the marks, above `body` points for the rest."""
    from matplotlib.figure import Figure

    room, entries = WIDE - 2 * LEFT, [entry for entry in marks if entry.label]
    rows = math.ceil(sum(34 + width(entry.label) for entry in entries) / room)
    top = body + 13 * rows + 8 * bool(rows)
    high = top + 47 + 13 * len(lines)
    figure = Figure((WIDE / 72, high / 72), dpi=72)
    write(figure, LEFT, high - 25, cut(title, room / 1.15, 13), size=13, color=INK, weight="bold")
    for row, line in enumerate(lines):
        write(figure, LEFT, high - 43 - 13 * row, cut(line, room, 8.5), size=8.5)
    if entries:
        _legend(figure, entries, top / high, math.ceil(len(entries) / rows))
    return figure


def _legend(figure: Figure, entries: Sequence[Marks], top: float, columns: int) -> None:
    figure.legend(
        handles=[entry.line() for entry in entries],
        loc="upper left",
        bbox_to_anchor=(LEFT / WIDE, top),
        ncols=columns,
        frameon=False,
        labelcolor=INK,
        borderpad=0.0,
        borderaxespad=0.0,
        handletextpad=0.6,
        columnspacing=1.6,
    )


def write(figure: Figure, x: float, y: float, text: str, **style: Any) -> None:
    """A line of text."""
    figure.text(x / WIDE, y / figure.bbox.height, text, **style)


def panel(figure: Figure, left: float, bottom: float, right: float, top: float) -> Axes:
    """Axes between these places."""
    high = figure.bbox.height
    return figure.add_axes(
        (left / WIDE, bottom / high, (right - left) / WIDE, (top - bottom) / high)
    )


def draw(axes: Axes, marks: Sequence[Marks]) -> None:
    """Draw data."""
    for each in marks:
        axes.add_line(each.line())


def scale(
    axes: Axes, side: Literal["x", "y"], limits: Limits, most: int, whole: bool = False
) -> None:
    """Linear or logarithmic, with ticks between the limits; the axis may go on beyond them."""
    from matplotlib.ticker import MaxNLocator

    steps = [1, 2, 5, 10] if whole else [1, 2, 2.5, 5, 10]
    ticks = _within(limits, MaxNLocator(most, steps=steps, integer=whole))
    if limits.log:
        axes.set(**{f"{side}scale": "log"})
        axes.minorticks_off()
        axis = axes.xaxis if side == "x" else axes.yaxis
        axis.set_major_formatter("{x:,g}")
        ticks = _log_ticks(limits, most)
    axes.set(**{f"{side}ticks": ticks, f"{side}lim": (limits.low, limits.high)})


def _log_ticks(limits: Limits, most: int) -> list[float]:
    """Powers of ten, and between them 3 or 2 and 5 where there are few."""
    from matplotlib.ticker import LogLocator

    for leads in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0)):
        ticks = _within(limits, LogLocator(subs=leads, numticks=most))
        if len(ticks) >= 3:
            break
    return ticks


def _within(limits: Limits, locator: Locator) -> list[float]:
    places = locator.tick_values(limits.low, limits.high)
    return [place for place in places if limits.holds(place)]


def say(axes: Axes, text: str) -> None:
    """What stands in axes that have nothing to show."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, size=10, ha="center", transform=axes.transAxes)
