"""What the study has learned, as the summary tells it: short, the rest is in `nightlab memory`."""

from __future__ import annotations

from nightlab.report.markdown import counted, inert
from nightlab.report.memory import learned
from nightlab.report.memory.lines import percent
from nightlab.report.summary.facts import Facts
from nightlab.types import Conjecture, Memory, Plateau, Standing

_TOLD = 5


def lessons_learned(facts: Facts) -> str:
    """Where the search stands, the strongest conjectures, and how much there is to read."""
    memory = learned(facts.study, facts.campaign)
    if not memory.lessons:
        return "Nothing yet: no trial is settled.\n"
    alive = [
        each
        for each in memory.conjectures
        if each.standing is not Standing.DEAD and each.why != memory.stall.why
    ]
    lines = [_stands(memory), *(_conjecture(each) for each in alive[:_TOLD])]
    if not alive:
        lines.append("- No conjecture stands out of the noise yet.")
    return "\n".join([lines[0], "", *lines[1:], "", _more(memory, len(alive))]) + "\n"


def _stands(memory: Memory) -> str:
    """Whether it goes in circles, has converged, or still finds something."""
    stall = memory.stall
    if stall.plateau is not Plateau.NONE:
        return f"**A plateau.** {inert(stall.why, 600) or stall.plateau.value}"
    if stall.since_keep == 0:
        return "No plateau: the last trial was kept."
    return f"No plateau: {counted(stall.since_keep, 'trial')} since the last keep."


def _conjecture(conjecture: Conjecture) -> str:
    who = f", says {inert(conjecture.source, 40)}" if conjecture.source else ""
    if conjecture.standing is Standing.UNTESTED:
        return f"- {inert(conjecture.claim)}{who}: not tested. {inert(conjecture.why)}".rstrip()
    evidence = f"{len(conjecture.for_it)} for, {len(conjecture.against)} against"
    sure = percent(conjecture.strength)
    return f"- {inert(conjecture.claim)}{who}: {sure} sure ({inert(conjecture.why) or evidence})"


def _more(memory: Memory, alive: int) -> str:
    counts = [
        counted(len(memory.elites), "elite"),
        "1 near miss" if len(memory.near_misses) == 1 else f"{len(memory.near_misses)} near misses",
        counted(len(memory.dead_ends), "dead end"),
        counted(len(memory.crashes), "way") + " of crashing",
    ]
    more = f"{counted(alive - _TOLD, 'more conjecture')}, " if alive > _TOLD else ""
    return f"`nightlab memory` has {more}{', '.join(counts)}, and the effect of each parameter."
