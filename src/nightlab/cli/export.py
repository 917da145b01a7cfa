"""`nightlab export`: the ledger as files that other tools read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nightlab.cli.find import Tag, find_campaign

app = typer.Typer(help="Write the ledger in forms that other tools read.", no_args_is_help=True)


@app.command("tsv")
def tsv(
    tag: Tag = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; standard output if not given.")
    ] = None,
) -> None:
    """The results table: commit, metric, memory_gb, status, description."""
    from nightlab.remember.tsv import format_row, header, row_of

    _, campaign = find_campaign(tag)
    history, record = campaign.history, campaign.state
    trials = [record.trial(number) for number in record.order]
    first = [history.baseline] if campaign.baseline_measured else []
    rows = [format_row(row_of(history, trial)) for trial in (*first, *trials)]
    text = "\n".join([header(history.metric), *rows]) + "\n"
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


@app.callback()
def _group() -> None:
    """Keep `tsv` a subcommand of its own."""
