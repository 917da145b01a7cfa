"""`nightlab report`: the summary, the chart, and the best model."""

from __future__ import annotations

import typer

from nightlab.cli.find import Json, Tag, find_campaign, print_json


def report(tag: Tag = None, as_json: Json = False) -> None:
    """Write autoresearch-summary.md, the chart, and the artifacts of the best."""
    from nightlab.report.build import write_reports
    from nightlab.report.status import improvement_text

    study, campaign = find_campaign(tag)
    written = write_reports(study, campaign)
    if as_json:
        print_json({"campaign": campaign.tag, "files": [str(path) for path in written]})
        return
    typer.echo(f"{campaign.history.metric}: {improvement_text(campaign.history)}")
    for path in written:
        typer.echo(f"wrote {path.relative_to(study.folder)}")
