"""What an agent is told of a campaign: where it stands, what a verdict means, what to try next.

Summaries were written by models and agents: each is cut to one line, and quoted.
"""

from __future__ import annotations

from collections.abc import Sequence

from nightlab.campaign import Campaign
from nightlab.remember.memory.archive import near_misses
from nightlab.remember.memory.lessons import lessons_of
from nightlab.types import Decision, History, Trial, one_line

_LAST = 5


def standing(campaign: Campaign) -> list[str]:
    """Baseline, incumbent and counts, a line each."""
    history, record = campaign.history, campaign.state
    metric, best = history.metric, history.incumbent
    anchor, value = history.estimate(history.baseline), history.estimate(best)
    if anchor is None or value is None:
        return [f"{metric} ({history.direction.value}): the baseline is not measured yet"]
    lines = [f"{metric} ({history.direction.value}): baseline {anchor:.6g}"]
    if best.number:
        gain = history.gain(best, history.baseline) or 0.0
        lines.append(f"best: {value:.6g}, {gain:.4g} better, trial {best.number} {named(best)}")
    else:
        lines.append("best: the baseline still")
    counts = ", ".join(f"{record.decisions[decision]} {decision.value}" for decision in Decision)
    lines.append(f"trials: {record.settled} ({counts}); {record.refused} refused")
    return lines


def last_trials(history: History) -> list[str]:
    """The last trials with the why of their verdicts."""
    settled = [trial for trial in history.trials if trial.verdict]
    return [f"trial {trial.number}: {verdict_line(history, trial)}" for trial in settled[-_LAST:]]


def verdict_line(history: History, trial: Trial) -> str:
    """`discard, "wider": 2.91, 0.0021 ± 0.004 worse than trial 3 (no evidence: …)`."""
    verdict = trial.verdict
    if verdict is None:
        return f"not settled, {named(trial)}"
    why = f"({one_line(verdict.rule, 40)}: {one_line(verdict.reason)})"
    told = f"{verdict.decision.value}, {named(trial)}"
    effect = effect_words(history, trial)
    return f"{told}: {effect} {why}" if effect else f"{told} {why}"


def effect_words(history: History, trial: Trial) -> str:
    """How far from what it was compared with, with its standard error; "" where not measured."""
    value = history.estimate(trial)
    if value is None or trial.verdict is None:
        return ""
    evidence = trial.verdict.evidence
    gain, error, against = (evidence.get(n) for n in ("gain", "standard_error", "against"))
    if not isinstance(gain, (int, float)):
        return f"{history.metric} {value:.6g}"
    spread = f" ± {error:.2g}" if isinstance(error, (int, float)) else ""
    than = f"trial {against}" if against else "the baseline"
    which = "better" if gain > 0 else "worse"
    return f"{history.metric} {value:.6g}, {abs(gain):.4g}{spread} {which} than {than}"


def review(history: History, trials: Sequence[Trial]) -> str:
    """The review of trials that have settled since an agent looked last."""
    lines = [f"Trial {trial.number}: {verdict_line(history, trial)}" for trial in trials]
    for trial in trials:
        failed = trial.failed
        if failed is not None:
            lines.append(f"Its log: {failed.log}; read the end of it, not all.")
    lines.append(f"Recommendation: {recommendation(history, trials[-1])}")
    return "\n".join(lines)


def recommendation(history: History, trial: Trial) -> str:
    """What to do after this verdict, in one sentence."""
    verdict = trial.verdict
    assert verdict is not None
    if verdict.decision is Decision.KEEP:
        return "keep. Bring the desk to the new best, and build on it"
    if verdict.decision is Decision.CRASH:
        return (
            "crash. A slip (a name, a shape, an import): mend it and try once more. A broken idea:"
            " leave it, and don't come back to it as it is"
        )
    near = near_misses(lessons_of(history), history)
    if any(lesson.trial.number == trial.number for lesson in near):
        return (
            "discard, a near miss. Sharpen it or isolate its cause in the next trial before you"
            " leave this lane"
        )
    return "discard. Bring the desk back to the best, and try something of another kind"


def named(trial: Trial) -> str:
    """A trial's summary in quotes, one line of it."""
    return f'"{one_line(trial.summary, 100)}"'
