"""What to try next, for whoever writes it by hand: in words and as data."""

from __future__ import annotations

from typing import Any

from nightlab.campaign import Campaign
from nightlab.propose.emitters.plan import Plan
from nightlab.study import Study
from nightlab.types import Memory, one_line

_LINE = 300


def plan_for(study: Study, campaign: Campaign, memory: Memory) -> Plan | None:
    """The plan at this instant. Asking for it changes nothing."""
    recall = study.rooms.recall(campaign.ledger, campaign.tag)
    return study.rooms.plan(campaign.history, memory, recall)


def plan_data(plan: Plan | None) -> dict[str, Any] | None:
    """`phase`, `emitter`, `niche`, `hypothesis`, `predicted`, `why` and `facts`."""
    if plan is None:
        return None
    return {
        "phase": plan.phase.value,
        "emitter": plan.emitter,
        "niche": plan.niche,
        "hypothesis": plan.hypothesis,
        "predicted": plan.predicted,
        "why": plan.why,
        "facts": [one_line(fact, _LINE) for fact in plan.facts],
    }


def plan_lines(plan: Plan | None) -> list[str]:
    """Whose turn it is and why, what to aim at, how to go about it, and what to know for that."""
    if plan is None:
        return ["no emitter has anything to go by; widen propose.emitters in program.md"]
    return [
        f"next: {plan.emitter}, aiming at {plan.niche}; predicted: {plan.predicted}",
        f"why: {plan.why}",
        f"how: {plan.hypothesis}",
        *(f"  {one_line(fact, _LINE)}" for fact in plan.facts),
        f'then: nightlab try --by {plan.emitter} -m "what you changed"',
    ]
