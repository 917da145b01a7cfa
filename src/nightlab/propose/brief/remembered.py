"""What a brief tells of memory: near misses, elites, crashes, effects, conjectures, emitters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nightlab.types import Conjecture, Effect, Lesson, Memory, Standing, Trial, Value, one_line

FEW = 8
LINE = 400


def remembered(memory: Memory) -> dict[str, Any]:
    """The parts of a brief that remember, each no longer than a few entries."""
    alive = [each for each in memory.conjectures if each.standing is not Standing.DEAD]
    return {
        "phase": memory.phase.value,
        "stall": {
            "since_keep": memory.stall.since_keep,
            "plateau": memory.stall.plateau.value,
            "why": one_line(memory.stall.why, LINE),
        },
        "near_misses": [_lesson(each) for each in memory.near_misses[:FEW]],
        "dead_ends": [_lesson(each) for each in memory.dead_ends[-2 * FEW :]],
        "elites": [
            {"niche": str(niche), **_lesson(each)}
            for niche, each in list(memory.elites.items())[:FEW]
        ],
        "crashes": [
            {
                "signature": one_line(each.signature, LINE),
                "kind": each.kind,
                "count": each.count,
                "trials": list(each.lessons[-FEW:]),
            }
            for each in memory.crashes[:FEW]
        ],
        "conjectures": [_conjecture(each) for each in alive[:FEW]],
        "effects": [_effect(each) for each in memory.effects[: 2 * FEW]],
        "emitters": [
            {
                "emitter": one_line(each.name, 40),
                "attempts": each.attempts,
                "keeps": each.keeps,
                "crashes": each.crashes,
                "runs": round(each.cost, 1),
            }
            for each in list(memory.emitters.values())[:FEW]
        ],
    }


def tell(
    trial: Trial, name: int | str, over_baseline: float | None, gain: float | None
) -> dict[str, Any]:
    """One trial, its text bounded and on one line."""
    verdict = trial.verdict
    return {
        "trial": name,
        "summary": one_line(trial.summary, LINE),
        "hypothesis": one_line(trial.hypothesis, LINE),
        "emitter": one_line(trial.emitter, 40),
        "verdict": verdict.decision.value if verdict else None,
        "reason": one_line(verdict.reason, LINE) if verdict else None,
        "gain_over_baseline": finite(over_baseline),
        "gain": finite(gain),
        "standard_error": evidence_of(trial, "standard_error"),
        "lines": trial.lines,
    }


def evidence_of(trial: Trial, name: str) -> float | None:
    """A number of its verdict's evidence."""
    value = trial.verdict.evidence.get(name) if trial.verdict else None
    return finite(float(value)) if isinstance(value, (int, float)) else None


def finite(value: float | None) -> float | None:
    """JSON has no other numbers."""
    return value if value is not None and math.isfinite(value) else None


def _lesson(lesson: Lesson) -> dict[str, Any]:
    """A trial of this campaign by its number, of an earlier one as `nov19/7`."""
    name = lesson.name if lesson.campaign else lesson.trial.number
    return tell(lesson.trial, name, lesson.over_baseline, lesson.gain)


def _conjecture(conjecture: Conjecture) -> Mapping[str, Any]:
    return {
        "claim": one_line(conjecture.claim, LINE),
        "source": one_line(conjecture.source, 40),
        "why": one_line(conjecture.why, LINE),
        "standing": conjecture.standing.value,
        "strength": round(conjecture.strength, 3),
        "for": list(conjecture.for_it[-FEW:]),
        "against": list(conjecture.against[-FEW:]),
    }


def _effect(effect: Effect) -> Mapping[str, Any]:
    return {
        "name": one_line(effect.name, LINE),
        "option": _option(effect.value),
        "of_kind": effect.of_kind,
        "gain": finite(effect.gain),
        "standard_error": finite(effect.error),
        "trials": len(effect.lessons),
    }


def _option(value: Value | None) -> Value | None:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return one_line(value, LINE) if isinstance(value, str) else value
