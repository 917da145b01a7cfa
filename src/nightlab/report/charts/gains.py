"""The chart of gains, for campaigns that move no parameter: the best and the worst trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nightlab.report.charts.limits import Limits, near_best
from nightlab.report.charts.marks import COLOURS, INK, Marks, dots
from nightlab.report.charts.page import LEFT, WIDE, draw, page, panel, say, scale
from nightlab.report.charts.view import View, decision
from nightlab.report.charts.wording import cut, width
from nightlab.report.markdown import counted
from nightlab.types import Decision, Trial, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENDS = 15
"""How many of the best and of the worst trials are shown."""
_ROW, _SIDE, _VALUES, _SIZE, _BOTTOM = 16.5, 250.0, 70.0, 7.5, 38.0


def ranking(view: View) -> list[Trial]:
    """The trials that have a gain, the largest first."""
    having = [trial for trial in view.settled if trial.number in view.gains]
    return sorted(having, key=lambda trial: (-view.gains[trial.number], trial.number))


def draw_gains(view: View) -> Figure:
    """Draw a bar for each of the trials that gained most and least."""
    ranked = ranking(view)
    left_out = max(0, len(ranked) - 2 * ENDS)
    shown = [*ranked[:ENDS], None, *ranked[-ENDS:]] if left_out else list(ranked)
    high = _ROW * max(5, len(shown))
    kinds = (Decision.KEEP, Decision.DISCARD)
    legend = [Marks(kind.value, [], dots(COLOURS[kind], 4.5)) for kind in kinds if shown]
    figure = page(_BOTTOM + high, view.title, _told(view, ranked), legend)
    axes = panel(figure, LEFT + _SIDE, _BOTTOM, WIDE - LEFT - _VALUES, _BOTTOM + high)
    if not shown:
        say(axes, "no trial has a gain to show")
        return figure
    limits = near_best(0.0, [view.gains[trial.number] for trial in shown if trial], 1)
    _draw_bars(axes, view, limits, {row: t for row, t in enumerate(shown) if t})
    _write_rows(axes, view, shown, f"⋮  {left_out:,} between")
    scale(axes, "x", limits, 6)
    axes.set(xlabel="gain over the baseline (higher is better)", ylim=(high / _ROW - 0.4, -0.6))
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    return figure


def _told(view: View, ranked: Sequence[Trial]) -> list[str]:
    told = [counted(len(ranked), "trial") + " with a gain, and none that moved a parameter"]
    if len(ranked) > 2 * ENDS:
        told.append(f"the best {ENDS} and the worst {ENDS} are shown")
    if view.count(Decision.CRASH):
        told.append(f"{view.count(Decision.CRASH):,} crashed")
    return [f"What trials gained over the baseline in {view.metric}", "; ".join(told)]


def _draw_bars(axes: Axes, view: View, limits: Limits, rows: Mapping[int, Trial]) -> None:
    """A bar a trial; one that goes off the chart ends in an arrow."""
    gains = {row: view.gains[trial.number] for row, trial in rows.items()}
    colours = [COLOURS[decision(trial) or Decision.DISCARD] for trial in rows.values()]
    axes.barh(list(gains), [limits.clip(gain) for gain in gains.values()], 0.55, color=colours)
    axes.axvline(0, color=INK, linewidth=0.7)
    beyond = [(limits.at(0.01), float(row)) for row, g in gains.items() if not limits.holds(g)]
    draw(axes, [Marks("", beyond, dots("white", 4.0, "<"))])


def _write_rows(axes: Axes, view: View, shown: Sequence[Trial | None], between: str) -> None:
    """Beside each bar which change it was, and its gain; in the middle what is left out."""
    style: dict[str, Any] = {"size": _SIZE, "color": INK}
    axes.set_yticks(range(len(shown)), [_name(t) if t else between for t in shown], **style)
    style |= {"va": "center_baseline", "transform": axes.get_yaxis_transform()}
    for row, trial in enumerate(shown):
        if trial:
            axes.text(1.02, row, f"{view.gains[trial.number]:+.4g}", **style)


def _name(trial: Trial) -> str:
    number = f" (trial {trial.number:,})"
    return cut(one_line(trial.summary), _SIDE - 8 - width(number, _SIZE), _SIZE) + number
