"""`nightlab show N`: one trial, with its evidence."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nightlab.cli.find import Json, Tag, find_campaign, print_json
from nightlab.types import NightlabError


def show(
    number: Annotated[int, typer.Argument(help="The trial; 0 is the baseline.", min=0)],
    tag: Tag = None,
    as_json: Json = False,
) -> None:
    """Show one trial: what was changed, its runs, the verdict and the evidence for it."""
    from nightlab.report.status import show as show_of

    _, campaign = find_campaign(tag)
    try:
        trial = campaign.state.trial(number)
    except IndexError:
        last = len(campaign.state.trials)
        there = f"trials 1 to {last}" if last else "only the baseline, 0"
        raise NightlabError(
            f"there is no trial {number}; campaign {campaign.tag} has {there}"
        ) from None
    told = show_of(campaign.history, trial)
    if as_json:
        print_json(told)
        return
    _print(told, campaign.history.metric)


def _print(told: dict[str, Any], metric: str) -> None:
    by = f" [{told['emitter']}]" if told["emitter"] else ""
    typer.echo(f"trial {told['trial']}: {told['summary']}{by}")
    if told["hypothesis"]:
        typer.echo(f"hypothesis: {told['hypothesis']}")
    typer.echo(f"commit {told['commit'][:12]}, built on {told['parent'][:12] or 'nothing'}")
    if told["verdict"]:
        typer.echo(f"verdict: {told['verdict']}, by {told['rule']}: {told['reason']}")
    elif told["trial"]:
        typer.echo("verdict: open")
    for run in told["runs"]:
        value = run["metrics"].get(metric)
        shown = f"{metric} {value:.6g}" if value is not None else run["detail"] or "no metric"
        seed = "" if run["seed"] is None else f" seed {run['seed']}"
        typer.echo(
            f"  run {run['run']} ({run['purpose']}){seed}: {run['outcome']}, {shown},"
            f" {run['seconds']:.1f} s, {run['log'] or 'no log'}"
        )
    _print_evidence(told["evidence"])
    if told["diff"]:
        typer.echo("")
        typer.echo(told["diff"].rstrip())


def _print_evidence(evidence: dict[str, Any]) -> None:
    if "differences" not in evidence:
        return
    against = evidence["against"]
    typer.echo(f"evidence, against {'the baseline' if against == 0 else f'trial {against}'}:")
    for seed, difference in evidence["differences"].items():
        typer.echo(f"  seed {seed}: {difference:+.6g}")
    error = evidence["standard_error"]
    told = "unknown" if error is None else f"{error:.6g}"
    source = evidence.get("noise_from", "the baseline's seeds")
    typer.echo(f"  gain {evidence['gain']:.6g}, standard error {told} (noise from {source})")
    if evidence["statistic"] is not None and evidence["boundary"] is not None:
        typer.echo(
            f"  statistic {evidence['statistic']:.2f}, boundary {evidence['boundary']:.2f}"
            f" ({evidence['degrees_of_freedom']} degrees of freedom)"
        )
