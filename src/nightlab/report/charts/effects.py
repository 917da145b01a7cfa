"""The effects chart: for each parameter that was moved, what its values gained."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nightlab.report.charts.gains import draw_gains
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
from nightlab.report.charts.marks import GREY, KEEP, VERDICTS, Marks, Style, trial_marks
from nightlab.report.charts.page import draw, page
from nightlab.report.charts.parameter import place_values
from nightlab.report.charts.view import View
from nightlab.report.markdown import counted
from nightlab.types import Decision, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DRAWN = 2400
_NOW: Style = {"color": KEEP, "linewidth": 1.2, "zorder": 2}
_BEFORE: Style = {"color": GREY, "linewidth": 1.2, "zorder": 1.9, "linestyle": ":"}


@dataclass(frozen=True)
class Effect:
    """One parameter, and the settled trials that moved it. `spread`: worst gain to best.

    `title` is its name without the section that all of them share.
    """

    name: str
    trials: Sequence[Trial]
    spread: float
    title: str


def effects(view: View) -> list[Effect]:
    """The parameters that were moved, those first that made the largest difference."""
    moved: dict[str, list[Trial]] = {}
    for trial in view.settled:
        for name in trial.moved:
            moved.setdefault(name, []).append(trial)
    shared = len(_section(list(moved)))
    found = [
        Effect(name, trials, _spread(view, trials), name[shared:].removeprefix("."))
        for name, trials in moved.items()
    ]
    return sorted(found, key=lambda effect: (-effect.spread, effect.name))


def _section(names: Sequence[str]) -> str:
    """The innermost section that all of the names share, "" without one."""
    if not names:
        return ""
    section = names[0].rpartition(".")[0]
    while section and not all(name.startswith(f"{section}.") for name in names):
        section = section.rpartition(".")[0]
    return section


def _spread(view: View, trials: Sequence[Trial]) -> float:
    gains = [view.gains[trial.number] for trial in trials if trial.number in view.gains]
    return max(gains) - min(gains) if gains else 0.0


def draw_effects(view: View) -> Figure:
    """Draw a panel for each parameter; where none was ever moved, the gains of trials instead."""
    found = effects(view)
    if not found:
        return draw_gains(view)
    shown = found[:PANELS]
    rows, columns = shape(len(shown))
    figure = page(TALL * rows, view.title, _told(view, found), _legend(view))
    limits = near_best(0.0, list(view.gains.values()), 1)
    for place, effect in enumerate(shown):
        axes = panel_at(figure, rows, columns, place)
        _draw_panel(axes, view, effect, limits, _DRAWN // len(shown))
        side(axes, limits, first=place % columns == 0)
    name_side(figure, rows)
    return figure


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
    draw(axes, trial_marks(spots, limits, 1, BAND, most))
    bottom(axes, places)
    head(axes, effect.title, counted(len(effect.trials), "trial") + places.limits.note)
