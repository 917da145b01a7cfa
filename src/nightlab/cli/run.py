"""`nightlab run`: start a campaign, or go on with it."""

from __future__ import annotations

import json
import signal
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from nightlab.cli.find import Tag, find_study

if TYPE_CHECKING:
    from nightlab.campaign import Campaign
    from nightlab.loop import Stop
    from nightlab.remember.events import Event
    from nightlab.study import Study
    from nightlab.types import Progress


class StoppedAtOnce(BaseException):
    """The second signal: no clean-up but the runner's own."""


class View(Protocol):
    """Follows a session."""

    def begin(self, campaign: Campaign) -> None: ...
    def event(self, event: Event) -> None: ...
    def progress(self, progress: Progress) -> None: ...
    def end(self, why: str) -> None: ...


class JsonLines:
    """A line of JSON per event."""

    def begin(self, campaign: Campaign) -> None:
        self.tag = campaign.tag

    def event(self, event: Event) -> None:
        self._say({"event": event.kind, "campaign": self.tag, "at": time.time(), **asdict(event)})

    def progress(self, progress: Progress) -> None:
        self._say({"event": "progress", "campaign": self.tag, **asdict(progress)})

    def end(self, why: str) -> None:
        self._say({"event": "end", "campaign": self.tag, "why": why})

    def _say(self, data: dict[str, Any]) -> None:
        print(json.dumps(data), flush=True)


class Silence:
    """Says nothing."""

    def begin(self, campaign: Campaign) -> None:
        """Nothing."""

    def event(self, event: Event) -> None:
        """Nothing."""

    def progress(self, progress: Progress) -> None:
        """Nothing."""

    def end(self, why: str) -> None:
        """Nothing."""


def run(
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials", min=0, help="This many more trials; 0 measures the baseline only."
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Stop at this time, as 05:00.")
    ] = None,
    tag: Tag = None,
    new: Annotated[bool, typer.Option("--new", help="Begin a new campaign.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen; touch nothing.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON per event.")] = False,
) -> None:
    """Start a campaign, or go on with the last one.

    Ctrl-C once stops cleanly, twice at once; either way nothing is lost, and `run` goes on.
    """
    study = find_study()
    _check_time(until)
    if dry_run:
        _plan(study, tag, new, trials)
        return
    view = _view(quiet, as_json)
    handlers: list[Any] = []
    try:
        _, why = study.run(
            tag=tag,
            new=new,
            trials=trials,
            until=until,
            on_campaign=view.begin,
            on_event=view.event,
            on_progress=view.progress,
            on_stop=lambda stop: handlers.extend(_catch_signals(stop)),
        )
        view.end(why)
    finally:
        for number, handler in handlers:
            signal.signal(number, handler)
        close = getattr(view, "close", None)
        if close:
            close()


def _check_time(until: str | None) -> None:
    from pydantic import ValidationError

    from nightlab.loop import StopSettings

    try:
        StopSettings(at=until)
    except ValidationError:
        raise typer.BadParameter(f"{until!r} is not a time; write it as 05:00") from None


def _view(quiet: bool, as_json: bool) -> View:
    if as_json:
        return JsonLines()
    if quiet:
        return Silence()
    if sys.stdout.isatty():
        from rich.console import Console

        from nightlab.report.live import LiveView

        return LiveView(Console())
    from nightlab.report.lines import Lines

    return Lines(lambda line: print(line, flush=True))


def _catch_signals(stop: Stop) -> list[tuple[int, Any]]:
    """The first signal asks for a clean end, the second ends at once."""

    def ask(number: int, _: object) -> None:
        if stop.requested:
            raise StoppedAtOnce("stopped at once, by a second signal")
        stop.request(f"interrupted by {signal.Signals(number).name}")

    caught = (signal.SIGINT, signal.SIGTERM)
    return [(number, signal.signal(number, ask)) for number in caught]


def _plan(study: Study, tag: str | None, new: bool, trials: int | None) -> None:
    from nightlab.cli.check import print_config

    known = study.tags()
    chosen = tag or (known[-1] if known and not new else None)
    going_on = chosen in known
    if going_on:
        campaign = study.campaign(str(chosen))
        study.check_continues(campaign)
        typer.echo(f"would go on with {chosen} at trial {len(campaign.record_of.trials) + 1}")
    else:
        typer.echo("would begin a new campaign" + (f", {chosen}" if chosen else ""))
        seeds = ", ".join(map(str, study.settings.run.seeds))
        typer.echo(f"would measure the baseline on seeds {seeds}")
    limit = study.settings.stop.trials if trials is None else trials
    typer.echo(f"would try {'any number of' if limit is None else limit} trials, then stop")
    print_config(study, chosen or study.next_tag())
