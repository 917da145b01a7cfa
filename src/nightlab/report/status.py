"""Where a campaign stands, as data: the keys that scripts may rely on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from nightlab.campaign import Campaign
from nightlab.program.quantity import format_seconds
from nightlab.study import Study
from nightlab.types import Decision, History, Purpose, Run, Trial, one_line


def status(study: Study, campaign: Campaign) -> dict[str, Any]:
    """`nightlab status --json`. Values of baseline and incumbent are over common seeds."""
    record, history = campaign.state, campaign.history
    began = record.began
    assert began is not None
    holder = study.running()
    running = holder is not None and holder.campaign == campaign.tag
    state = "running" if running else "stopped" if record.stopped else "idle"
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
        "confirmed": None,
        "trials": record.settled,
        "verdicts": {decision.value: record.decisions[decision] for decision in Decision},
        "refused": record.refused,
        "runs": record.runs_here,
        "seconds": round(record.active_seconds(time.time(), running), 3),
        "cost": {"tokens": 0, "usd": 0.0},
        "isolation": began.isolation,
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
        f"incumbent: {who}, commit {incumbent['commit'][:12]} on {told['branch']}",
        f"trials: {told['trials']} ({verdicts}); {told['refused']} refused",
        f"runs: {told['runs']}; at work for {format_seconds(told['seconds'])}",
    ]
    path = "".join(sign for sign in told["ledger"] if sign.isprintable())
    return [*(one_line(line, 1000) for line in lines), f"ledger: {path}"]


def show(history: History, trial: Trial) -> dict[str, Any]:
    """`nightlab show N --json`: one trial, whole."""
    verdict, failed = trial.verdict, trial.failed or trial.aborted
    return {
        "trial": trial.number,
        "summary": trial.summary,
        "hypothesis": trial.hypothesis,
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
        "runs": [_run(run) for run in trial.runs],
        "evidence": dict(verdict.evidence) if verdict else {},
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
    anchor = history.baseline.mean(history.metric)
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
