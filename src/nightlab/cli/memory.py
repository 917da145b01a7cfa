"""`nightlab memory`: what the study has learned; and what a human holds to be so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightlab.cli.find import Json, Tag, find_campaign, find_study, print_json
from nightlab.cli.output import print_line
from nightlab.types import NightlabError

if TYPE_CHECKING:
    from nightlab.campaign import Campaign
    from nightlab.remember.ledger import Ledger
    from nightlab.study import Study
    from nightlab.types import Memory

_LONGEST = 400
_VALUES = 20
"""Values of one parameter that are shown, unless everything is asked for."""


def memory(
    parameter: Annotated[
        str | None, typer.Argument(help="A parameter: what was tried of it, and what came of it.")
    ] = None,
    tag: Tag = None,
    as_json: Json = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Show all of it, and not the first few of each.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", metavar="FILE", help="Draw the effect of each parameter: .png or .svg."
        ),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--next", help="Say what to try next, and how; it changes nothing.")
    ] = False,
    add: Annotated[
        str | None,
        typer.Option("--add", metavar="CLAIM", help="Have a conjecture of yours tested."),
    ] = None,
    drop: Annotated[
        str | None, typer.Option("--drop", metavar="CLAIM", help="Take one of yours back.")
    ] = None,
) -> None:
    """Say what the trials have taught, over all campaigns of the study.

    Conjectures with their evidence, effects of parameters, elites, near misses, dead ends, crashes,
    emitters. What you --add is tested by every trial from then on, like the rest.
    """
    if add is not None or drop is not None:
        if add is not None and drop is not None:
            raise NightlabError("--add or --drop: one at a time")
        _claim(find_study(), add, drop, as_json)
        return
    study, campaign = find_campaign(tag)
    try:
        if plan:
            _next(study, campaign, as_json)
            return
        _tell(study, campaign, parameter, as_json, plot, everything)
    finally:
        campaign.ledger.close()


def _next(study: Study, campaign: Campaign, as_json: bool) -> None:
    from nightlab.report.memory import learned
    from nightlab.report.memory.plan import plan_data, plan_for, plan_lines

    found = plan_for(study, campaign, learned(study, campaign))
    if as_json:
        print_json({"plan": plan_data(found)})
        return
    for line in plan_lines(found):
        print_line(line)


def _tell(
    study: Study,
    campaign: Campaign,
    parameter: str | None,
    as_json: bool,
    plot: Path | None,
    everything: bool,
) -> None:
    from nightlab.report.memory import learned

    known = learned(study, campaign)
    data, lines = _told(study, campaign, known, parameter, everything)
    if plot is not None:
        drawn = _draw(study, campaign, known, parameter, plot)
        data |= {"plot": str(drawn)}
        lines = [f"wrote {plot}"]
    if as_json:
        print_json(data)
        return
    for line in lines:
        print_line(line)


def _told(
    study: Study, campaign: Campaign, known: Memory, parameter: str | None, everything: bool
) -> tuple[dict[str, Any], list[str]]:
    """What was asked for, as data and as lines."""
    from nightlab.report.memory import memory_data
    from nightlab.report.memory.lines import SHOWN, memory_lines
    from nightlab.report.memory.parameter import tried, tried_data, tried_lines

    if parameter is None:
        most = None if everything else SHOWN
        return memory_data(campaign, known), memory_lines(campaign, known, most)
    found = tried(study, known, parameter)
    return tried_data(campaign, found), tried_lines(
        campaign, found, None if everything else _VALUES
    )


def _draw(
    study: Study, campaign: Campaign, known: Memory, parameter: str | None, plot: Path
) -> Path:
    from nightlab.report.charts.learned import draw_learned
    from nightlab.report.charts.library import drawing, save
    from nightlab.report.memory import expected

    if plot.suffix not in (".png", ".svg"):
        raise NightlabError(f"--plot {plot}: name a file that ends in .png or .svg")
    if not plot.parent.is_dir():
        raise NightlabError(f"there is no folder {plot.parent}; make it, or name another file")
    if plot.is_dir():
        raise NightlabError(f"{plot} is a folder; name a file in it")
    space, title = study.settings.change.space, study.program.title or study.folder.name
    only = [parameter] if parameter else None
    expect = expected(study, campaign, known)
    with drawing():
        return save(draw_learned(campaign.history, known, space, title, expect, only), plot)


def _claim(study: Study, add: str | None, drop: str | None, as_json: bool) -> None:
    """Write down what a human holds to be so, or no longer does; a running session sees it."""
    ledger = study.ledger()
    try:
        said = _add(study, ledger, add) if add is not None else _drop(study, ledger, drop or "")
        held = [claim for claim, _ in study.rooms.recall(ledger).claims()]
    finally:
        ledger.close()
    if as_json:
        print_json({"claims": held})
    else:
        print_line(said)


def _add(study: Study, ledger: Ledger, text: str) -> str:
    from nightlab.remember.events import ClaimMade
    from nightlab.remember.ledger import STUDY

    claim = _canonical(study, text)
    if any(claim == held for held, _ in study.rooms.recall(ledger).claims()):
        raise NightlabError(f"“{claim}” is being tested already; `nightlab memory` shows it")
    ledger.append(STUDY, [ClaimMade(claim, "human")])
    return f"“{claim}” is tested from now on; `nightlab memory` shows how it fares"


def _drop(study: Study, ledger: Ledger, text: str) -> str:
    from nightlab.remember.events import ClaimDropped
    from nightlab.remember.ledger import STUDY
    from nightlab.types import one_line

    held = [claim for claim, _ in study.rooms.recall(ledger).claims()]
    found = text.strip() if text.strip() in held else _canonical_or_none(study, text)
    if found is None or found not in held:
        there = f"; there are: {', '.join(held)}" if held else "; none was added"
        raise NightlabError(f"no claim of yours says “{one_line(text)}”{one_line(there, 500)}")
    ledger.append(STUDY, [ClaimDropped(found)])
    return f"“{found}” is taken back"


def _canonical_or_none(study: Study, text: str) -> str | None:
    try:
        return _canonical(study, text)
    except NightlabError:
        return None


def _canonical(study: Study, text: str) -> str:
    """The claim as it is tested. Raises NightlabError for what can't be tested."""
    from nightlab.change.about.topics import TOPICS
    from nightlab.change.about.words import Category
    from nightlab.program.claim import Form, parse_claim
    from nightlab.program.space import FloatParameter, IntParameter, Space
    from nightlab.remember.memory.niche import MIXED, SIMPLIFICATION

    if len(text) > _LONGEST:
        raise NightlabError(f"a claim is a sentence; this has {len(text):,} characters")
    space = study.settings.change.space
    kinds = {*(kind for kind, *_ in TOPICS), *(each.value for each in Category)}
    claim = parse_claim(text, space, kinds | {MIXED, SIMPLIFICATION})
    numeric = isinstance(space.get(claim.name), (FloatParameter, IntParameter))
    if claim.form is Form.BEST and claim.value is not None:
        wrong = Space(space).out_of_range({claim.name: claim.value})
        if wrong:
            raise NightlabError(f"it can't be tested: {wrong[0]}")
    elif claim.form not in (Form.FLAT, Form.PAYS, Form.FAILS) and not numeric:
        raise NightlabError(f"{claim.name} is no number; write `{claim.name} = VALUE is better`")
    return str(claim)
