"""The command line: one thin file per command. Heavy parts load when they are used."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from nightlab import __version__
from nightlab.cli import (
    agent,
    check,
    export,
    governance,
    idea,
    imports,
    init,
    memory,
    merge,
    report,
    run,
    show,
    status,
    tryout,
)
from nightlab.types import NightlabError

app = typer.Typer(
    name="nightlab",
    help="Research while you sleep: one change at a time, measured, kept only on evidence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("init")(init.init)
app.command("check")(check.check)
app.command("run")(run.run)
app.command("idea")(idea.idea)
app.command("try")(tryout.try_edits)
app.command("status")(status.status)
app.command("show")(show.show)
app.command("memory")(memory.memory)
app.command("report")(report.report)
app.command("merge")(merge.merge)
app.add_typer(export.app, name="export")
app.command("import")(imports.import_results)
app.add_typer(agent.app, name="agent")
app.add_typer(governance.app, name="governance")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nightlab {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    folder: Annotated[
        Path | None, typer.Option("-C", help="Work as if started in this folder.", metavar="DIR")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if folder is not None:
        if not folder.is_dir():
            raise NightlabError(f"there is no folder {folder}")
        os.chdir(folder)


def main() -> None:
    """Run a command. Errors are one line on standard error and exit status 1."""
    try:
        app()
    except NightlabError as error:
        for line in str(error).splitlines():
            print(f"nightlab: {line}", file=sys.stderr)
        sys.exit(1)
    except (KeyboardInterrupt, run.StoppedAtOnce):
        print("nightlab: stopped at once; `nightlab run` goes on from here", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"nightlab: {where}{error.strerror or error}", file=sys.stderr)
        sys.exit(1)
