"""Which study a command speaks of, and which campaign of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from nightlab.campaign import Campaign
    from nightlab.study import Study

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Tag = Annotated[str | None, typer.Option("--tag", help="The campaign; the last one if not given.")]


def find_study() -> Study:
    """The study in the current folder, or in the nearest folder above that has a program.md."""
    from nightlab.study import open_study

    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "program.md").is_file():
            return open_study(folder)
    return open_study(here)


def find_campaign(tag: str | None) -> tuple[Study, Campaign]:
    """The study and the campaign asked for, read from the ledger."""
    study = find_study()
    return study, study.campaign(study.pick(tag))


def print_json(data: Any) -> None:
    """One document on standard output."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))
