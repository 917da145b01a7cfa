"""autoresearch-progress.md: where a campaign stands, in the form of the AutoResearch skill."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from nightlab.campaign import Campaign
from nightlab.remember.replace import replace_file
from nightlab.report.direction import direction
from nightlab.report.markdown import inert
from nightlab.report.status import improvement
from nightlab.study import Study
from nightlab.types import Decision, History, Trial

NAME = "autoresearch-progress.md"
_LAST = 5
_SUMMARY = 60


class Progress:
    """autoresearch-progress.md in the study."""

    def write(self, study: Study, campaign: Campaign) -> Sequence[Path]:
        return [write_progress(study, progress_text(study, campaign))]


def write_progress(study: Study, text: str) -> Path:
    """Put the text in place of what was there, whole or not at all. Raises OSError."""
    path = study.folder / NAME
    replace_file(path, [text], path.with_name(f".{NAME}.new"))
    return path


def progress_text(study: Study, campaign: Campaign) -> str:
    """The report as Markdown."""
    record, history = campaign.state, campaign.history
    limit = record.session.trials if record.session else study.settings.stop.trials
    holder = study.running()
    running = holder is not None and holder.campaign == campaign.tag
    minutes = int(record.active_seconds(time.time(), running) // 60)
    last = [record.trial(number) for number in reversed(record.order[-_LAST:])]
    lines = [
        f"## AutoResearch Progress — Iteration {record.settled}",
        "",
        f"**Best so far:** {_best(history)}",
        f"**vs. Baseline:** {_delta(history)}",
        f"**Iterations:** {record.settled} completed / {'unlimited' if limit is None else limit}",
        f"**Time elapsed:** {minutes // 60:02d}:{minutes % 60:02d}",
        "",
        f"**Recent results (last {_LAST}):**",
        "| Iter | Commit | Metric | Status | Change |",
        "|------|--------|--------|--------|--------|",
        *(_row(history, trial) for trial in last),
        "",
        f"**Current direction:** {direction(history.open, last)}",
    ]
    return "\n".join(lines) + "\n"


def _best(history: History) -> str:
    best, value = history.incumbent, history.estimate(history.incumbent)
    if value is None:
        return "not measured yet"
    who = f"iteration {best.number}" if best.number else "iteration 0, the baseline"
    return f"{value:.6g} ({who}, commit {best.commit[:7]})"


def _delta(history: History) -> str:
    """In the metric's own unit: below zero is better where the metric is minimized."""
    if not history.baseline.values(history.metric):
        return "not measured yet"
    gain, share = improvement(history)
    sign = history.direction.sign
    percent = "" if share is None else f" ({_signed(sign * share, '.2f')}%)"
    return f"{_signed(sign * gain, '.6g')}{percent}"


def _signed(number: float, form: str) -> str:
    return format(number, f"+{form}") if number else "0"


def _row(history: History, trial: Trial) -> str:
    assert trial.verdict is not None
    crashed = trial.verdict.decision is Decision.CRASH
    value = None if crashed else history.estimate(trial)
    metric = "—" if value is None else f"{value:.6g}"
    change = inert(trial.summary, _SUMMARY).replace("|", "/")
    decision = trial.verdict.decision.value
    return f"| {trial.number} | {trial.commit[:7]} | {metric} | {decision} | {change} |"
