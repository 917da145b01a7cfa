"""`nightlab try`: the edits in the checkout, measured as a trial."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightlab.cli.find import Json, Tag, find_study, print_json
from nightlab.cli.output import print_line
from nightlab.cli.signals import Signals
from nightlab.types import NightlabError, Wish

if TYPE_CHECKING:
    from nightlab.remember.wishes import Fate
    from nightlab.study import Study

_NEXT = {
    "keep": "It is the best now: `git reset --hard {branch}` on a branch of your own begins there.",
    "discard": "The best is as it was; the diff is kept (`nightlab show {trial}`).",
    "crash": "The best is as it was; the log above says why it failed.",
}


def try_edits(
    message: Annotated[
        str, typer.Option("--message", "-m", help="What the edit does, on one line.")
    ],
    hypothesis: Annotated[
        str, typer.Option("--hypothesis", help="Why it should be better, and what would show it.")
    ] = "",
    emitter: Annotated[
        str, typer.Option("--by", help="Who had the idea, for the record.")
    ] = "human",
    tag: Tag = None,
    as_json: Json = False,
) -> None:
    """Measure the edits in this checkout as a trial, and print the verdict and why.

    Their difference to the checkout's own HEAD is applied to the best so far; the checkout itself
    is left alone. The baseline is measured first where it was not. Where a session is running, it
    tries them next.
    """
    from nightlab.tryout import wish_of_checkout

    study = find_study()
    if not message.strip():
        raise NightlabError('say what the edit does: `nightlab try -m "shorter warm-up"`')
    wish = wish_of_checkout(study, message, hypothesis, emitter)
    fate = _see_through(study, wish, tag, as_json)
    if not fate.trial:
        raise NightlabError(f"not tried: {fate.why}")
    told, branch, metric = _review(study, fate)
    if as_json:
        print_json(told)
    else:
        _print(told, branch, metric)
    if told["verdict"] is None:
        raise NightlabError(f"interrupted; `nightlab run` goes on with trial {fate.trial}")


def _see_through(study: Study, wish: Wish, tag: str | None, quiet: bool) -> Fate:
    from nightlab.report.terminal.lines import Lines
    from nightlab.report.terminal.session import Session
    from nightlab.report.terminal.view import WhileItLasts
    from nightlab.tryout import carry_out

    signals = Signals()
    session = Session(study, WhileItLasts(None if quiet else Lines(print_line)))

    def on_stop(stop: Any) -> None:
        signals.catch(stop.request)
        session.begin(stop)

    try:
        return carry_out(
            study,
            wish,
            tag,
            _Once(),
            on_campaign=session.take_up,
            on_event=session.event,
            on_progress=session.view.progress,
            on_stop=on_stop,
        )
    finally:
        signals.release()
        session.view.close()


class _Once:
    """Says why it waits, once."""

    def __init__(self) -> None:
        self.said = ""

    def __call__(self, why: str) -> None:
        if why != self.said:
            self.said = why
            print(f"nightlab: {why}", file=sys.stderr, flush=True)


def _review(study: Study, fate: Fate) -> tuple[dict[str, Any], str, str]:
    from nightlab.report.status import show

    campaign = study.campaign(fate.campaign)
    trial = campaign.state.trial(fate.trial)
    told = show(campaign.history, trial, study.rooms.judge(), record=campaign.state)
    campaign.ledger.close()
    return told, campaign.branch, campaign.history.metric


def _print(told: dict[str, Any], branch: str, metric: str) -> None:
    from nightlab.report.trial import trial_lines

    print_line("")
    for line in trial_lines(told, metric):
        print_line(line)
    if said := _NEXT.get(told["verdict"] or ""):
        print_line(said.format(branch=branch, trial=told["trial"]))
