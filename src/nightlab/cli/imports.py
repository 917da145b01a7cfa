"""`nightlab import`: a session of another tool becomes a campaign."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from nightlab.cli.find import Json, find_study, print_json


def import_results(
    file: Annotated[
        Path, typer.Argument(help="A results.tsv, of karpathy/autoresearch or the skill's.")
    ],
    tag: Annotated[
        str | None, typer.Option("--tag", help="The campaign's name; made up if not given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a results.tsv of another tool a campaign: to report on, or to go on with."""
    from nightlab.adopt import adopt
    from nightlab.report.markdown import counted

    adopted = adopt(find_study(), file, tag)
    if as_json:
        print_json(asdict(adopted))
        return
    typer.echo(
        f"campaign {adopted.tag}: {counted(adopted.trials, 'trial')} imported, {adopted.kept} kept;"
        f" commits that are in this repository: {adopted.found}"
    )
    for note in adopted.notes:
        typer.echo(f"  {note}")
    typer.echo("the values are as that tool wrote them; `nightlab report` says so")
    if adopted.goes_on:
        typer.echo(
            f"go on with `nightlab run --tag {adopted.tag}`: it measures the baseline and the best"
            " again first"
        )
    else:
        typer.echo("the best one's commit is gone: there is a report, and no going on")
