"""Where a campaign stands, as data: the keys that scripts may rely on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from nightlab.campaign import Campaign
from nightlab.judge.seedwise import SeedwiseJudge
from nightlab.program.quantity import format_seconds
from nightlab.remember.events import IncumbentReviewed
from nightlab.remember.record import Record
from nightlab.report.confirmed import confirmed_data, confirmed_line
from nightlab.report.cost import cost_data, usage_text
from nightlab.report.memory import learned, stall_data
from nightlab.study import Study
from nightlab.types import Attempt, Decision, History, Purpose, Run, Trial, Usage, one_line


def status(study: Study, campaign: Campaign) -> dict[str, Any]:
    """`nightlab status --json`. Values of baseline and incumbent are over common seeds."""
    record, history = campaign.state, campaign.history
    began = record.began
    assert began is not None
    holder = study.running()
    running = holder is not None and holder.campaign == campaign.tag
    state = "running" if running else "stopped" if record.stopped else "idle"
    memory = learned(study, campaign)
    return {
        "study": str(study.folder),
        "campaign": campaign.tag,
        "branch": campaign.branch,
        "state": state,
        "why": record.stopped,
        "metric": history.metric,
        "direction": history.direction.value,
        "baseline": history.estimate(history.baseline),
        "incumbent": {
            "trial": history.incumbent.number,
            "value": history.estimate(history.incumbent),
            "commit": history.incumbent.commit,
        },
        "confirmed": confirmed_data(history),
        "trials": record.settled,
        "verdicts": {decision.value: record.decisions[decision] for decision in Decision},
        "refused": record.refused,
        "phase": memory.phase.value,
        "stall": stall_data(memory.stall),
        "runs": record.runs_here,
        "seconds": round(record.active_seconds(time.time(), running), 3),
        "cost": cost_data(record.spent),
        "isolation": record.isolation,
        "ledger": str(study.ledger_path),
    }


def status_lines(told: Mapping[str, Any], history: History) -> list[str]:
    """What `nightlab status` prints, from what `status` told."""
    incumbent = told["incumbent"]
    who = f"trial {incumbent['trial']}" if incumbent["trial"] else "the baseline"
    why = f" ({told['why']})" if told["why"] else ""
    verdicts = ", ".join(f"{count} {name}" for name, count in told["verdicts"].items())
    lines = [
        f"{told['campaign']}: {told['state']}{why}",
        f"{told['metric']}: {improvement_text(history)}",
        *([confirmed] if (confirmed := confirmed_line(history)) else []),
        f"incumbent: {who}, commit {incumbent['commit'][:12]} on {told['branch']}",
        f"trials: {told['trials']} ({verdicts}); {told['refused']} refused",
        *([f"plateau: {told['stall']['why']}"] if told["stall"]["plateau"] else []),
        f"runs: {told['runs']}; at work for {format_seconds(told['seconds'])}",
        *([f"models and agents: {usage_text(told['cost'])}"] if told["cost"]["calls"] else []),
    ]
    path = "".join(sign for sign in told["ledger"] if sign.isprintable())
    return [*(one_line(line, 1000) for line in lines), f"ledger: {path}"]


def reviews(campaign: Campaign) -> Sequence[IncumbentReviewed]:
    """Every second look at an incumbent, the first one first."""
    entries = campaign.ledger.read(campaign.tag)
    return [entry.event for entry in entries if isinstance(entry.event, IncumbentReviewed)]


def show(
    history: History,
    trial: Trial,
    judge: SeedwiseJudge | None = None,
    reviewed: Sequence[IncumbentReviewed] = (),
    record: Record | None = None,
) -> dict[str, Any]:
    """`nightlab show N --json`: one trial, whole. A judge says where an open one stands, a record
    what it has cost."""
    usage = record.usage.get(trial.number) if record else None
    verdict, failed = trial.verdict, trial.failed or trial.aborted
    is_open = trial.number > 0 and verdict is None
    so_far = judge.standing(history, trial) if judge and is_open else {}
    evidence = dict(verdict.evidence) if verdict else so_far
    best = trial.number > 0 and trial.number == history.incumbent.number
    return {
        "trial": trial.number,
        "summary": trial.summary,
        "hypothesis": trial.hypothesis,
        "predicted": trial.predicted,
        "why": trial.why,
        "emitter": trial.emitter,
        "commit": trial.commit,
        "parent": trial.parent,
        "parameters": dict(trial.parameters),
        "moved": dict(trial.moved),
        "diff": trial.diff,
        "lines": trial.lines,
        "value": history.estimate(trial),
        "verdict": verdict.decision.value if verdict else None,
        "outcome": failed.outcome.value if failed and failed.outcome else "ok",
        "rule": verdict.rule if verdict else None,
        "reason": verdict.reason if verdict else None,
        "investigate": is_open and len(trial.values(history.metric)) >= len(history.seeds),
        "runs": [_run(run) for run in trial.runs],
        "attempts": [_attempt(attempt) for attempt in trial.attempts],
        "cost": cost_data(usage or Usage(calls=0)),
        "idea": trial.wish or None,
        "evidence": evidence,
        "reviews": [_review(event) for event in reviewed if event.trial == trial.number],
        "confirmed": confirmed_data(history) if best else None,
    }


def _review(event: IncumbentReviewed) -> dict[str, Any]:
    return {name: value for name, value in asdict(event).items() if name != "trial"}


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "why": attempt.why,
        "commit": attempt.commit,
        "diff": attempt.diff,
        "runs": [_run(run) for run in attempt.runs],
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "run": run.number,
        "seed": None if run.purpose is Purpose.IMPORTED else run.seed,
        "purpose": run.purpose.value,
        "metrics": dict(run.metrics),
        "self_reported": dict(run.self_reported),
        "seconds": run.seconds,
        "outcome": run.outcome.value if run.outcome else "running",
        "detail": run.detail,
        "log": run.log,
    }


def improvement(history: History) -> tuple[float, float | None]:
    """How much better the incumbent is than the baseline: absolute, and in percent of it."""
    gain = history.gain(history.incumbent, history.baseline) or 0.0
    anchor = history.anchor()
    return gain, 100 * gain / abs(anchor) if anchor else None


def improvement_text(history: History) -> str:
    """`2.9123 -> 2.8711 (0.0412 better, 1.4%)`, or that there is none."""
    anchor, best = history.estimate(history.baseline), history.estimate(history.incumbent)
    if anchor is None or best is None:
        return "not measured yet"
    if history.incumbent.number == 0:
        return f"no improvement yet over the baseline's {anchor:.6g}"
    gain, share = improvement(history)
    percent = f", {share:.2f}%" if share is not None else ""
    return f"{anchor:.6g} -> {best:.6g} ({gain:.4g} better{percent})"
