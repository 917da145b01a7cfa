"""What a trial's commit says: its subject, and on a keep what moved from what to what."""

from __future__ import annotations

from nightlab.types import History, Idea, Trial, Verdict, one_line


def subject_line(idea: Idea | Trial) -> str:
    """`exp: <summary> [emitter=<name>]`, on one line of at most 120 characters before the tag."""
    summary = one_line(idea.summary, 120)
    return f"exp: {summary}" + (f" [emitter={idea.emitter}]" if idea.emitter else "")


def keep_message(history: History, trial: Trial, verdict: Verdict) -> str:
    """The message of a kept commit: the subject, then what moved from what to what."""
    lines = [subject_line(trial), ""]
    if trial.hypothesis:
        lines += [trial.hypothesis, ""]
    names = sorted({name for run in trial.runs for name in run.metrics})
    for name in sorted(names, key=lambda name: name != history.metric):
        old, new = history.estimate(history.incumbent, name), history.estimate(trial, name)
        if old is not None and new is not None:
            share = f", {100 * (new - old) / abs(old):+.2f}%" if old else ""
            lines.append(f"{name}: {old:.6g} -> {new:.6g} ({new - old:+.6g}{share})")
    seeds = ", ".join(str(seed) for seed in sorted(trial.values(history.metric)))
    lines += ["", f"Kept by {verdict.rule}: {verdict.reason} (seeds {seeds})."]
    return "\n".join(lines) + "\n"
