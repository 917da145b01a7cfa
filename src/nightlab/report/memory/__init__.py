"""What a study has learned, as data: the keys that scripts may rely on."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from nightlab.campaign import Campaign
from nightlab.study import Study
from nightlab.types import (
    Conjecture,
    Crash,
    Effect,
    EmitterRecord,
    Lesson,
    Memory,
    Niche,
    Stall,
    Value,
    one_line,
)


def learned(study: Study, campaign: Campaign) -> Memory:
    """What is known at this instant, from this campaign and from those before it."""
    return study.rooms.recall(campaign.ledger, campaign.tag)(campaign.history)


def expected(
    study: Study, campaign: Campaign, memory: Memory
) -> Callable[[str, Value], tuple[float, float]]:
    """What moving a parameter of the incumbent to a value would gain, and the error of that."""
    from nightlab.remember.memory.effects import learn

    sources = study.rooms.recall(campaign.ledger, campaign.tag).sources()
    fit = learn(memory.lessons, campaign.history, sources)
    held = campaign.history.incumbent.parameters
    return lambda name, value: fit.predict(held, {**held, name: value})


def memory_data(campaign: Campaign, memory: Memory) -> dict[str, Any]:
    """`nightlab memory --json`. Numbers are finite or null, gains positive where it was better."""
    tag, history = campaign.tag, campaign.history
    return {
        "campaign": tag,
        "metric": history.metric,
        "direction": history.direction.value,
        "settled": len(memory.lessons),
        "phase": memory.phase.value,
        "stall": stall_data(memory.stall),
        "elites": [
            {**lesson_data(lesson, tag), "niche": _niche(niche)}
            for niche, lesson in memory.elites.items()
        ],
        "near_misses": [lesson_data(lesson, tag) for lesson in memory.near_misses],
        "dead_ends": [lesson_data(lesson, tag) for lesson in memory.dead_ends],
        "crashes": [_crash(crash) for crash in memory.crashes],
        "conjectures": [_conjecture(each) for each in memory.conjectures],
        "emitters": [_emitter(record) for record in memory.emitters.values()],
        "effects": [effect_data(effect) for effect in memory.effects],
    }


def stall_data(stall: Stall) -> dict[str, Any]:
    """How long there was no keep, and what that looks like: null where it is no plateau."""
    return {
        "since_keep": stall.since_keep,
        "plateau": stall.plateau.value or None,
        "why": one_line(stall.why, 600),
    }


def lesson_data(lesson: Lesson, tag: str) -> dict[str, Any]:
    """A settled trial; `tag` is that of the campaign that goes on."""
    trial, verdict = lesson.trial, lesson.trial.verdict
    return {
        "lesson": lesson.name,
        "campaign": lesson.campaign or tag,
        "trial": trial.number,
        "summary": one_line(trial.summary),
        "emitter": one_line(trial.emitter),
        "niche": _niche(lesson.niche),
        "moved": {name: plain(value) for name, value in trial.moved.items()},
        "verdict": verdict.decision.value if verdict else None,
        "reason": one_line(verdict.reason, 300) if verdict else None,
        "gain": finite(lesson.gain),
        "error": finite(lesson.error),
        "over_baseline": finite(lesson.over_baseline),
    }


def effect_data(effect: Effect) -> dict[str, Any]:
    """What moving something has brought: `of` says whether a range, an option or a kind."""
    return {
        "name": effect.name,
        "of": "kind" if effect.of_kind else "range" if effect.value is None else "option",
        "value": None if effect.value is None else plain(effect.value),
        "gain": finite(effect.gain),
        "error": finite(effect.error),
        "lessons": list(effect.lessons),
    }


def keeps_per_run(record: EmitterRecord) -> float:
    """What an emitter is chosen by: keeps that stand, for each run that it cost."""
    return record.keeps / record.cost if record.cost > 0 else 0.0


def finite(value: float | None) -> float | None:
    """The number, if JSON has it."""
    return value if value is not None and math.isfinite(value) else None


def plain(value: Value) -> Value | None:
    """The value of a parameter, if JSON has it."""
    return finite(value) if isinstance(value, float) else value


def _niche(niche: Niche) -> dict[str, str]:
    return {"name": str(niche), **vars(niche)}


def _crash(crash: Crash) -> dict[str, Any]:
    return {
        "signature": one_line(crash.signature),
        "kind": crash.kind,
        "count": crash.count,
        "lessons": list(crash.lessons),
        "example": one_line(crash.example, 300),
    }


def _conjecture(conjecture: Conjecture) -> dict[str, Any]:
    return {
        "claim": one_line(conjecture.claim),
        "standing": conjecture.standing.value,
        "strength": finite(conjecture.strength),
        "for": list(conjecture.for_it),
        "against": list(conjecture.against),
        "source": one_line(conjecture.source) or None,
        "why": one_line(conjecture.why, 300),
    }


def _emitter(record: EmitterRecord) -> dict[str, Any]:
    return {
        "name": one_line(record.name),
        "attempts": record.attempts,
        "keeps": record.keeps,
        "crashes": record.crashes,
        "cost": finite(record.cost),
        "keeps_per_run": finite(keeps_per_run(record)),
        "last": record.last,
    }
