"""What the study has learned, as an agent is told it: the phase, a plan, theories, what not to do.

Texts of others are cut to one line, and quoted.
"""

from __future__ import annotations

from dataclasses import dataclass

from nightlab.agents.hooks.story import named
from nightlab.campaign import Campaign
from nightlab.propose.emitters.plan import Plan
from nightlab.study import Study
from nightlab.types import Memory, Standing, one_line

_SHOWN = 4
_NO_FLY = 3
_LINE = 200


@dataclass(frozen=True)
class Known:
    """What memory holds, and the plan that follows from it."""

    memory: Memory
    plan: Plan | None


def what_is_known(study: Study, campaign: Campaign) -> Known:
    """Memory and plan of a campaign, as they are now."""
    recall = study.rooms.recall(campaign.ledger, campaign.tag)
    memory = recall(campaign.history)
    return Known(memory, study.rooms.plan(campaign.history, memory, recall))


def learned(study: Study, campaign: Campaign) -> list[str]:
    """What a session begins with: phase, plateau, plan, conjectures, elites, what crashes."""
    if not campaign.baseline_measured:
        return []
    known = what_is_known(study, campaign)
    memory = known.memory
    lines = [f"phase: {memory.phase.value}"]
    if memory.stall.why:
        lines.append(f"plateau: {one_line(memory.stall.why, 2 * _LINE)}")
    alive = [each for each in memory.conjectures if each.standing is Standing.HOLDS]
    lines += [f"conjecture: {one_line(f'{c.claim} ({c.why})', _LINE)}" for c in alive[:_SHOWN]]
    elites = list(memory.elites.items())[:_SHOWN]
    lines += [f"elite of {niche}: trial {each.name} {named(each.trial)}" for niche, each in elites]
    return [*lines, *no_fly(memory, _NO_FLY), *plan_lines(known.plan)]


def no_fly(memory: Memory, most: int) -> list[str]:
    """Ways of crashing that came up again and again."""
    again = [crash for crash in memory.crashes if crash.count > 1][:most]
    return [
        f'no-fly: "{one_line(c.example or c.signature, 140)}" and its like crashed {c.count} trials'
        for c in again
    ]


def plan_lines(plan: Plan | None) -> list[str]:
    """Whose turn it is, what to aim at, and how to go about it."""
    if plan is None:
        return []
    return [
        f"plan: phase {plan.phase.value}; emitter {plan.emitter}; niche {plan.niche}; predicted"
        f" {plan.predicted}. Keep to it unless what you see shows that it can't be done.",
        f"how: {plan.hypothesis}",
        *(f"  to know: {one_line(fact, _LINE)}" for fact in plan.facts),
    ]
