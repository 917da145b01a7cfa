"""The effects chart: for each parameter that was moved, what its values gained."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nightlab.report.charts.gains import draw_gains
from nightlab.report.charts.limits import Limits, near_best
from nightlab.report.charts.marks import GREY, INK, KEEP, VERDICTS, Marks, Style, edge, trial_marks
from nightlab.report.charts.page import LEFT, WIDE, draw, page, panel, scale, write
from nightlab.report.charts.parameter import Places, place_values
from nightlab.report.charts.view import View
from nightlab.report.charts.wording import cut, width
from nightlab.report.markdown import counted
from nightlab.types import Decision, Trial, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = 12
"""How many parameters are shown at most."""
_DRAWN = 2400
_TALL, _GAP, _SIDE, _BAND = 150.0, 16.0, 40.0, 0.14
_NOW: Style = {"color": KEEP, "linewidth": 1.2, "zorder": 2}
_BEFORE: Style = {"color": GREY, "linewidth": 1.2, "zorder": 1.9, "linestyle": ":"}


@dataclass(frozen=True)
class Effect:
    """One parameter, and the settled trials that moved it. `spread`: worst gain to best."""

    name: str
    trials: Sequence[Trial]
    spread: float


def effects(view: View) -> list[Effect]:
    """The parameters that were moved, those first that made the largest difference."""
    moved: dict[str, list[Trial]] = {}
    for trial in view.settled:
        for name in trial.moved:
            moved.setdefault(name, []).append(trial)
    found = [Effect(name, trials, _spread(view, trials)) for name, trials in moved.items()]
    return sorted(found, key=lambda effect: (-effect.spread, effect.name))


def _spread(view: View, trials: Sequence[Trial]) -> float:
    gains = [view.gains[trial.number] for trial in trials if trial.number in view.gains]
    return max(gains) - min(gains) if gains else 0.0


def draw_effects(view: View) -> Figure:
    """Draw a panel for each parameter; where none was ever moved, the gains of trials instead."""
    found = effects(view)
    if not found:
        return draw_gains(view)
    shown = found[:PANELS]
    columns = {1: 1, 2: 2, 4: 2}.get(len(shown), 3 if len(shown) <= 9 else 4)
    rows = math.ceil(len(shown) / columns)
    figure = page(_TALL * rows, view.title, _told(view, found), _legend(view))
    limits = near_best(0.0, list(view.gains.values()), 1)
    for place, effect in enumerate(shown):
        axes = _panel(figure, rows, columns, place)
        _draw_panel(axes, view, effect, limits, _DRAWN // len(shown))
        _side(axes, limits, first=place % columns == 0)
    write(
        figure, LEFT + 4, _TALL * rows / 2, "gain" + _unit(figure.axes[0]), rotation=90, va="center"
    )
    return figure


def _panel(figure: Figure, rows: int, columns: int, place: int) -> Axes:
    """Where panels go, row by row."""
    left, wide = LEFT + _SIDE, (WIDE - 2 * LEFT - _SIDE + _GAP) / columns
    x, top = left + wide * (place % columns), _TALL * (rows - place // columns) - 16
    return panel(figure, x, top - _TALL + 40, x + wide - _GAP, top)


def _told(view: View, found: Sequence[Effect]) -> list[str]:
    """What is drawn, and how far it can be believed."""
    caveats = ["A gain includes what earlier keeps had brought"]
    if any(len(trial.moved) > 1 for trial in view.settled):
        caveats.append("trials that moved several at once count for each")
    unmoved = sum(not trial.moved for trial in view.settled)
    if unmoved:
        caveats.append(f"{counted(unmoved, 'trial')} that moved none left out")
    if len(found) > PANELS:
        caveats.append(f"{counted(len(found) - PANELS, 'parameter')} of smaller spread left out")
    most = _DRAWN // min(len(found), PANELS)
    if any(len(effect.trials) > most for effect in found[:PANELS]):
        caveats.append(f"at most {most:,} marks of a kind in a panel")
    said = f"What the values of each parameter gained over the baseline in {view.metric}"
    return [f"{said}; each mark is a trial", *textwrap.wrap("; ".join(caveats), 125)]


def _legend(view: View) -> list[Marks]:
    """Marks of the verdicts that there are, and the upright lines."""
    found = [Marks(kind.value, [], VERDICTS[kind]) for kind in Decision if view.count(kind)]
    if view.history.incumbent.parameters:
        found.append(Marks("the incumbent's value", [], _NOW))
    if view.history.baseline.parameters:
        found.append(Marks("the baseline's value", [], _BEFORE))
    return found


def _draw_panel(axes: Axes, view: View, effect: Effect, limits: Limits, most: int) -> None:
    """One parameter: its trials, and lines at the values that baseline and incumbent have."""
    holders = ((view.history.incumbent, _NOW), (view.history.baseline, _BEFORE))
    held = [
        (t.parameters[effect.name], style) for t, style in holders if effect.name in t.parameters
    ]
    places = place_values(
        [*(trial.moved[effect.name] for trial in effect.trials), *(value for value, _ in held)]
    )
    for value, style in held:
        at = places.at(value)
        draw(axes, [Marks("", [(at, limits.low), (at, limits.high)], style)])
    spots: dict[Decision, list[tuple[float, float | None]]] = {kind: [] for kind in Decision}
    for trial in effect.trials:
        if trial.verdict:
            at = places.at(trial.moved[effect.name], trial.number)
            spots[trial.verdict.decision].append((at, view.gains.get(trial.number)))
    draw(axes, trial_marks(spots, limits, 1, _BAND, most))
    _bottom(axes, places)
    said = counted(len(effect.trials), "trial") + places.limits.note
    room = axes.bbox.width - width(said, 7.5) - 10
    name = cut(one_line(effect.name), room / 1.15, 9)
    axes.set_title(said, loc="right", size=7.5, y=1.0, pad=4.0)
    axes.set_title(name, loc="left", size=9, y=1.0, pad=4.0, color=INK, weight="bold")


def _bottom(axes: Axes, places: Places) -> None:
    """The lower side: as many numbers as fit, or the names of columns."""
    if not places.names:
        scale(axes, "x", places.limits, min(5, int(axes.bbox.width // 34)), places.whole)
        return
    each = axes.bbox.width / len(places.names) - 4
    axes.set_xticks(range(len(places.names)), [cut(name, each) for name in places.names])
    axes.set_xlim(places.limits.low, places.limits.high)


def _side(axes: Axes, limits: Limits, first: bool) -> None:
    """The left side, with numbers beside the first panel of a row."""
    scale(axes, "y", limits, 5)
    axes.set_ylim(edge(limits, 1, _BAND), limits.high)
    axes.grid(axis="y")
    axes.tick_params(axis="y", labelleft=first)
    axes.yaxis.offsetText.set_visible(False)


def _unit(axes: Axes) -> str:
    """What the numbers beside the panels are multiples of, where they are not plain."""
    formatter = axes.yaxis.get_major_formatter()
    formatter.format_ticks(list(axes.get_yticks()))
    unit = formatter.get_offset()
    return f" ({unit})" if unit else ""
