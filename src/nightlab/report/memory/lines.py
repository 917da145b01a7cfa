"""What a study has learned, in words: what `nightlab memory` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nightlab.campaign import Campaign
from nightlab.report.markdown import counted
from nightlab.report.memory import keeps_per_run
from nightlab.report.memory.wording import (
    columns,
    effect_name,
    effect_text,
    fit_line,
    gain_text,
    verdict_text,
)
from nightlab.types import Conjecture, EmitterRecord, Lesson, Memory, Plateau, Standing, one_line

_CLAIM = 60
"""Characters of a claim that are shown."""

SHOWN = 3
"""Of each section, unless everything is asked for."""


@dataclass(frozen=True)
class Section:
    """A heading, and the rows below it: as many cells in each."""

    heading: str
    rows: Sequence[Sequence[str]]


def memory_lines(campaign: Campaign, memory: Memory, most: int | None = SHOWN) -> list[str]:
    """The whole memory: the first few of each section, or with no `most` everything."""
    lines = [_head(campaign, memory), *stall_lines(memory)]
    left_out = False
    for section in _sections(memory):
        if not section.rows:
            continue
        room = most if most is not None and len(section.rows) > most + 1 else None
        shown = section.rows[:room]
        left = len(section.rows) - len(shown)
        left_out = left_out or left > 0
        lines += ["", f"{section.heading}:", *(f"  {line}" for line in columns(shown))]
        lines += [f"  … and {left:,} more"] if left else []
    if left_out:
        lines += ["", "`--all` shows everything, `nightlab show N` a trial"]
    return [fit_line(line) for line in lines]


def stall_lines(memory: Memory) -> list[str]:
    """What the search is at, and how long there was no keep."""
    stall = memory.stall
    since = counted(stall.since_keep, "trial")
    said = f"{since} since the last keep" if stall.since_keep else "the last trial was kept"
    lines = [f"phase: {memory.phase.value}" + (f"; {said}" if memory.lessons else "")]
    return lines + ([plateau_line(memory)] if stall.plateau is not Plateau.NONE else [])


def plateau_line(memory: Memory) -> str:
    """`plateau: going in circles …`, or nothing where there is none."""
    stall = memory.stall
    if stall.plateau is Plateau.NONE:
        return ""
    return f"plateau: {one_line(stall.why, 400) or stall.plateau.value}"


def _head(campaign: Campaign, memory: Memory) -> str:
    own = sum(not lesson.campaign for lesson in memory.lessons)
    earlier = {lesson.campaign for lesson in memory.lessons if lesson.campaign}
    said = f"{campaign.tag}: {counted(own, 'settled trial')}"
    if earlier:
        past = counted(len(memory.lessons) - own, "trial")
        said += f", and {past} of {counted(len(earlier), 'earlier campaign')}"
    return f"{said}; gains are of {campaign.history.metric}, + is better"


def _sections(memory: Memory) -> Iterator[Section]:
    alive = [each for each in memory.conjectures if each.standing is not Standing.DEAD]
    dead = [each for each in memory.conjectures if each.standing is Standing.DEAD]
    yield Section("conjectures", [_conjecture(each, memory.stall.why) for each in alive])
    yield Section("conjectures that died", [_conjecture(each) for each in dead])
    yield Section(
        "effects, all trials taken together",
        [
            (effect_name(each), gain_text(each.gain, each.error), effect_text(each))
            for each in memory.effects
        ],
    )
    yield Section(
        "elites, the best of each niche, with the gain over its baseline",
        [
            (str(niche), each.name, gain_text(each.over_baseline), one_line(each.trial.summary))
            for niche, each in memory.elites.items()
        ],
    )
    yield Section("near misses", [_lesson(each) for each in memory.near_misses])
    yield Section("dead ends", [(*_lesson(each), _why(each)) for each in memory.dead_ends])
    yield Section(
        "ways of crashing",
        [
            (f"{crash.count} ×", one_line(crash.signature), f"trials {listed(crash.lessons)}")
            for crash in memory.crashes
        ],
    )
    yield Section("emitters", [_emitter(record) for record in memory.emitters.values()])


def _conjecture(conjecture: Conjecture, said_above: str = "") -> tuple[str, ...]:
    tested = conjecture.standing is not Standing.UNTESTED
    evidence = f"{len(conjecture.for_it)} for, {len(conjecture.against)} against"
    said = one_line(conjecture.claim, _CLAIM)
    if conjecture.source:
        said += f" [{one_line(conjecture.source, 40)}]"
    why = (
        "the plateau, above"
        if said_above and conjecture.why == said_above
        else one_line(conjecture.why)
    )
    return (
        percent(conjecture.strength) if tested else "untested",
        said,
        why or (evidence if tested else ""),
    )


def percent(strength: float) -> str:
    """A probability, of which none is ever quite sure."""
    return ">99%" if strength > 0.99 else "<1%" if strength < 0.01 else f"{strength:.0%}"


def _lesson(lesson: Lesson) -> tuple[str, ...]:
    gain = gain_text(lesson.gain, lesson.error)
    return lesson.name, gain, one_line(lesson.trial.summary)


def _why(lesson: Lesson) -> str:
    if lesson.gain is not None or lesson.trial.verdict is None:
        return verdict_text(lesson)
    return one_line(lesson.trial.verdict.reason, 80)


def listed(names: Sequence[str], most: int = 4) -> str:
    """`1, 4, 7 and 3 more`."""
    told = ", ".join(names[:most])
    return told if len(names) <= most else f"{told} and {len(names) - most:,} more"


def _emitter(record: EmitterRecord) -> tuple[str, ...]:
    return (
        one_line(record.name, 60) or "(no name)",
        counted(record.attempts, "trial"),
        counted(record.keeps, "keep"),
        "1 crash" if record.crashes == 1 else f"{record.crashes:,} crashes",
        f"{record.cost:.4g} runs",
        f"{keeps_per_run(record):.3f} keeps a run",
    )
