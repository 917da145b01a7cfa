"""`nightlab export`: the ledger as files that other tools read."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from nightlab.cli.find import Json, Tag, find_campaign, find_study, print_json
from nightlab.cli.output import print_line
from nightlab.types import NightlabError

app = typer.Typer(help="Write the ledger in forms that other tools read.", no_args_is_help=True)

Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="A file; standard output if not given.")
]


@app.command("tsv")
def tsv(
    schema: Annotated[
        str, typer.Option("--schema", help="karpathy (memory_gb) or skill (mem_gb).")
    ] = "karpathy",
    tag: Tag = None,
    output: Output = None,
) -> None:
    """The results table: commit, metric, memory, status, description."""
    from nightlab.remember.table import format_table, schema_named
    from nightlab.report.export import results_table

    chosen = schema_named(schema)
    _, campaign = find_campaign(tag)
    _write([format_table(results_table(campaign, chosen))], output)


@app.command("json")
def whole(tag: Tag = None, output: Output = None) -> None:
    """The whole campaign as one JSON document: every event, and every trial as `show` tells it."""
    from nightlab.report.export import export_json

    study, campaign = find_campaign(tag)
    entries = campaign.ledger.read(campaign.tag)
    _write(export_json(campaign.tag, entries, study.rooms.judge()), output)


@app.command("discovery")
def discovery(
    tag: Tag = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A folder; remember.discovery if not given."),
    ] = None,
) -> None:
    """What was learned, for other research loops: state.json, events.jsonl, plan and review."""
    from nightlab.agents.hooks.autonomy import autonomy_of
    from nightlab.remember.discovery.ours import FILES

    study, campaign = find_campaign(tag)
    views = study.discovery(campaign)
    if output is not None:
        _check_folder(output)
        views.folder = output
    for name in FILES:
        _check_not_committed(views.folder / name)
    views.autonomy = lambda: autonomy_of(study.home)
    views.write(fresh=True)
    if output is not None:
        study.hide([output / name for name in FILES])
    typer.echo(f"wrote {views.folder}")


@app.command("notebook")
def notebook(
    tag: Tag = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; analysis.ipynb if not given.")
    ] = None,
    run: Annotated[bool, typer.Option("--run", help="Run it, and keep its outputs.")] = False,
) -> None:
    """A notebook that reads the results table and draws progress.png."""
    from nightlab.report.notebook import Notebook, execute

    study, campaign = find_campaign(tag)
    if output is not None:
        _check_folder(output)
    written = Notebook(output).write(study, campaign)
    for path in written:
        typer.echo(f"wrote {path}")
    if run:
        execute(written[0])
        typer.echo(f"ran {written[0]}")


@app.command("vault")
def vault(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The vault; made if not there.")],
    tag: Annotated[
        str | None, typer.Option("--tag", help="One campaign; all of them if not given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """A memory vault: a Markdown note a settled trial. Again, it brings the notes up to date."""
    from nightlab.remember.vault import export_vault
    from nightlab.report.export import vault_entries
    from nightlab.report.markdown import counted

    study = find_study()
    chosen = study.pick(tag) if tag is not None else None
    ledger = study.ledger()
    try:
        done = export_vault(folder, vault_entries(study, ledger, chosen), time.time())
    finally:
        ledger.close()
    if as_json:
        print_json({"vault": str(folder), **asdict(done)})
        return
    aged = f", {done.archived} aged out" if done.archived else ""
    removed = f", {done.removed} removed from the archive" if done.removed else ""
    print_line(f"{counted(done.notes, 'note')} in {folder}")
    print_line(f"{done.written} new, {done.updated} brought up to date{aged}{removed}")


def _check_folder(output: Path) -> None:
    if not output.parent.is_dir():
        raise NightlabError(f"there is no folder {output.parent}; make it, or name another file")


def _check_not_committed(output: Path) -> None:
    """Raise NightlabError for a file of the study's own: an export is no edit of it."""
    repository = find_study().repository
    try:
        name = output.resolve().relative_to(repository.study).as_posix()
    except ValueError:
        return
    if output.exists() and name in repository.files(repository.head()):
        raise NightlabError(f"{output} is in git; name another file")


def _write(parts: Iterable[str], output: Path | None) -> None:
    """To standard output, or whole to a file; a pipe or device is written to as it stands."""
    from nightlab.remember.replace import replace_file

    if output is None:
        sys.stdout.buffer.writelines(part.encode() for part in parts)
        sys.stdout.buffer.flush()
        return
    _check_folder(output)
    _check_not_committed(output)
    if output.exists() and not output.is_file():
        with output.open("w", encoding="utf-8") as file:
            file.writelines(parts)
    else:
        replace_file(output.resolve() if output.is_symlink() else output, parts)
