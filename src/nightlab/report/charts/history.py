"""The history chart: every settled trial's value, its verdict, and the best so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nightlab.report.charts.caption import done, gained
from nightlab.report.charts.frontier import steps
from nightlab.report.charts.labels import behind, free
from nightlab.report.charts.limits import Limits, is_wide, near_best
from nightlab.report.charts.marks import BASELINE, KEEP, LATEST, STAIR, Marks, edge, trial_marks
from nightlab.report.charts.page import LEFT, WIDE, draw, page, panel, say, scale, write
from nightlab.report.charts.view import View
from nightlab.report.charts.wording import width
from nightlab.types import Decision, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BODY, _BOTTOM, _SIDE, _BAND = 316.0, 38.0, 44.0, 0.1
_LABELS, _SIZE = 16, 7.5
_LABEL: dict[str, Any] = {"size": _SIZE, "color": KEEP, "va": "center_baseline"}
_HALO = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.5}


def draw_history(view: View) -> Figure:
    """Draw the campaign since its inception."""
    limits = _limits(view)
    last = max([1, *(trial.number for trial in view.settled)])
    line = _line_marks(view, limits, last)
    spots = {
        kind: [(float(trial.number), view.values.get(trial.number)) for trial in trials]
        for kind, trials in view.by_verdict.items()
    }
    marks = [*trial_marks(spots, limits, view.sign, _BAND), *line]
    figure = page(_BODY, view.title, [done(view), gained(view)], marks)
    axes = panel(figure, LEFT + _SIDE, _BOTTOM, WIDE - LEFT, _BODY)
    if not marks:
        say(axes, "nothing is measured yet")
        return figure
    _scales(axes, view, limits, last)
    draw(axes, marks)
    if line:
        _write_labels(figure, axes, view, line[0])
    return figure


def _limits(view: View) -> Limits:
    values = list(view.values.values())
    base = next(iter(values), 0.0) if view.baseline is None else view.baseline
    return near_best(base, values, view.sign, log=view.sign < 0 and is_wide(values))


def _scales(axes: Axes, view: View, limits: Limits, last: int) -> None:
    """Room for labels on the better side, and a band for what is off the chart on the other."""
    scale(axes, "x", Limits(0, last), 8, whole=True)
    axes.set(xlim=(-0.015 * last - 0.1, 1.02 * last + 0.1), xlabel="trial (0 is the baseline)")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    scale(axes, "y", limits, 7)
    axes.set_ylabel(view.axis + limits.note)
    axes.grid(axis="y")
    better = edge(limits, -view.sign, 0.12 * bool(view.frontier[1:]))
    worse = edge(limits, view.sign)
    if view.count(Decision.CRASH) or not all(map(limits.holds, view.values.values())):
        end = edge(limits, view.sign, _BAND)
        axes.axhspan(worse, end, color="#f4f5f6", linewidth=0, zorder=0)
        worse = end
    axes.set_ylim(*sorted((better, worse)))


def _line_marks(view: View, limits: Limits, last: int) -> list[Marks]:
    """A step line from the baseline to the newest best, and on to the last trial."""
    points = [(float(number), limits.clip(value)) for number, value in view.frontier]
    if not points:
        return []
    ends = [*(x for x, _ in points[1:]), float(last)]
    corners = [at for (x, y), end in zip(points, ends, strict=True) for at in ((x, y), (end, y))]
    found = [Marks("best so far", corners, STAIR)]
    if view.baseline is not None:
        found.append(Marks("baseline", points[:1], BASELINE))
    if points[-1][0]:
        found.append(Marks("latest", points[-1:], LATEST))
    return found


def _write_labels(figure: Figure, axes: Axes, view: View, line: Marks) -> None:
    """Say at each new best which change it was, where there is room: at the latest in any case."""
    corners = [(float(x), float(y)) for x, y in axes.transData.transform(line.points)]
    taken = behind(corners, view.sign)
    points = list(zip(steps(view), corners[::2], strict=True))[1:]
    ranked = sorted(points, key=lambda at: (at is not points[-1], -at[0].gain))[:_LABELS]
    for step, (x, y) in ranked:
        latest = step is points[-1][0]
        text = "latest: " * latest + one_line(step.trial.summary, 40)
        size = width(text, _SIZE), _SIZE + 2.5
        box = free((x, y), size, axes.bbox, view.sign, taken)
        if box is None and latest:
            box = free((x, y), size, axes.bbox, view.sign, [])
        if box:
            taken.append(box)
            side, at = ("right", box.x1) if box.x1 < x else ("left", box.x0)
            write(figure, at, (box.y0 + box.y1) / 2, text, ha=side, bbox=_HALO, **_LABEL)
