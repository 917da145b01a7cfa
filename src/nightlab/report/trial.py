"""One trial, whole, in words: what `nightlab show` and `nightlab try` print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightlab.report.cost import usage_text
from nightlab.report.evidence import evidence_lines
from nightlab.types import one_line

_FORETOLD = ("predicted", "why")
"""What the proposer expected, and how it came to propose this now."""


def trial_lines(told: Mapping[str, Any], metric: str) -> list[str]:
    """Of a trial as `show` tells it: what was changed, its runs, the verdict and why."""
    by = f" [{told['emitter']}]" if told["emitter"] else ""
    lines = [f"trial {told['trial']}: {told['summary']}{by}"]
    if told["hypothesis"]:
        lines.append(f"hypothesis: {told['hypothesis']}")
    foretold = [f"{name}: {one_line(told[name], 600)}" for name in _FORETOLD if told[name]]
    lines += ["; ".join(foretold)] if foretold else []
    lines.append(f"commit {told['commit'][:12]}, built on {told['parent'][:12] or 'nothing'}")
    for attempt in told["attempts"]:
        lines.append(f"{attempt['why']}; before that, commit {attempt['commit'][:12]}:")
        lines += [_run_line(run, metric) for run in attempt["runs"]]
    if told["verdict"]:
        lines.append(f"verdict: {told['verdict']}, by {told['rule']}: {told['reason']}")
    elif told["trial"]:
        lines.append("verdict: open")
    lines += [_run_line(run, metric) for run in told["runs"]]
    lines += evidence_lines(told)
    if told["cost"]["calls"]:
        lines.append(f"cost of proposing it: {usage_text(told['cost'])}")
    return lines


def diff_lines(diff: str) -> list[str]:
    """A diff fit to be shown: characters that would not be seen are marked."""
    shown = (
        "".join(s if s.isprintable() or s == "\t" else "\ufffd" for s in line)
        for line in diff.rstrip().splitlines()
    )
    return list(shown)


def _run_line(run: Mapping[str, Any], metric: str) -> str:
    value = run["metrics"].get(metric)
    shown = f"{metric} {value:.6g}" if value is not None else run["detail"] or "no metric"
    seed = "" if run["seed"] is None else f" seed {run['seed']}"
    return (
        f"  run {run['run']} ({run['purpose']}){seed}: {run['outcome']}, {shown},"
        f" {run['seconds']:.1f} s, {run['log'] or 'no log'}"
    )
