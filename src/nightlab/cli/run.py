"""`nightlab run`: start a campaign, or go on with it."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from nightlab.cli.find import Tag, find_study
from nightlab.types import NightlabError

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


class WhileItLasts:
    """A view that falls silent when its terminal or pipe is gone; the session goes on without."""

    def __init__(self, view: View | None) -> None:
        self.view = view

    def begin(self, campaign: Campaign) -> None:
        self._tell("begin", campaign)

    def event(self, event: Event) -> None:
        self._tell("event", event)

    def progress(self, progress: Progress) -> None:
        self._tell("progress", progress)

    def end(self, why: str) -> None:
        self._tell("end", why)

    def close(self) -> None:
        """Give the terminal back, whatever happened."""
        if hasattr(self.view, "close"):
            self._tell("close")

    def _tell(self, what: str, *about: object) -> None:
        if self.view is None:
            return
        try:
            getattr(self.view, what)(*about)
        except OSError:
            self.view = None
            sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115


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
    _check_time(until)
    study = find_study()
    if dry_run:
        _plan(study, tag, new, trials, as_json)
        return
    view = WhileItLasts(_view(quiet, as_json))
    handlers: list[Any] = []
    stops: list[Stop] = []

    def on_stop(stop: Stop) -> None:
        stops.append(stop)
        handlers.extend(_catch_signals(stop))

    try:
        campaign, why = study.run(
            tag=tag,
            new=new,
            trials=trials,
            until=until,
            on_campaign=view.begin,
            on_event=view.event,
            on_progress=view.progress,
            on_stop=on_stop,
        )
        view.end(why)
    finally:
        for number, handler in handlers:
            signal.signal(number, handler)
        view.close()
    if stops[0].requested:
        raise typer.Exit(130)
    if campaign.exhausted and stops[0].settled(campaign) == 0:
        raise NightlabError(campaign.exhausted)


def _check_time(until: str | None) -> None:
    from pydantic import ValidationError

    from nightlab.loop import StopSettings

    try:
        StopSettings(at=until)
    except ValidationError:
        raise typer.BadParameter(f"{until!r} is not a time; write it as 05:00") from None


def _view(quiet: bool, as_json: bool) -> View | None:
    if as_json:
        return JsonLines()
    if quiet:
        return None
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

    caught = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    heard = [number for number in caught if signal.getsignal(number) is not signal.SIG_IGN]
    return [(number, signal.signal(number, ask)) for number in heard]


def _plan(study: Study, tag: str | None, new: bool, trials: int | None, as_json: bool) -> None:
    """Say what a session would do."""
    from nightlab.cli.check import print_config
    from nightlab.cli.find import print_json

    known = study.tags()
    chosen = tag or (known[-1] if known and not new else None)
    going_on = chosen in known
    limit = study.settings.stop.trials if trials is None else trials
    if as_json:
        print_json({"campaign": chosen, "goes_on": going_on, "trials": limit})
        return
    if going_on:
        campaign = study.campaign(str(chosen))
        study.check_continues(campaign)
        typer.echo(f"would go on with {chosen} at trial {len(campaign.state.trials) + 1}")
    else:
        typer.echo("would begin a new campaign" + (f", {chosen}" if chosen else ""))
        seeds = ", ".join(map(str, study.settings.run.seeds))
        typer.echo(f"would measure the baseline on seeds {seeds}")
    stop = study.settings.stop
    ends = [f"at {stop.at}"] if stop.at else []
    ends += [f"after {stop.plateau} trials without a keep"] if stop.plateau else []
    also = f", or stop {' or '.join(ends)}" if ends else ""
    typer.echo(f"would try {'any number of' if limit is None else limit} trials{also}")
    print_config(study, chosen or study.next_tag())
