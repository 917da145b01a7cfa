"""`nightlab show N`: one trial, with its evidence."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nightlab.cli.find import Json, Tag, find_campaign, print_json
from nightlab.cli.output import print_line
from nightlab.types import NightlabError


def show(
    number: Annotated[int, typer.Argument(help="The trial; 0 is the baseline.", min=0)],
    tag: Tag = None,
    as_json: Json = False,
) -> None:
    """Show one trial: what was changed, its runs, the verdict and the evidence for it."""
    from nightlab.report.status import reviews
    from nightlab.report.status import show as show_of

    study, campaign = find_campaign(tag)
    try:
        trial = campaign.state.trial(number)
    except IndexError:
        last = len(campaign.state.trials)
        there = f"trials 1 to {last}" if last else "only the baseline, 0"
        raise NightlabError(
            f"there is no trial {number}; campaign {campaign.tag} has {there}"
        ) from None
    told = show_of(campaign.history, trial, study.rooms.judge(), reviews(campaign))
    if as_json:
        print_json(told)
        return
    _print(told, campaign.history.metric)


def _print(told: dict[str, Any], metric: str) -> None:
    from nightlab.report.evidence import evidence_lines

    by = f" [{told['emitter']}]" if told["emitter"] else ""
    print_line(f"trial {told['trial']}: {told['summary']}{by}")
    if told["hypothesis"]:
        print_line(f"hypothesis: {told['hypothesis']}")
    print_line(f"commit {told['commit'][:12]}, built on {told['parent'][:12] or 'nothing'}")
    if told["verdict"]:
        print_line(f"verdict: {told['verdict']}, by {told['rule']}: {told['reason']}")
    elif told["trial"]:
        print_line("verdict: open")
    for run in told["runs"]:
        value = run["metrics"].get(metric)
        shown = f"{metric} {value:.6g}" if value is not None else run["detail"] or "no metric"
        seed = "" if run["seed"] is None else f" seed {run['seed']}"
        print_line(
            f"  run {run['run']} ({run['purpose']}){seed}: {run['outcome']}, {shown},"
            f" {run['seconds']:.1f} s, {run['log'] or 'no log'}"
        )
    for line in evidence_lines(told):
        print_line(line)
    if told["diff"]:
        print_line("")
        for line in told["diff"].rstrip().splitlines():
            print_line("".join(s if s.isprintable() or s == "\t" else "\ufffd" for s in line))
