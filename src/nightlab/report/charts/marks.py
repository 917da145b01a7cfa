"""The marks of trials: a dot for each value, a place at the edge for what has none to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from nightlab.report.charts.limits import Limits
from nightlab.types import Decision

if TYPE_CHECKING:
    from matplotlib.lines import Line2D

DRAWN = 2000
"""More marks than this of one kind make an SVG slow, and show no more."""

INK, GREY, FAINT, KEEP = "#202124", "#5f6368", "#e3e5e8", "#1a7f37"
COLOURS = {Decision.KEEP: KEEP, Decision.DISCARD: "#9aa0a6", Decision.CRASH: "#c5221f"}

Point = tuple[float, float]
Style = Mapping[str, Any]
T = TypeVar("T")


def dots(colour: str, size: float, marker: str = "o", **more: Any) -> Style:
    """How marks without a line between them look: words for matplotlib's Line2D."""
    told = {"color": colour, "marker": marker, "markersize": size, "markeredgewidth": 0.0}
    return {**told, "linestyle": "none", "zorder": 2.5, "clip_on": False, **more}


STAIR: Style = {"color": KEEP, "linewidth": 1.5, "zorder": 3, "clip_on": False}
BASELINE = dots(INK, 6.5, "D", zorder=5)
LATEST = dots(KEEP, 10.5, markeredgewidth=1.1, fillstyle="none", zorder=5)
VERDICTS = {
    Decision.KEEP: dots(KEEP, 6.0, zorder=4),
    Decision.DISCARD: dots(COLOURS[Decision.DISCARD], 3.8),
    Decision.CRASH: dots(COLOURS[Decision.CRASH], 4.2, "x", markeredgewidth=1.1),
}


@dataclass(frozen=True)
class Marks:
    """Points that look alike, and what the legend says of them."""

    label: str
    points: Sequence[Point]
    style: Style

    def line(self) -> Line2D:
        """The same for matplotlib."""
        from matplotlib.lines import Line2D

        xs, ys = [x for x, _ in self.points], [y for _, y in self.points]
        return Line2D(xs, ys, label=self.label, **self.style)


def thinned(points: Sequence[T], most: int = DRAWN) -> Sequence[T]:
    """At most so many of the points, evenly chosen, the last one among them."""
    if len(points) <= most:
        return points
    return [points[(index + 1) * len(points) // most - 1] for index in range(most)]


def trial_marks(
    trials: Mapping[Decision, Sequence[tuple[float, float | None]]],
    limits: Limits,
    better: int,
    band: float = 0.1,
    most: int = DRAWN,
) -> list[Marks]:
    """Trials by verdict, each a place and the value there: dots within the limits.

    On the losing side of the limits, in a band of this share of them, arrows stand for values too
    far off to be drawn, and crosses for crashes.
    """
    found: list[Marks] = []
    off, crash = edge(limits, better, 0.27 * band), edge(limits, better, 0.7 * band)
    for kind in (Decision.KEEP, Decision.DISCARD):
        points = [(x, value) for x, value in trials.get(kind, ()) if value is not None]
        inside = [point for point in points if limits.holds(point[1])]
        size = {"markersize": 2.6} if kind is Decision.DISCARD and len(inside) > 500 else {}
        found += _marks(inside, kind.value, {**VERDICTS[kind], **size}, most)
        beyond = [(x, off) for x, value in points if not limits.holds(value)]
        arrow = dots(COLOURS[kind], 4.0, "v" if better > 0 else "^")
        found += _marks(beyond, f"{kind.value}, off the chart", arrow, most // 4)
    crashed = [(x, crash) for x, _ in trials.get(Decision.CRASH, ())]
    return found + _marks(crashed, "crash", VERDICTS[Decision.CRASH], most // 4)


def edge(limits: Limits, better: int, share: float = 0.0) -> float:
    """The losing end of the limits, or what lies beyond it by this share of them."""
    return limits.at(-share if better > 0 else 1 + share)


def _marks(points: Sequence[Point], name: str, style: Style, most: int) -> list[Marks]:
    if not points:
        return []
    shown = thinned(points, most)
    left_out = f" ({len(shown):,} drawn)" if len(shown) < len(points) else ""
    return [Marks(f"{len(points):,} {name}{left_out}", shown, style)]
