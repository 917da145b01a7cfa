"""`nightlab idea`: queue a hypothesis; it is first in line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightlab.cli.find import Json, find_study, print_json
from nightlab.cli.output import print_line
from nightlab.types import NightlabError, Value, Wish, one_line

if TYPE_CHECKING:
    from nightlab.remember.wishes import Fate, Wishes
    from nightlab.study import Study


_LONGEST = 4000


def idea(
    text: Annotated[str | None, typer.Argument(help="What to try, in a sentence.")] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A value to try; may be repeated."),
    ] = None,
    hypothesis: Annotated[str, typer.Option("--hypothesis", help="Why it should be better.")] = "",
    hold: Annotated[
        list[str] | None,
        typer.Option("--hold", metavar="NAME", help="A parameter that must stay as it is."),
    ] = None,
    plan: Annotated[
        Path | None, typer.Option("--plan", metavar="FILE", help="Queue what a plan file asks for.")
    ] = None,
    show_all: Annotated[
        bool, typer.Option("--list", help="Show the queue, and what became of each idea.")
    ] = False,
    drop: Annotated[
        int | None, typer.Option("--drop", metavar="N", help="Take idea N out of the queue.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Queue an idea of yours. It is tried before any other; a running session takes it up.

    Words are made an edit by the model, agent or program in `propose`. What --set says is tried as
    it is, and needs none.
    """
    from nightlab.remember.wishes import Wishes

    study = find_study()
    text = (text or "").strip() or None
    if len(text or "") > _LONGEST:
        raise NightlabError(
            f"an idea is a sentence or two; this has {len(text or ''):,} characters"
        )
    asked = [bool(text or values), plan is not None, show_all, drop is not None]
    if sum(asked) != 1:
        raise NightlabError('say what to try, as in `nightlab idea "wider, not deeper"`; or --list')
    ledger = study.ledger()
    try:
        queue = Wishes(ledger)
        if show_all:
            _list(queue, as_json)
        elif drop is not None:
            queue.drop(drop, "taken back")
            _say({"dropped": drop}, [f"idea {drop} is taken back"], as_json)
        else:
            wishes = (
                _planned(study, plan) if plan else [_wish(study, text, values, hypothesis, hold)]
            )
            _queue(study, queue, wishes, as_json)
    finally:
        ledger.close()


def _planned(study: Study, plan: Path) -> list[Wish]:
    from nightlab.program.plan import read_plan

    return read_plan(plan, study.program.policy.metric, study.settings.change.free())


def _wish(
    study: Study,
    text: str | None,
    values: list[str] | None,
    hypothesis: str,
    hold: list[str] | None,
) -> Wish:
    from nightlab.program.plan import check_values

    space = study.settings.change.free()
    parameters = dict(_value(pair) for pair in values or ())
    check_values(parameters, space, "--set")
    check_values(dict.fromkeys(hold or (), 0), space, "--hold", ranges=False)
    both = [name for name in hold or () if name in parameters]
    if both:
        raise NightlabError(f"{both[0]} can't both be set and be held")
    said = text or ", ".join(f"{name} = {value}" for name, value in parameters.items())
    return Wish(0, said, hypothesis, parameters=parameters, hold=tuple(hold or ()))


def _value(pair: str) -> tuple[str, Value]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    name, sign, text = pair.partition("=")
    if not (name and sign and text):
        raise NightlabError(f"--set {pair}: write NAME=VALUE")
    try:
        value = YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        value = text
    return name.strip(), value if isinstance(value, (bool, int, float, str)) else text


def _queue(study: Study, queue: Wishes, wishes: list[Wish], as_json: bool) -> None:
    numbers = [queue.add(wish) for wish in wishes]
    waiting = len(queue.pending())
    holder = study.running()
    lines = [f"idea {n}: {one_line(w.text)}" for n, w in zip(numbers, wishes, strict=True)]
    when = f"campaign {holder.campaign} takes them up" if holder else "the next `nightlab run` does"
    lines.append(f"queued, {waiting} in line; {when}")
    if not all(wish.is_ready for wish in wishes) and not _has_writer(study):
        lines.append(
            "nobody in `propose` writes code: words wait until a model, agent or command is there"
        )
    _say({"ideas": numbers, "waiting": waiting}, lines, as_json)


def _has_writer(study: Study) -> bool:
    from nightlab.propose.build import find_proposer

    return any(hasattr(find_proposer(each), "draft") for each in study.settings.propose)


def _list(queue: Wishes, as_json: bool) -> None:
    fates = queue.fates()
    wishes = queue.all()
    told = [_told(wish, fates[wish.number]) for wish in wishes]
    lines = [
        f"{wish.number:>3}  {_fate(fates[wish.number]):<24}  {one_line(wish.text)}"
        for wish in wishes
    ]
    _say({"ideas": told}, lines or ["no idea was ever queued"], as_json)


def _told(wish: Wish, fate: Fate) -> dict[str, Any]:
    return {
        "idea": wish.number,
        "text": wish.text,
        "hypothesis": wish.hypothesis,
        "parameters": dict(wish.parameters),
        "hold": list(wish.hold),
        "files": sorted(wish.edits),
        "waiting": fate.waits,
        "campaign": fate.campaign or None,
        "trial": fate.trial or None,
        "why": fate.why or None,
    }


def _fate(fate: Fate) -> str:
    if fate.waits:
        return "waits"
    return f"trial {fate.trial} of {fate.campaign}" if fate.trial else one_line(fate.why, 60)


def _say(data: dict[str, Any], lines: list[str], as_json: bool) -> None:
    if as_json:
        print_json(data)
        return
    for line in lines:
        print_line(line)
