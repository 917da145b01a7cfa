"""The frontier chart: a stair from the baseline through each new best, and what each gained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from nightlab.report.charts.caption import gained
from nightlab.report.charts.limits import Limits, around, is_wide
from nightlab.report.charts.marks import BASELINE, GREY, INK, KEEP, LATEST, STAIR, Marks, dots
from nightlab.report.charts.page import LEFT, WIDE, draw, page, panel, say, scale
from nightlab.report.charts.view import View
from nightlab.report.charts.wording import cut, percent
from nightlab.types import Trial, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROWS = 40
"""How many steps are shown at most."""
_ROW, _SIDE, _BOTTOM, _HEAD = 19.5, 66.0, 38.0, 14.0
_COLUMNS = {"commit and value": 292.0, "gained (of the baseline)": 388.0, "change": 496.0}


@dataclass(frozen=True)
class Step:
    """The baseline or a new best: its trial, its value, and what it gained over the one before."""

    trial: Trial
    value: float
    gain: float


def steps(view: View) -> list[Step]:
    """The frontier, one step for each of its points. The first gained nothing."""
    known = {trial.number: trial for trial in (view.history.baseline, *view.settled)}
    values = [value for _, value in view.frontier]
    before = values[:1] + values[:-1]
    return [
        Step(known[number], value, view.sign * (value - last))
        for (number, value), last in zip(view.frontier, before, strict=True)
    ]


def largest(every: Sequence[Step]) -> list[Step]:
    """The first, the last, and between them those that gained most, in order."""
    if len(every) <= ROWS:
        return list(every)
    ranked = sorted(every[1:-1], key=lambda step: -step.gain)[: ROWS - 2]
    return sorted((every[0], *ranked, every[-1]), key=lambda step: step.trial.number)


def draw_frontier(view: View) -> Figure:
    """Draw the frontier: a row a step, from the baseline down."""
    every = steps(view)
    shown = largest(every)
    values = [step.value for step in shown]
    limits = around(values, log=view.sign < 0 and is_wide(values))
    marks = _stair_marks(shown, limits)
    rows, left_out = max(4, len(shown)), len(every) - len(shown)
    told = f"; {left_out:,} that gained least are left out" if left_out else ""
    lines = ["The baseline and each new best" + told, gained(view)]
    figure = page(_BOTTOM + _ROW * rows + _HEAD, view.title, lines, marks)
    axes = panel(figure, LEFT + _SIDE, _BOTTOM, 278, _BOTTOM + _ROW * rows)
    if not shown:
        say(axes, "nothing is measured yet")
        return figure
    scale(axes, "x", limits, 4)
    axes.set(xlabel=view.axis + limits.note, ylim=(rows - 0.5, -0.5))
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    draw(axes, marks)
    _write_rows(axes, view, shown)
    return figure


def _stair_marks(shown: Sequence[Step], limits: Limits) -> list[Marks]:
    """The stair, and a mark on each of its steps; x is the value, y the row."""
    points = [(limits.clip(step.value), float(row)) for row, step in enumerate(shown)]
    turns = [at for (before, _), (x, row) in pairwise(points) for at in ((before, row), (x, row))]
    found = [Marks("best so far", points[:1] + turns, STAIR)] if turns else []
    if shown and shown[0].trial.number == 0:
        found.append(Marks("baseline", points[:1], BASELINE))
        points = points[1:]
    if points:
        found.append(Marks("new best", points, dots(KEEP, 5.5, zorder=4)))
        found.append(Marks("latest", points[-1:], LATEST))
    return found


def _write_rows(axes: Axes, view: View, shown: Sequence[Step]) -> None:
    """Beside each step: its trial, commit and value, what it gained, and which change it was."""
    names = [f"trial {s.trial.number:,}" if s.trial.number else "baseline" for s in shown]
    axes.set_yticks(range(len(shown)), names)
    columns = zip(*(_row(view, step) for step in shown), strict=True)
    for (name, left), texts in zip(_COLUMNS.items(), columns, strict=True):
        place = {
            "x": (left - axes.bbox.x0) / axes.bbox.width,
            "transform": axes.get_yaxis_transform(),
        }
        axes.text(y=-0.9, s=name, va="center_baseline", color=GREY, **place)
        for row, text in enumerate(texts):
            axes.text(y=row, s=text, va="center_baseline", color=INK, **place)


def _row(view: View, step: Step) -> tuple[str, str, str]:
    gain = f"{step.gain:+.4g}{percent(step.gain, view.baseline)}" if step.gain else ""
    change = cut(one_line(step.trial.summary), WIDE - LEFT - _COLUMNS["change"])
    return f"{step.trial.commit[:7]} {step.value:.6g}", gain, change
