"""`nightlab merge`: bring the incumbent into a branch of the user's; asked, never by itself."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from nightlab.cli.find import Json, Tag, find_campaign, print_json
from nightlab.types import NightlabError

if TYPE_CHECKING:
    from nightlab.campaign import Campaign
    from nightlab.change.merge import How, Merge
    from nightlab.study import Study

_FROM_TERMINAL = (signal.SIGINT, signal.SIGHUP)
_FLAGS = "`nightlab merge --squash --yes`, or --rebase --yes; --dry-run only looks"


def merge(
    tag: Tag = None,
    squash: Annotated[
        bool, typer.Option("--squash", help="Merge as one commit on top of the branch.")
    ] = False,
    rebase: Annotated[
        bool, typer.Option("--rebase", help="Merge the kept commits, one after the other.")
    ] = False,
    into: Annotated[
        str | None,
        typer.Option(
            "--into",
            metavar="BRANCH",
            help="The branch; main, master or the checked out one if not given.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen; touch nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what was kept, and merge it into main by squash or rebase, if you say so.

    The branch moves by fast-forward only; nothing is pushed.
    """
    from nightlab.change.merge import How
    from nightlab.report.merging import done_lines, kept_lines, merge_told

    if squash and rebase:
        raise typer.BadParameter("give --squash or --rebase, not both")
    how = How.SQUASH if squash else How.REBASE if rebase else None
    study, campaign = find_campaign(tag)
    asks = sys.stdin.isatty() and not (yes or as_json)
    merging = _open(study, campaign, into)
    if not as_json:
        _say(kept_lines(study, campaign, merging))
    after = None
    if merging is not None and not merging.done:
        if dry_run:
            _look(merging, how, as_json)
        else:
            how = _agree(merging, how, yes, asks)
            with _undisturbed():
                after = merging.land(how) if how else None
    if as_json:
        print_json(merge_told(campaign, merging, how, after, dry_run))
    elif after is not None and merging is not None:
        _say(done_lines(merging, after))


def _open(study: Study, campaign: Campaign, into: str | None) -> Merge | None:
    """The merge, None where the campaign has kept nothing."""
    from nightlab.change.merge import Merge
    from nightlab.change.target import find_target

    history = campaign.history
    if not history.lineage():
        return None
    prefix = campaign.branch.removesuffix(f"/{campaign.tag}")
    campaigns = ("autoresearch", prefix, study.settings.change.branch)
    target = find_target(study.repository, history.baseline.commit, campaigns, into)
    return Merge(study.repository, campaign.branch, history, target, _measured(campaign))


def _measured(campaign: Campaign) -> str:
    """How the campaign's numbers came about, as it was when it began."""
    began = campaign.state.began
    assert began is not None
    run = began.settings.get("run", {})
    what = run.get("evaluate") or run.get("call") or run.get("train")
    budget = f", {began.budget} a run" if began.budget else ""
    change = began.settings.get("change", {})
    code = change.get("block") or set(change.get("files", ())) - {change.get("keys")}
    trusted = run.get("evaluate") or (run.get("call") and not code)
    own = "" if trusted else " The metric is self-reported."
    return f"By `{what}`{budget}.{own} The changes were chosen by these values."


def _say(lines: Sequence[str]) -> None:
    for line in lines:
        typer.echo(line)


def _look(merging: Merge, how: How | None, as_json: bool) -> None:
    """Say what would happen, either way where none was chosen."""
    from nightlab.change.merge import How
    from nightlab.report.merging import would_lines

    for each in (how,) if how else tuple(How):
        try:
            preview = merging.look(each)
        except NightlabError as error:
            if how:
                raise
            if not as_json:
                typer.echo(f"{each.value}: can't be: {error}")
            continue
        if not as_json:
            _say(would_lines(merging, each, preview))


def _agree(merging: Merge, how: How | None, yes: bool, asks: bool) -> How | None:
    """How to merge, None to keep it as it is. Raises NightlabError where nobody can be asked."""
    if how is None and not asks:
        raise NightlabError(f"say how: {_FLAGS}")
    if how is not None and not (yes or asks):
        raise NightlabError(f"there is no terminal to ask on: {_FLAGS}")
    _check(merging, how)
    if yes:
        return how
    try:
        chosen = _sure(merging, how) if how else _choose(merging)
    except typer.Abort:
        _stopped()
    if chosen is None:
        typer.echo("kept as it is; nothing was merged")
    return chosen


def _check(merging: Merge, how: How | None) -> None:
    """Raise NightlabError where it can't be done, or not in any way, before anything is asked."""
    from nightlab.change.merge import How

    wrong: list[NightlabError] = []
    ways = (how,) if how else tuple(How)
    for each in ways:
        try:
            merging.look(each)
        except NightlabError as error:
            wrong.append(error)
    if len(wrong) == len(ways):
        raise wrong[0]


def _sure(merging: Merge, how: How) -> How | None:
    verb = {"squash": "Squash into", "rebase": "Rebase onto"}[how.value]
    return how if typer.confirm(f"{verb} {merging.into}?", default=False) else None


def _choose(merging: Merge) -> How | None:
    from nightlab.change.merge import How

    into, words = merging.into, ("squash", "rebase", "keep")
    question = f"Squash into {into}, rebase onto {into}, or keep as is? (squash, rebase, keep)"
    while True:
        answer = typer.prompt(question, default="keep").strip().lower()
        found = [word for word in words if word.startswith(answer)]
        if answer in ("keep as is", "k", "keep", "no", "n"):
            return None
        if len(found) == 1:
            return How(found[0])
        typer.echo(f"{answer!r} is none of {', '.join(words)}")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No signal from the terminal, here or in git, between the branch and its files."""
    before = [(number, signal.signal(number, signal.SIG_IGN)) for number in _FROM_TERMINAL]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _stopped() -> NoReturn:
    typer.echo("\nnightlab: stopped; nothing was merged", err=True)
    raise typer.Exit(130)
