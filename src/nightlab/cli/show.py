"""`nightlab show N`: one trial, with its evidence."""

from __future__ import annotations

from typing import Annotated

import typer

from nightlab.cli.find import Json, Tag, find_campaign, print_json
from nightlab.cli.output import print_line
from nightlab.types import NightlabError


def show(
    number: Annotated[int, typer.Argument(help="The trial; 0 is the baseline.", min=0)],
    tag: Tag = None,
    as_json: Json = False,
) -> None:
    """Show one trial: what was changed, its runs, the verdict, the evidence and a review."""
    from nightlab.report.review import review_data, review_of, short_lines
    from nightlab.report.status import reviews
    from nightlab.report.status import show as show_of
    from nightlab.report.trial import diff_lines, trial_lines

    study, campaign = find_campaign(tag)
    try:
        trial = campaign.state.trial(number)
    except IndexError:
        last = len(campaign.state.trials)
        there = f"trials 1 to {last}" if last else "only the baseline, 0"
        raise NightlabError(
            f"there is no trial {number}; campaign {campaign.tag} has {there}"
        ) from None
    told = show_of(campaign.history, trial, study.rooms.judge(), reviews(campaign), campaign.state)
    review = review_of(study, campaign, trial)
    if as_json:
        print_json(told | {"review": review_data(review)})
        return
    for line in [*trial_lines(told, campaign.history.metric), *short_lines(review)]:
        print_line(line)
    if told["diff"]:
        for line in ["", *diff_lines(told["diff"])]:
            print_line(line)
