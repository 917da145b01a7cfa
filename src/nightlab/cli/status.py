"""`nightlab status`: where the campaign stands, once or as long as it is run."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from nightlab.cli.find import Json, Tag, find_campaign, find_study, print_json
from nightlab.cli.output import open_console, print_line, wants_drawing

if TYPE_CHECKING:
    from nightlab.report.terminal.watch import Show
    from nightlab.study import Study


def status(
    tag: Tag = None,
    as_json: Json = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on showing it until the session ends.")
    ] = False,
    every: Annotated[
        float, typer.Option("--every", min=0.1, help="With --watch: look every so many seconds.")
    ] = 1.0,
) -> None:
    """Say where the campaign stands: baseline, incumbent, verdicts, time."""
    from nightlab.report.status import status as status_of
    from nightlab.report.status import status_lines

    if watch:
        _watch(find_study(), tag, as_json, every)
        return
    study, campaign = find_campaign(tag)
    told = status_of(study, campaign)
    if as_json:
        print_json(told)
        return
    for line in status_lines(told, campaign.history):
        print_line(line)


def _watch(study: Study, tag: str | None, as_json: bool, every: float) -> None:
    """Watch until the session ends, or the user does."""
    from nightlab.report.terminal.watch import watch

    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    show = _show(study, as_json)
    try:
        why = watch(study, tag, show, every)
        show.say(f"stopped: {why}")
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    finally:
        show.close()


def _show(study: Study, as_json: bool) -> Show:
    from nightlab.report.terminal.watch import InJson, InLines, InPlace

    if as_json:
        return InJson(study, print_line)
    if wants_drawing():
        return InPlace(open_console())
    return InLines(study, print_line)
