"""The first two lines of what a terminal shows: where the metric stands, and what it took."""

from __future__ import annotations

from rich.text import Text

from nightlab.report.cost import price_text
from nightlab.report.status import improvement
from nightlab.report.terminal.pace import clock
from nightlab.report.terminal.pen import Pen
from nightlab.report.terminal.scene import Scene
from nightlab.types import Decision, History


def headline(scene: Scene, width: int, pen: Pen) -> Text:
    """Campaign, metric, baseline -> incumbent, percent, what fresh seeds say: as much as fits."""
    tag, told = pen.clean(scene.tag, 60), _standing(scene.history, pen)
    if scene.confirmed:
        told = [*(f"{words}, {scene.confirmed}" for words in told), *told]
    fitting = (words for words in told if len(tag) + 2 + len(words) <= width)
    line = Text(pen.clip(tag, width), style="bold")
    room = max(0, width - line.cell_len)
    return line.append(pen.clip(f"  {next(fitting, told[-1])}", room), "cyan")


def _standing(history: History, pen: Pen) -> list[str]:
    """Where the metric stands, the longest way to say it first."""
    metric = pen.clean(history.metric, 60)
    anchor, best = history.estimate(history.baseline), history.estimate(history.incumbent)
    if anchor is None or best is None:
        return [f"{metric} is not measured yet", "not measured yet"]
    if set(history.seeds) - set(history.baseline.values(history.metric)):
        return [f"{metric} {anchor:.6g}, the baseline so far", f"{metric} {anchor:.6g}"]
    if history.incumbent.number == 0:
        told = [f"{metric} no improvement yet over the baseline's {anchor:.6g}"]
        return [*told, f"{metric} {anchor:.6g}, no improvement yet", f"{metric} {anchor:.6g}"]
    gain, share = improvement(history)
    percent = f"{gain:.4g} better" if share is None else f"{share:.2f}%"
    moved = f"{metric} {anchor:.6g} -> {best:.6g}"
    told = [] if share is None else [f"{moved} ({gain:.4g} better, {percent})"]
    told += [f"{moved} ({percent})", f"{metric} {anchor:.4g} -> {best:.4g} ({percent})"]
    return [*told, f"{anchor:.4g} -> {best:.4g} ({percent})", f"{best:.4g}"]


def counts_line(scene: Scene, width: int, pen: Pen, now: float) -> Text:
    """Verdicts, refusals, runs, time at work."""
    at_work = scene.running and not scene.stopped
    spent = scene.busy + (max(0.0, now - scene.at) if at_work else 0.0)
    trials = "1 trial" if scene.settled == 1 else f"{scene.settled} trials"
    counts = [f"{scene.counts[decision]} {decision.value}" for decision in Decision]
    refused = [f"{scene.refused} refused"] if scene.refused else []
    effort = ["1 run" if scene.runs == 1 else f"{scene.runs} runs", clock(spent)]
    effort += [price_text(scene.spent)] if scene.spent.calls else []
    words = [
        pen.between.join([*([said] if scene.settled else []), *more, *effort])
        for said in (f"{trials}: {', '.join(counts)}", f"{trials}, {counts[0]}")
        for more in (refused, [])
    ]
    fitting = (line for line in words if len(line) <= width)
    return Text(pen.clip(next(fitting, words[-1]), width), style="dim")
