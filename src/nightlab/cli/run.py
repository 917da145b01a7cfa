"""`nightlab run`: start a campaign, or go on with it."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from nightlab.cli.find import Tag, find_study
from nightlab.cli.output import hushed, open_console, print_line, wants_drawing
from nightlab.cli.signals import Signals, StoppedAtOnce
from nightlab.types import NightlabError

if TYPE_CHECKING:
    from nightlab.report.terminal.session import Session
    from nightlab.report.terminal.view import View
    from nightlab.stop import Stop
    from nightlab.study import Study

__all__ = ["StoppedAtOnce", "run"]


def run(
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials", min=0, help="This many more trials; 0 measures the baseline only."
        ),
    ] = None,
    runs: Annotated[
        int | None, typer.Option("--runs", min=1, help="At most this many more runs, in all.")
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
    from nightlab.report.terminal.session import Session
    from nightlab.report.terminal.view import WhileItLasts

    _check_time(until)
    study = find_study()
    if dry_run:
        _plan(study, tag, new, trials, as_json)
        return
    session = Session(study, WhileItLasts(_view(quiet, as_json)))
    signals = Signals()
    trouble: Exception | None = None
    unwritten: list[str] = []

    def on_stop(stop: Stop) -> None:
        signals.catch(stop.request)
        session.begin(stop)

    try:
        try:
            _complain(_unconfined(study))
            _, why = study.run(
                tag=tag,
                new=new,
                trials=trials,
                runs=runs,
                until=until,
                on_campaign=session.take_up,
                on_event=session.event,
                on_progress=session.view.progress,
                on_stop=on_stop,
            )
        except Exception as error:
            trouble = error
        unwritten = _write_reports(session, signals)
        if trouble is None:
            session.view.end(why)
    finally:
        signals.release()
        session.view.close()
        _complain(unwritten)
    _leave(session, signals, trouble, unwritten)


def _write_reports(session: Session, signals: Signals) -> list[str]:
    """Whatever ended the session. A signal lets the writing be finished, a second one doesn't."""
    if not session.learned:
        return []
    signals.catch(lambda _: None)
    with hushed():
        return session.write_reports()


def _complain(lines: list[str]) -> None:
    with suppress(OSError):  # the terminal may be gone
        for line in lines:
            print(f"nightlab: {line}", file=sys.stderr)


def _unconfined(study: Study) -> list[str]:
    """A word where a sandbox is wanted and none works here: a night without one is a choice."""
    run = study.settings.run
    if run.isolation != "auto" or run.where != "local" or study.rooms.sandbox.name != "none":
        return []
    why = "; ".join(study.rooms.sandbox.passed_over)
    return [f"no sandbox works here ({why}); runs are not confined, and the report says so"]


def _leave(
    session: Session, signals: Signals, trouble: Exception | None, unwritten: list[str]
) -> None:
    """Leave with the exit status of what went wrong first."""
    if trouble is not None:
        raise trouble
    if signals.heard:
        raise typer.Exit(130)
    if session.ran_dry:
        raise NightlabError(session.ran_dry)
    if unwritten:
        raise typer.Exit(1)


def _check_time(until: str | None) -> None:
    from pydantic import ValidationError

    from nightlab.stop import StopSettings

    try:
        StopSettings(at=until)
    except ValidationError:
        raise typer.BadParameter(f"{until!r} is not a time; write it as 05:00") from None


def _view(quiet: bool, as_json: bool) -> View | None:
    if as_json:
        from nightlab.report.terminal.json_lines import JsonLines

        return JsonLines(print_line)
    if quiet:
        return None
    if wants_drawing():
        from nightlab.report.terminal.live import LiveView

        return LiveView(open_console())
    from nightlab.report.terminal.lines import Lines

    return Lines(print_line)


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
