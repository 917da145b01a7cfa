"""The plan for the next trial, for whoever writes it by hand: an agent that drives Nightlab."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from nightlab.propose.bandit import turn
from nightlab.propose.emitters import EMITTERS, load_emitter
from nightlab.propose.emitters.passing import Passes, asked
from nightlab.propose.emitters.proposer import because, in_turn
from nightlab.propose.settings import ProposeSettings
from nightlab.types import EmitterRecord, History, Memory, Phase

_USUAL = ("architecture", "attention", "batch", "normalization", "optimizer", "regularization")
"""Kinds that may be tried where the space names none."""

_FACTS = 5


@dataclass(frozen=True)
class Plan:
    """What to try next, and how to go about it. Asking for it changes nothing.

    `emitter` is what the trial is to be signed with, `niche` the kind of change to aim at,
    `hypothesis` the role in a few sentences, `facts` what it needs to know.
    """

    phase: Phase
    emitter: str
    niche: str
    hypothesis: str
    predicted: str
    why: str
    facts: tuple[str, ...] = ()


def plan_next(
    history: History,
    memory: Memory,
    kinds: Mapping[str, str],
    settings: ProposeSettings,
    before: Mapping[str, EmitterRecord] | None = None,
) -> Plan | None:
    """The same as an agent in the role of an emitter would be told now; None where none has one."""
    parts = {name: load_emitter(name) for name in settings.emitters or EMITTERS}
    random = turn(history, 0, settings.seed)
    for arm, tally in in_turn(parts, history, memory, before or {}, settings, random):
        emitter = parts[arm.name]
        try:
            facts = tuple(asked(emitter, partial(emitter.facts, history, memory)))
        except Passes:
            continue
        if facts or not emitter.needs_facts:
            return Plan(
                phase=memory.phase,
                emitter=emitter.name,
                niche=aim(memory, kinds),
                hypothesis=emitter.role,
                predicted=emitter.predicted.value,
                why=because(memory, emitter, tally),
                facts=facts[:_FACTS],
            )
    return None


def aim(memory: Memory, kinds: Mapping[str, str]) -> str:
    """The kind of change to aim at: what was tried least; while exploiting, what has paid best;
    while recombining, the kinds of the two best near misses together.
    """
    if memory.phase is Phase.RECOMBINE and len(memory.near_misses) >= 2:
        return "+".join(dict.fromkeys(each.niche.kind for each in memory.near_misses[:2]))
    paid = [e for e in memory.effects if e.of_kind and e.gain > 0]
    if memory.phase is Phase.EXPLOIT and paid:
        return max(paid, key=lambda effect: effect.gain).name
    tried = Counter(lesson.niche.kind for lesson in memory.lessons)
    there = sorted(set(kinds.values())) or _USUAL
    return min(there, key=lambda kind: tried[kind])
