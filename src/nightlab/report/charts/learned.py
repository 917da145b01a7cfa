"""The chart of the memory: what moves of each parameter gained, and what that says of it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from nightlab.program.space import Parameter
from nightlab.report.charts.grid import (
    BAND,
    PANELS,
    TALL,
    bottom,
    head,
    name_side,
    panel_at,
    shape,
    side,
)
from nightlab.report.charts.limits import Limits, near_best
from nightlab.report.charts.marks import (
    COLOURS,
    INK,
    KEEP,
    VERDICTS,
    Marks,
    Point,
    Style,
    thinned,
    trial_marks,
)
from nightlab.report.charts.moved import Moves, moves
from nightlab.report.charts.page import draw, page, panel, say
from nightlab.report.charts.parameter import Places, place_values
from nightlab.report.markdown import counted
from nightlab.types import Decision, History, Lesson, Memory, Value, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DRAWN = 2400
_STEPS = 60
_LINE: Style = {"color": INK, "linewidth": 1.2, "zorder": 3}
_BAR: Style = {"color": COLOURS[Decision.DISCARD], "linewidth": 0.7, "zorder": 1.8}
_NOW: Style = {"color": KEEP, "linewidth": 1.2, "zorder": 2}
_TAIL: Style = {"color": INK, "alpha": 0.1, "linewidth": 0.0, "zorder": 1.5}

Expect = Callable[[str, Value], tuple[float, float]]
"""The gain of moving a parameter of the incumbent to a value, and its standard error."""


def draw_learned(
    history: History,
    memory: Memory,
    space: Mapping[str, Parameter],
    title: str,
    expect: Expect,
    only: Sequence[str] | None = None,
) -> Figure:
    """Draw a panel for each parameter that was ever moved, the surest effects first.

    A trial stands at the value that it moved to, at its gain over what it was measured against.
    `expect` says what going to a value from the incumbent is expected to gain.
    """
    found = moves(history, memory, space)
    found = found if only is None else [each for each in found if each.name in only]
    title = f"{one_line(title) or 'Study'}: what moves have gained"
    if not found:
        return _nothing(title)
    shown = found[:PANELS]
    rows, columns = shape(len(shown))
    figure = page(TALL * rows, title, _told(history, found), _legend(found))
    gains = [g for each in found for lesson in each.lessons if (g := _gain(lesson)) is not None]
    limits = near_best(0.0, gains, 1)
    for place, each in enumerate(shown):
        axes = panel_at(figure, rows, columns, place)
        _draw_panel(axes, each, limits, _DRAWN // len(shown), expect)
        side(axes, limits, first=place % columns == 0)
    name_side(figure, rows)
    return figure


def _nothing(title: str) -> Figure:
    figure = page(TALL, title, [], [])
    say(panel(figure, 22, 16, 669, TALL - 16), "No trial has moved a parameter yet")
    return figure


def _told(history: History, found: Sequence[Moves]) -> list[str]:
    """What is drawn, and how far it can be believed."""
    lessons = {lesson.name: lesson for each in found for lesson in each.lessons}
    campaigns = len({lesson.campaign for lesson in lessons.values()})
    caveats = [f"{counted(len(lessons), 'trial')} of {counted(campaigns, 'campaign')}"]
    if any(len(lesson.trial.moved) > 1 for lesson in lessons.values()):
        caveats.append("trials that moved several at once count for each")
    if len(found) > PANELS:
        left = len(found) - PANELS
        caveats.append(f"{counted(left, 'parameter')} of less sure effect left out")
    metric = one_line(history.metric, 60)
    said = f"Gain in {metric} over what a trial was measured against, with its standard error"
    if any(each.effects for each in found):
        caveats.append("the line says what moving the incumbent there is expected to gain")
    return [f"{said}; up is better", *textwrap.wrap("; ".join(caveats), 125)]


def _legend(found: Sequence[Moves]) -> list[Marks]:
    verdicts = {
        lesson.trial.verdict.decision
        for each in found
        for lesson in each.lessons
        if lesson.trial.verdict
    }
    legend = [Marks(kind.value, [], VERDICTS[kind]) for kind in Decision if kind in verdicts]
    if any(each.effects for each in found):
        legend.append(Marks("expected, ± its standard error", [], _LINE))
    if any(each.now is not None for each in found):
        legend.append(Marks("the incumbent's value", [], _NOW))
    return legend


def _draw_panel(axes: Axes, moved: Moves, limits: Limits, most: int, expect: Expect) -> None:
    """One parameter: its trials, what is expected of its values, and the incumbent's value."""
    values = [lesson.trial.moved[moved.name] for lesson in moved.lessons]
    log = moved.numeric.log if moved.numeric is not None else None
    places = place_values([*values, *([moved.now] if moved.now is not None else [])], log)
    if moved.now is not None:
        at = places.at(moved.now)
        draw(axes, [Marks("", [(at, limits.low), (at, limits.high)], _NOW)])
    _draw_expected(axes, moved, places, expect)
    spots: dict[Decision, list[tuple[float, float | None]]] = {kind: [] for kind in Decision}
    bars: list[tuple[float, float, float]] = []
    for lesson, value in zip(moved.lessons, values, strict=True):
        at, gain, error = places.at(value, lesson.trial.number), _gain(lesson), lesson.error
        if lesson.trial.verdict:
            spots[lesson.trial.verdict.decision].append((at, gain))
        if gain is not None and error is not None and limits.holds(gain):
            bars.append((at, gain, error))
    draw(axes, [Marks("", _bars(thinned(bars, most), limits), _BAR)])
    draw(axes, trial_marks(spots, limits, 1, BAND, most))
    bottom(axes, places)
    head(axes, moved.name, counted(len(moved.lessons), "trial") + places.limits.note)


def _bars(errors: Sequence[tuple[float, float, float]], limits: Limits) -> list[Point]:
    """Upright strokes of one standard error to either side, as one broken line."""
    points: list[Point] = []
    for at, gain, error in errors:
        ends = limits.clip(gain - error), limits.clip(gain + error)
        points += [(at, ends[0]), (at, ends[1]), (at, math.nan)]
    return points


def _draw_expected(axes: Axes, moved: Moves, places: Places, expect: Expect) -> None:
    """A line along a number, a stroke for each option that was measured, and their bands."""
    if moved.now is None or not moved.effects:
        return
    if moved.numeric is not None and not places.names:
        low, high = moved.numeric.bounds
        along = (places.limits.at(step / _STEPS) for step in range(_STEPS + 1))
        xs = sorted({min(max(x, low), high) for x in along})
        _draw_line(axes, xs, [expect(moved.name, x) for x in xs])
    for value in (effect.value for effect in moved.effects):
        if value is not None and value != moved.now and places.knows(value):
            column = places.at(value)
            _draw_line(axes, [column - 0.3, column + 0.3], [expect(moved.name, value)] * 2)


def _draw_line(axes: Axes, xs: Sequence[float], expected: Sequence[tuple[float, float]]) -> None:
    low = [gain - error for gain, error in expected]
    high = [gain + error for gain, error in expected]
    axes.fill_between(xs, low, high, **_TAIL)
    points = [(x, gain) for x, (gain, _) in zip(xs, expected, strict=True)]
    draw(axes, [Marks("", points, _LINE)])


def _gain(lesson: Lesson) -> float | None:
    """The gain, where there is one that can be drawn."""
    return lesson.gain if lesson.gain is not None and math.isfinite(lesson.gain) else None
