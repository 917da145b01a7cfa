"""What was tried of one parameter, and what it brought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nightlab.campaign import Campaign
from nightlab.program.problem import did_you_mean
from nightlab.program.space import Parameter, describe
from nightlab.report.markdown import counted
from nightlab.report.memory import effect_data, lesson_data, plain
from nightlab.report.memory.wording import (
    columns,
    effect_name,
    effect_text,
    fit_line,
    gain_text,
    value_text,
    verdict_text,
)
from nightlab.study import Study
from nightlab.types import Effect, Lesson, Memory, NightlabError, Value, one_line


@dataclass(frozen=True)
class Tried:
    """One parameter: the trials that moved it by value, and its effects.

    `parameter` is None where the space has it no more; one that is `fixed` never moves.
    """

    name: str
    lessons: Sequence[Lesson]
    effects: Sequence[Effect]
    parameter: Parameter | None = None
    fixed: bool = False


def tried(study: Study, memory: Memory, name: str) -> Tried:
    """What is known of a parameter. Raises NightlabError for one that nobody has heard of."""
    space = study.settings.change.space
    known = {*space, *(moved for lesson in memory.lessons for moved in lesson.trial.moved)}
    if name not in known:
        raise NightlabError(f"there is no parameter {name!r}{did_you_mean(name, known)}")
    moved = [lesson for lesson in memory.lessons if name in lesson.trial.moved]
    found = [each for each in memory.effects if each.name == name and not each.of_kind]
    by_value = sorted(moved, key=lambda lesson: _order(lesson.trial.moved[name]))
    fixed = name in space and name not in study.settings.change.free()
    return Tried(name, by_value, found, space.get(name), fixed)


def tried_data(campaign: Campaign, found: Tried) -> dict[str, Any]:
    """`nightlab memory PARAMETER --json`."""
    history, name = campaign.history, found.name
    return {
        "campaign": campaign.tag,
        "metric": history.metric,
        "direction": history.direction.value,
        "parameter": name,
        "range": describe(found.parameter) if found.parameter else None,
        "fixed": found.fixed,
        "baseline": _held(history.baseline.parameters.get(name)),
        "incumbent": _held(history.incumbent.parameters.get(name)),
        "effects": [effect_data(each) for each in found.effects],
        "tried": [
            {"value": plain(lesson.trial.moved[name]), **lesson_data(lesson, campaign.tag)}
            for lesson in found.lessons
        ],
    }


def tried_lines(campaign: Campaign, found: Tried, most: int | None) -> list[str]:
    """What `nightlab memory PARAMETER` prints; at most so many values."""
    lines = [_head(campaign, found)]
    rows = [
        (effect_name(each), gain_text(each.gain, each.error), effect_text(each))
        for each in found.effects
    ]
    lines += ["", "effect, all trials taken together:", *_below(rows)] if rows else []
    if not found.lessons:
        none = "no trial has moved it" if found.fixed else "no trial has moved it yet"
        return [fit_line(line) for line in [*lines, "", none]]
    count = counted(len(found.lessons), "trial")
    lines += ["", f"{count} moved it; the gain is over what each was measured against:"]
    shown = found.lessons[:most]
    lines += _below([_row(lesson, found.name) for lesson in shown])
    left = len(found.lessons) - len(shown)
    lines += [f"  … and {left:,} more: `--all`"] if left else []
    return [fit_line(line) for line in lines]


def _head(campaign: Campaign, found: Tried) -> str:
    what = describe(found.parameter) if found.parameter else "no part of the space any more"
    what += ", but pinned, or out of scope" if found.fixed else ""
    said = f"{one_line(found.name, 60)}: {what}"
    history = campaign.history
    for who, trial in (("baseline", history.baseline), ("incumbent", history.incumbent)):
        if found.name in trial.parameters:
            said += f"; {who} {value_text(trial.parameters[found.name])}"
    return said


def _row(lesson: Lesson, name: str) -> tuple[str, ...]:
    others = [one_line(other, 40) for other in lesson.trial.moved if other != name]
    beside = f"with {', '.join(others[:3])}{'…' * (len(others) > 3)}" if others else ""
    gain = gain_text(lesson.gain, lesson.error)
    value = value_text(lesson.trial.moved[name])
    return value, gain, verdict_text(lesson), f"trial {lesson.name}", beside


def _below(rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"  {line}" for line in columns(rows)]


def _held(value: Value | None) -> Value | None:
    return None if value is None else plain(value)


def _order(value: Value) -> tuple[int, float, str]:
    """Numbers by size, then words by name."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return 0, float(value), ""
    return 1, 0.0, str(value)
