"""state.json: where a campaign stands, by the keys that other research loops use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from nightlab.remember.discovery import SCHEMA, View
from nightlab.remember.discovery.plan import stamp
from nightlab.remember.memory.crashes import crash_of
from nightlab.remember.memory.emitters import emitter_records
from nightlab.remember.memory.lessons import finite
from nightlab.remember.memory.niche import memory_of
from nightlab.types import Conjecture, Direction, History, Standing, Trial, one_line

Record = Mapping[str, Any]

_RECENT = 20
_NEAR = 12
_EMITTERS = 8
_COLLAPSED = 6
_CONJECTURES = 4
_WARNINGS = 6


def state_of(
    view: View, records: Sequence[Record], plan: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The whole of it. `val_bpb` in a key stands for the metric, whatever it is called."""
    history, memory = view.history, view.memory
    last = records[-1] if records else None
    emitters = [one_line(trial.emitter, 40) for trial in history.trials]
    tried = history.baseline.failed is not None or history.anchor() is not None
    alive = [each for each in memory.conjectures if each.standing is not Standing.DEAD]
    return {
        "schema_version": SCHEMA,
        "metric": history.metric,
        "direction": history.direction.value,
        "autonomy_enabled": view.autonomy.enabled,
        "autonomy_reason": one_line(view.autonomy.reason, 240),
        "phase": memory.phase.value,
        "experiment_count": len(records),
        "stall_count": memory.stall.since_keep,
        **_standing("best", history, history.incumbent),
        **_standing("baseline", history, history.baseline),
        "recent_experiments": list(records[-_RECENT:]),
        "near_misses": _near(view, records),
        "archive": archive(records, history.direction),
        "last_emitter": emitters[-1] if emitters else None,
        "current_emitter_streak": _streak(emitters),
        "recent_emitters": emitters[-_EMITTERS:],
        "emitter_stats": _emitters(view),
        "category_stats": categories(records),
        "crash_signatures": _crashes(view),
        "conjectures": [_conjecture(each) for each in alive[:_CONJECTURES]],
        "current_plan": plan,
        "last_experiment_id": last["experiment_id"] if last else None,
        "last_results_commit": last["commit"] if last else _commit(history.baseline, tried),
        "last_exp_commit": history.trials[-1].commit if history.trials else None,
        "state_warnings": _warnings(view, emitters),
        "ingested_results_tsv_rows": len(records) + tried,
        "results_tsv_exists": view.results_exist,
        "updated_at": stamp(_latest(history)),
    }


def _standing(name: str, history: History, trial: Trial) -> dict[str, Any]:
    """Null where it was never measured: a baseline that crashed is no best."""
    value = finite(history.estimate(trial))
    return {
        f"{name}_val_bpb": value,
        f"{name}_commit": None if value is None else trial.commit,
        f"{name}_peak_vram_mb": memory_of(trial),
    }


def archive(records: Sequence[Record], direction: Direction) -> dict[str, Any]:
    """The niches: how often each was tried, and the best there; the best niche first."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record["niche"], []).append(record)
    made = {niche: _niche(those, direction) for niche, those in found.items()}
    order = sorted(made.items(), key=lambda each: _badness(each[1]["best_val_bpb"], direction))
    return dict(order)


def _niche(those: Sequence[Record], direction: Direction) -> dict[str, Any]:
    best = min(those, key=lambda record: _badness(_value(record), direction))
    return {
        "count": len(those),
        "best_val_bpb": _value(best),
        "commit": best["commit"],
        "emitter": best["emitter"],
        "category": best["category"],
        "description": best["description"],
        "discovery_score": best["discovery_score"],
    }


def _value(record: Record) -> float | None:
    """None for a crash, which is never the best."""
    return record["metrics"].get("val_bpb") if record["status"] == "ok" else None


def _badness(value: float | None, direction: Direction) -> tuple[bool, float]:
    return value is None, 0.0 if value is None else -direction.sign * value


def categories(records: Sequence[Record]) -> dict[str, Any]:
    """How each kind of change has fared. What is rewarded is the discovery score."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record["category"], []).append(record)
    return {name: _category(those) for name, those in sorted(found.items())}


def _category(those: Sequence[Record]) -> dict[str, Any]:
    total = sum(record["discovery_score"] for record in those)
    gains = [g for record in those if (g := record["improvement_vs_best"]) is not None]
    return {
        "attempts": len(those),
        "improvements": sum(record["recommendation"] == "keep" for record in those),
        "total_reward": round(total, 4),
        "avg_reward": round(total / len(those), 4),
        "best_delta": max(gains, default=None),
    }


def _emitters(view: View) -> dict[str, Any]:
    """How each emitter has fared. What is rewarded is a keep that stands, and nothing else."""
    return {
        one_line(each.name, 40): {
            "attempts": each.attempts,
            "improvements": each.keeps,
            "crashes": each.crashes,
            "total_reward": float(each.keeps),
            "last_used_index": each.last,
        }
        for each in emitter_records(view.history).values()
    }


def _near(view: View, records: Sequence[Record]) -> list[dict[str, Any]]:
    by_name = {record["experiment_id"]: record for record in records}
    own = (f"{view.tag}/{each.name}" for each in view.memory.near_misses if not each.campaign)
    found = [by_name[name] for name in own if name in by_name]
    return [
        {name: each[name] for name in ("commit", "category", "niche")}
        | {"val_bpb": _value(each), "description": each["description"]}
        for each in found[:_NEAR]
    ]


def _crashes(view: View) -> dict[str, Any]:
    last: dict[str, Trial] = {}
    for lesson in view.memory.lessons:
        if name := crash_of(lesson.trial):
            last[name] = lesson.trial
    return {
        each.signature: {
            "count": each.count,
            "last_seen": stamp(last[each.signature].settled),
            "category": each.kind,
            "example_commit": last[each.signature].commit,
        }
        for each in view.memory.crashes
        if each.signature in last
    }


def _conjecture(conjecture: Conjecture) -> str:
    why = f" ({one_line(conjecture.why, 200)})" if conjecture.why else ""
    return one_line(conjecture.claim, 200) + why


def _warnings(view: View, emitters: Sequence[str]) -> list[str]:
    recent = emitters[-_EMITTERS:]
    many = [name for name in dict.fromkeys(recent) if recent.count(name) >= _COLLAPSED]
    told = [f"{name} made {recent.count(name)} of the last {len(recent)} trials" for name in many]
    return [one_line(each) for each in (*view.warnings, *told)][:_WARNINGS]


def _streak(emitters: Sequence[str]) -> int:
    return len(list(takewhile(lambda name: name == emitters[-1], reversed(emitters))))


def _commit(trial: Trial, tried: bool) -> str | None:
    return trial.commit if tried else None


def _latest(history: History) -> float:
    trials = (history.baseline, *history.trials)
    ended = (run.started + run.seconds for trial in trials for run in trial.runs if run.outcome)
    return max((0.0, *(max(t.opened, t.settled) for t in trials), *ended))
