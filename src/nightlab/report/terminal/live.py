"""The live view of a campaign in a terminal: what runs now, what was decided, how it stands."""

from __future__ import annotations

import time
from collections import deque

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from nightlab.campaign import Campaign
from nightlab.program.quantity import format_seconds
from nightlab.remember.events import ChangeRefused, Event, TrialSettled
from nightlab.report.status import improvement_text
from nightlab.types import Decision, Progress, Run

_STYLES = {"keep": "bold green", "discard": "dim", "crash": "red", "refused": "dim"}


class LiveView:
    """Redraws in place, a few times a second; leaves its last frame behind."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.campaign: Campaign | None = None
        self.recent: deque[tuple[str, str]] = deque(maxlen=8)
        self.at: dict[int, Progress] = {}
        self.live = Live(
            console=console, get_renderable=self._draw, refresh_per_second=4, transient=False
        )

    def begin(self, campaign: Campaign) -> None:
        """Start drawing."""
        self.campaign = campaign
        for trial in [campaign.state.trial(n) for n in campaign.state.order[-4:]]:
            if trial.verdict:
                self._remember(trial.number, trial.verdict.decision.value, trial.verdict.reason)
        self.live.start()

    def event(self, event: Event) -> None:
        """Take an event in."""
        if isinstance(event, TrialSettled):
            self._remember(event.trial, event.decision, event.reason)
        elif isinstance(event, ChangeRefused):
            self.recent.append(("refused", f"refused  {event.summary}: {event.reason}"))
        self.live.refresh()

    def progress(self, progress: Progress) -> None:
        """Take a run's progress in."""
        self.at[progress.run] = progress

    def end(self, why: str) -> None:
        """Draw the last frame and say why it stopped."""
        self.live.stop()
        self.console.print(f"Stopped: {why}.", highlight=False)

    def close(self) -> None:
        """Give the terminal back, whatever happened."""
        self.live.stop()

    def _remember(self, number: int, decision: str, reason: str) -> None:
        assert self.campaign is not None
        summary = self.campaign.state.trial(number).summary
        self.recent.append((decision, f"trial {number:<4} {decision:<8} {summary}: {reason}"))

    def _draw(self) -> RenderableType:
        if self.campaign is None:
            return Text("")
        lines = [
            Text(text, style=_STYLES[kind], no_wrap=True, overflow="ellipsis")
            for kind, text in list(self.recent)
        ]
        return Group(self._headline(), *lines, self._in_flight())

    def _headline(self) -> RenderableType:
        assert self.campaign is not None
        record, history = self.campaign.state, self.campaign.history
        counts = ", ".join(f"{record.decisions[d]} {d.value}" for d in Decision)
        spent = format_seconds(record.active_seconds(time.time(), running=True))
        first = Text(f"{self.campaign.tag}  {history.metric} ", style="bold", no_wrap=True)
        first.overflow = "ellipsis"
        first.append(improvement_text(history), style="bold cyan")
        second = Text(
            f"{record.settled} trials: {counts}; {record.runs} runs; {spent}",
            style="dim",
            no_wrap=True,
        )
        second.overflow = "ellipsis"
        return Group(first, second)

    def _in_flight(self) -> RenderableType:
        assert self.campaign is not None
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True)
        table.add_column(width=24)
        table.add_column(no_wrap=True, overflow="ellipsis")
        record = self.campaign.state
        for number, trial in sorted(record.run_trial.items()):
            run = next(r for r in record.trial(trial).runs if r.number == number)
            table.add_row(*self._row(run, record.trial(trial).summary))
        return table

    def _row(self, run: Run, summary: str) -> tuple[RenderableType, ...]:
        progress = self.at.get(run.number)
        fraction = progress.fraction if progress else None
        bar = ProgressBar(total=1.0, completed=fraction or 0.0, width=24, pulse=fraction is None)
        values = progress.values.items() if progress else ()
        said = " ".join(f"{name}={value:.4g}" for name, value in values)
        name = "baseline" if run.trial == 0 else f"trial {run.trial}"
        spent = format_seconds(max(0.0, time.time() - run.started))
        label = Text(f"{name} seed {run.seed}", no_wrap=True)
        if self.console.width < 60:
            return label, Text(f"{fraction or 0.0:.0%}"), Text(spent)
        return label, bar, Text(f"{spent}  {said or summary}")
