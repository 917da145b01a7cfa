"""`nightlab report`: the summary, the charts, and the best model; or the progress so far."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from nightlab.cli.find import Json, Tag, find_campaign, print_json
from nightlab.cli.output import print_line


def report(
    tag: Tag = None,
    as_json: Json = False,
    progress: Annotated[
        bool, typer.Option("--progress", help="Print the progress so far; write nothing.")
    ] = False,
) -> None:
    """Write what `report.with` names: the summary, the charts, the artifacts of the best."""
    from nightlab.report.build import write_reports
    from nightlab.report.progress import progress_text
    from nightlab.report.status import improvement_text
    from nightlab.types import one_line

    study, campaign = find_campaign(tag)
    if progress:
        text = progress_text(study, campaign)
        if as_json:
            print_line(json.dumps({"campaign": campaign.tag, "progress": text}, indent=2))
        else:
            print_line(text.rstrip("\n"))
        return
    written = write_reports(study, campaign)
    if as_json:
        print_json({"campaign": campaign.tag, "files": [str(path) for path in written]})
        return
    metric = one_line(campaign.history.metric)
    print_line(f"{metric}: {improvement_text(campaign.history)}")
    for path in written:
        print_line(f"wrote {path.relative_to(study.folder)}")
    if campaign.history.incumbent.number:
        print_line("`nightlab merge` brings what was kept into your branch, if you like it")
