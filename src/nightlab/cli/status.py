"""`nightlab status`: where the campaign stands."""

from __future__ import annotations

import typer

from nightlab.cli.find import Json, Tag, find_campaign, print_json


def status(tag: Tag = None, as_json: Json = False) -> None:
    """Say where the campaign stands: baseline, incumbent, verdicts, time."""
    from nightlab.program.quantity import format_seconds
    from nightlab.report.status import improvement_text
    from nightlab.report.status import status as status_of

    study, campaign = find_campaign(tag)
    told = status_of(study, campaign)
    if as_json:
        print_json(told)
        return
    verdicts = ", ".join(f"{count} {name}" for name, count in told["verdicts"].items())
    incumbent = told["incumbent"]
    who = f"trial {incumbent['trial']}" if incumbent["trial"] else "the baseline"
    why = f" ({told['why']})" if told["why"] else ""
    typer.echo(f"{told['campaign']}: {told['state']}{why}")
    typer.echo(f"{told['metric']}: {improvement_text(campaign.history)}")
    typer.echo(f"incumbent: {who}, commit {incumbent['commit'][:12]} on {told['branch']}")
    typer.echo(f"trials: {told['trials']} ({verdicts}); {told['refused']} refused")
    typer.echo(f"runs: {told['runs']} in {format_seconds(told['seconds'])}")
    typer.echo(f"ledger: {told['ledger']}")
