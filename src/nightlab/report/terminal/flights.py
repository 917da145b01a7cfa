"""The runs in flight, a line each: how far, what they say, what is left of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

from nightlab.report.terminal.pace import clock, seconds_a_run, seconds_left
from nightlab.report.terminal.pen import Pen
from nightlab.report.terminal.scene import Scene
from nightlab.types import Progress, Purpose, Run, Trial

_PERCENT, _WORDS = 5, 8

_PURPOSES = {
    Purpose.REPLICATE: " again",
    Purpose.CONFIRM: " confirm",
    Purpose.VALIDATE: " validate",
}


@dataclass(frozen=True)
class _Flight:
    """One run as it is told. `guessed` where it says nothing and only its time speaks."""

    name: str
    fraction: float | None
    guessed: bool
    time: str
    words: str


def flight_lines(
    scene: Scene, said: Mapping[int, Progress], size: tuple[int, int], pen: Pen, now: float
) -> list[Text]:
    """At most `size` (columns, rows)."""
    width, height = size
    if not scene.flights:
        idle = scene.running and not scene.stopped
        return [Text(pen.clip(_idle(scene, now), width), style="dim")] if idle else []
    shown = scene.flights if len(scene.flights) <= height else scene.flights[: max(1, height - 1)]
    typical = seconds_a_run((scene.history.baseline, *scene.recent))
    flights = [
        _flight(trial, run, said.get(run.number), typical, now, width < 60, pen)
        for trial, run in shown
    ]
    lines = _lines(flights, width, pen)
    hidden = len(scene.flights) - len(shown)
    if hidden and height > 1:
        lines.append(Text(pen.clip(f"and {hidden} more in flight", width), style="dim"))
    return lines


def _idle(scene: Scene, now: float) -> str:
    """What goes on while nothing runs."""
    if scene.asking is None:
        return "no run in flight"
    trial, since = scene.asking
    what = f"trial {trial}" if trial > scene.opened else f"a fix of trial {trial}"
    return f"asking for {what}, {clock(max(0.0, now - since))}"


def _flight(
    trial: Trial,
    run: Run,
    progress: Progress | None,
    typical: float | None,
    now: float,
    brief: bool,
    pen: Pen,
) -> _Flight:
    """A run that says nothing of its progress is as far as its time says, by what runs take."""
    fraction = progress.fraction if progress else None
    spent, left = max(0.0, now - run.started), seconds_left(run, fraction, typical, now)
    guessed = fraction is None
    if fraction is None and typical:
        fraction = min(0.99, spent / typical)
    time = clock(spent)
    if left >= 1:
        time = f"~{clock(left)} left" if brief else f"{time}, ~{clock(left)} left"
    name = f"trial {run.trial}" if run.trial else "baseline"
    what = _PURPOSES.get(run.purpose, "")
    return _Flight(
        f"{name}{what} seed {run.seed}", fraction, guessed, time, _words(trial, progress, pen)
    )


def _words(trial: Trial, progress: Progress | None, pen: Pen) -> str:
    """What the run says of itself, then what is tried."""
    values = list(progress.values.items())[:8] if progress else []
    said = " ".join(f"{pen.clean(name, 40)}={value:.5g}" for name, value in values)
    tried = pen.clean(trial.summary) if trial.number else ""
    return "  ".join(part for part in (said, tried) if part)


def _lines(flights: Sequence[_Flight], width: int, pen: Pen) -> list[Text]:
    """In columns. The bar goes first where there is no room."""
    names = max(len(flight.name) for flight in flights)
    times = max(len(flight.time) for flight in flights)
    bar = min(30, width // 5, width - names - times - _PERCENT - 3)
    lines = []
    for flight in flights:
        line = Text(pen.clip(flight.name.ljust(names), width))
        _append_bar(line, flight, bar if bar >= 4 else 0, width, pen)
        line.append(pen.clip(f" {flight.time.ljust(times)}", max(0, width - line.cell_len)))
        if flight.words and width - line.cell_len >= _WORDS:
            line.append(pen.clip(f"  {flight.words}", width - line.cell_len))
        line.rstrip()
        lines.append(line)
    return lines


def _append_bar(line: Text, flight: _Flight, bar: int, width: int, pen: Pen) -> None:
    """The bar and its percent: dim and marked `~` where they are guessed."""
    if width - line.cell_len < bar + _PERCENT + 1:
        return
    done, rest = pen.bar(flight.fraction or 0.0, bar)
    line.append(" " + done, "dim cyan" if flight.guessed else "cyan").append(rest, "dim")
    sign = "~" if flight.guessed else ""
    percent = "" if flight.fraction is None else f"{sign}{flight.fraction:.0%}"
    line.append(percent.rjust(_PERCENT), "dim" if flight.guessed else "")
