"""Where a campaign stands, as lines of a terminal: whatever its size, they fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text

from nightlab.report.terminal.ahead import ahead
from nightlab.report.terminal.flights import flight_lines
from nightlab.report.terminal.headline import counts_line, headline
from nightlab.report.terminal.pen import Pen
from nightlab.report.terminal.plot import plot, row_of
from nightlab.report.terminal.scene import Scene, Told
from nightlab.types import Progress

_STYLES = {"keep": "green", "discard": "dim", "crash": "red", "refused": "dim", "demoted": "yellow"}
_LOW, _ROOMY, _TALL = 10, 20, 45
_FEW = 4


def block(
    scene: Scene,
    said: Mapping[int, Progress],
    size: tuple[int, int],
    pen: Pen,
    now: float,
    footer: str | None = None,
) -> list[Text]:
    """At most `size` (columns, rows). `said` is the progress of runs, `footer` replaces what is
    left to do. Too few rows take away the plot first, then the older verdicts.
    """
    width, height = size
    air = 1 if height >= _ROOMY else 0
    head = [headline(scene, width, pen)]
    head += [counts_line(scene, width, pen, now)] if height > 3 else []
    last = _footer(scene, width, pen, now, footer)[: 1 if height < _LOW else 2]
    flying = max(1, (height - len(head) - len(last)) // 2)
    flights = flight_lines(scene, said, (width, flying), pen, now) if height > 2 else []
    rows = height - len(head) - len(flights) - len(last) - 2 * air
    drawn = _plot(scene, (width, 10 if height >= _TALL else 6), pen)
    wanted = min(len(scene.told), _FEW) + (air if scene.told else 0)
    drawn = drawn if air and rows - len(drawn) - air >= wanted else []
    rows -= len(drawn) + (air if drawn else 0) + (air if scene.told else 0)
    told = [_verdict(t, width, pen) for t in scene.told[: max(0, min(rows, max(8, height // 3)))]]
    parts = [head, drawn, flights, told, last]
    return _stacked(parts, air)[:height]


def _stacked(parts: Sequence[Sequence[Text]], air: int) -> list[Text]:
    """Parts one below the other, with a line between them where there is room."""
    lines: list[Text] = []
    for part in parts:
        if lines and part:
            lines += [Text()] * air
        lines += part
    return lines


def _plot(scene: Scene, size: tuple[int, int], pen: Pen) -> list[Text]:
    """The frontier with its two values beside it; nothing as long as it is flat."""
    width, height = size
    if len(scene.points) < 2:
        return []
    values = [f"{scene.points[0][1]:.5g}", f"{scene.points[-1][1]:.5g}"]
    margin = max(map(len, values)) + 1
    columns = width - margin
    if columns < 16:
        return []
    labels = {row_of(scene.points, scene.points[i][1], height): values[i] for i in (0, -1)}
    drawn = plot(scene.points, max(1, scene.opened), columns, height, pen.ascii)
    lines = []
    for row, curve in enumerate(drawn):
        line = Text(labels.get(row, "").rjust(margin - 1) + " ", style="dim")
        lines.append(line.append(curve, "not dim green"))
    last = f"trial {scene.opened}"
    lines.append(Text(" " * margin + "0".ljust(columns - len(last)) + last, style="dim"))
    return lines


def _verdict(told: Told, width: int, pen: Pen) -> Text:
    """Number, verdict, value, summary, reason: the reason keeps at least half of the words."""
    number = str(told.number) if told.number else "-"
    line = f"{number:>3} {told.kind:<8}"
    if width >= 60:
        line = f"  {line}{'' if told.value is None else f'{told.value:.6g}':<11}"
    rest = width - len(line)
    summary, reason = pen.clean(told.summary) + ": ", pen.clean(told.reason)
    if Text(summary + reason).cell_len > rest:
        summary = pen.clip(summary[:-2], max(rest // 2 - 2, rest - len(reason) - 2)) + ": "
    return Text(pen.clip(line + summary + reason, width), style=_STYLES.get(told.kind, ""))


def _footer(scene: Scene, width: int, pen: Pen, now: float, footer: str | None) -> list[Text]:
    """What is left, in as many lines as it takes."""
    told = ahead(scene, now) if footer is None else [pen.clean(footer)] if footer else []
    lines: list[str] = []
    for part in told:
        joined = f"{lines[-1]}{pen.between}{part}" if lines else part
        if lines and Text(joined).cell_len <= width:
            lines[-1] = joined
        else:
            lines.append(part)
    return [Text(pen.clip(line, width), style="bold") for line in lines]
