"""The history chart: every trial's value, what was kept, and the frontier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nightlab.types import Decision, History, Trial

_LABEL = 34
_COLOURS = {"keep": "#1a7f37", "discard": "#9aa0a6", "crash": "#c5221f", "ink": "#202124"}


def frontier(history: History, trials: Sequence[Trial]) -> list[tuple[int, float]]:
    """The best value so far among the baseline and what was kept, by values and not by status."""
    best = history.estimate(history.baseline)
    points = [] if best is None else [(0, best)]
    for trial in trials:
        kept = trial.verdict is not None and trial.verdict.decision is Decision.KEEP
        value = history.estimate(trial) if kept else None
        better = value is not None and (best is None or history.direction.sign * (value - best) > 0)
        if value is not None and better:
            best = value
            points.append((trial.number, value))
    return points


def draw_history(history: History, title: str, paths: Sequence[Path]) -> None:
    """Draw the chart into each path; the format is its suffix."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    mpl.rcParams["svg.hashsalt"] = "nightlab"
    settled = [trial for trial in history.trials if trial.verdict is not None]
    figure = Figure(figsize=(9.6, 5.4), layout="constrained")
    axes = figure.add_subplot()
    low, high = _range(history, settled)
    for decision in (Decision.DISCARD, Decision.KEEP):
        _scatter(axes, history, settled, decision, (low, high))
    crashes = [t.number for t in settled if t.verdict and t.verdict.decision is Decision.CRASH]
    if crashes:
        at = high if history.direction.sign < 0 else low
        axes.plot(
            crashes,
            [at] * len(crashes),
            "x",
            color=_COLOURS["crash"],
            label=_count("crash", crashes),
        )
    points = frontier(history, settled)
    last = max([1, *(trial.number for trial in settled)])
    if points:
        x = [number for number, _ in points] + [last]
        y = [value for _, value in points] + [points[-1][1]]
        axes.step(x, y, where="post", color=_COLOURS["keep"], linewidth=1.6, label="best so far")
        axes.plot(0, points[0][1], "D", color=_COLOURS["ink"], markersize=6, label="baseline")
    _label(axes, history, points[1:], last)
    axes.set_ylim(low, high)
    axes.set_xlim(-0.5, last + 0.5 + 0.08 * last)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    side = "lower" if history.direction.sign < 0 else "higher"
    axes.set_xlabel("trial (0 is the baseline)")
    axes.set_ylabel(f"{history.metric} ({side} is better)")
    axes.set_title(title or "Campaign", loc="left", fontsize=12)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best", fontsize=8, frameon=False)
    for path in paths:
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)


def _label(axes, history, points, last) -> None:  # type: ignore[no-untyped-def]
    """Say at each new best which change it was, on the side where there is room."""
    for number, value in points:
        text, late = history.trials[number - 1].summary, number > 0.6 * last
        text = text if len(text) <= _LABEL else text[: _LABEL - 1] + "…"
        axes.annotate(
            text,
            (number, value),
            xytext=(-4 if late else 4, -11 if history.direction.sign < 0 else 7),
            ha="right" if late else "left",
            textcoords="offset points",
            fontsize=7.5,
            color=_COLOURS["keep"],
            annotation_clip=True,
        )


def _scatter(axes, history, settled, decision, limits) -> None:  # type: ignore[no-untyped-def]
    chosen = [t for t in settled if t.verdict.decision is decision]
    points = [(t.number, v) for t in chosen if (v := history.estimate(t)) is not None]
    if not points:
        return
    low, high = limits
    name = decision.value
    inside = [(x, y) for x, y in points if low <= y <= high]
    beyond = [(x, low if y < low else high) for x, y in points if not low <= y <= high]
    style = {"color": _COLOURS[name], "zorder": 3, "clip_on": False}
    if inside:
        size = 46 if decision is Decision.KEEP else 22
        axes.scatter(*zip(*inside, strict=True), s=size, label=_count(name, inside), **style)
    if beyond:
        marker = "^" if history.direction.sign < 0 else "v"
        label = f"{name}, off the chart ({len(beyond)})"
        axes.scatter(*zip(*beyond, strict=True), s=18, marker=marker, label=label, **style)


def _count(name: str, items: Sequence[object]) -> str:
    return f"{name} ({len(items)})"


def _range(history: History, settled: Sequence[Trial]) -> tuple[float, float]:
    """Limits that show what is near the best: far losers are drawn at the edge."""
    values = [v for t in [history.baseline, *settled] if (v := history.estimate(t)) is not None]
    if not values:
        return 0.0, 1.0
    anchor = history.estimate(history.baseline)
    base = values[0] if anchor is None else anchor
    sign = history.direction.sign
    best = max(values, key=lambda value: sign * value)
    worst = min(values, key=lambda value: sign * value)
    reach = max(abs(best - base), 1e-12 * abs(base), 1e-300)
    limit = base - sign * 1.5 * reach if abs(worst - base) > 3 * reach else worst
    edges = sorted((best, limit, base))
    pad = 0.09 * ((edges[-1] - edges[0]) or max(abs(base) * 0.01, 1e-12))
    return edges[0] - pad, edges[-1] + pad
