"""Results, kept changes, and what didn't work, as tables."""

from __future__ import annotations

from collections import Counter

from nightlab.report.markdown import counted, inert, table
from nightlab.report.status import improvement
from nightlab.report.summary.facts import Facts
from nightlab.types import Decision, Trial

_SHOWN = 20


def results(facts: Facts) -> str:
    """Baseline, best, improvement and the best commit."""
    history = facts.history
    anchor, best = history.estimate(history.baseline), history.estimate(history.incumbent)
    gain, share = improvement(history)
    percent = f" ({share:.2f}%)" if share is not None else ""
    return table(
        ["Baseline metric", "Best metric", "Improvement", "Best commit"],
        [
            [
                _number(anchor),
                _number(best),
                "—" if anchor is None else f"{gain:.6g}{percent}",
                f"`{history.incumbent.commit[:7]}`",
            ]
        ],
    )


def kept(facts: Facts) -> str:
    """The kept changes that are in the best, ranked by their value."""
    history, trials = facts.history, facts.decided(Decision.KEEP)
    if not trials:
        return "Nothing was kept.\n"
    line = {trial.number for trial in history.lineage()}
    beaten = [trial for trial in trials if trial.number not in line]
    ranked = sorted((t for t in trials if t.number in line), key=lambda t: -facts.gain(t))
    shown = table(
        ["Rank", "Commit", history.metric, "Description"],
        [
            [str(rank), f"`{t.commit[:7]}`", _number(history.estimate(t)), _named(t)]
            for rank, t in enumerate(ranked[:_SHOWN], 1)
        ],
    )
    left = len(ranked) - _SHOWN
    more = f"\n{counted(left, 'kept change')} more: `nightlab export tsv`.\n" if left > 0 else ""
    return shown + more + _beaten(beaten)


def _beaten(trials: list[Trial]) -> str:
    if not trials:
        return ""
    numbers = ", ".join(str(trial.number) for trial in trials)
    return (
        "\nKept for a while, then beaten by a trial that was built beside it and not on it:"
        f" {numbers}. Not part of the best.\n"
    )


def failed(facts: Facts) -> str:
    """What was not kept: the nearest misses and each kind of crash, by category."""
    discards, crashes = facts.decided(Decision.DISCARD), facts.decided(Decision.CRASH)
    if not discards and not crashes:
        return "Nothing failed.\n"
    near = sorted(discards, key=lambda t: -facts.gain(t))[: 2 * _SHOWN]
    rows = [[facts.category(t), _named(t), _outcome(t)] for t in near]
    kinds: dict[tuple[str, str], list[Trial]] = {}
    for trial in crashes:
        kinds.setdefault((facts.category(trial), _outcome(trial)), []).append(trial)
    often = sorted(kinds.items(), key=lambda kind: -len(kind[1]))[:_SHOWN]
    for (category, outcome), alike in often:
        again = f" ({counted(len(alike), 'trial')} alike)" if len(alike) > 1 else ""
        rows.append([category, _named(alike[0]), outcome + again])
    rows.sort(key=lambda row: row[0])
    shown = table(["Category", "Description", "Outcome"], rows)
    left = len(discards) - len(near)
    return shown + (_others(facts, discards, near, left) if left else "")


def _others(facts: Facts, discards: list[Trial], near: list[Trial], left: int) -> str:
    """How many more of each category were discarded."""
    shown = {trial.number for trial in near}
    counts = Counter(facts.category(t) for t in discards if t.number not in shown)
    told = ", ".join(f"{inert(category)} {count:,}" for category, count in counts.most_common(8))
    rest = len(counts) - 8
    more = f" and {counted(rest, 'other kind')}" if rest > 0 else ""
    return f"\n{counted(left, 'discard')} that did worse: {told}{more}. `nightlab export tsv`.\n"


def _outcome(trial: Trial) -> str:
    assert trial.verdict is not None
    return f"{trial.verdict.decision.value}: {trial.verdict.reason}"


def _named(trial: Trial) -> str:
    return f"{trial.summary} (trial {trial.number})"


def _number(value: float | None) -> str:
    """A value for a table: six decimals, or six digits where those would hide it."""
    if value is None:
        return "—"
    return f"{value:.6f}" if value == 0 or 1e-3 <= abs(value) < 1e7 else f"{value:.6g}"
