"""Recommended next steps: each follows from something that the ledger holds, and says from what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from nightlab.judge.noise import measure_noise
from nightlab.program.space import FloatParameter, IntParameter, describe
from nightlab.report.confirmed import confirmed_of
from nightlab.report.markdown import counted, inert
from nightlab.report.summary.facts import Facts
from nightlab.types import Decision, Trial

_EDGE = 0.03
"""A value this near to the end of its range (of the range's length) is at its edge."""

_OFTEN = 4
"""A parameter that was moved alone this often without a gain may rest."""


def next_steps(facts: Facts) -> str:
    """Three to five steps, the most telling first."""
    found = [step for rule in _RULES if (step := rule(facts))]
    chosen = [*found, *_always(facts)][:5]
    return "\n".join(f"{number}. {step}" for number, step in enumerate(chosen, 1)) + "\n"


def _crashes(facts: Facts) -> str:
    crashed = facts.decided(Decision.CRASH)
    if not crashed or 4 * len(crashed) < len(facts.settled):
        return ""
    reasons = Counter(t.verdict.reason for t in crashed if t.verdict)
    reason, count = reasons.most_common(1)[0]
    names = Counter(name for t in crashed for name in t.moved).most_common(3)
    mend = f"narrow {', '.join(n for n, _ in names)}" if names else "tell the proposer in the prose"
    return (
        f"{counted(len(crashed), 'trial')} of {len(facts.settled)} crashed, {count} of them with"
        f" “{inert(reason)}”: {mend} before going on."
    )


def _strongest(facts: Facts) -> str:
    line = facts.history.lineage()
    if not line:
        return ""
    steps = [(facts.gain(t) - (facts.gain(p) if p else 0.0), t) for p, t in _pairs(line)]
    gain, trial = max(steps, key=lambda step: step[0])
    what = ", ".join(list(trial.moved)[:4]) or inert(trial.summary)
    more = f" and {len(trial.moved) - 4} more at once" if len(trial.moved) > 4 else ""
    return (
        f"Explore around {what}{more}: trial {trial.number} gained {gain:.4g} there, the largest"
        " step of all that were kept."
    )


def _pairs(line: tuple[Trial, ...]) -> list[tuple[Trial | None, Trial]]:
    return list(zip((None, *line), line, strict=False))


def _near_miss(facts: Facts) -> str:
    """The discard that came nearest: it gained over the incumbent of its day, within noise."""
    lost = [
        t
        for t in facts.decided(Decision.DISCARD)
        if t.verdict and t.verdict.rule == "evidence" and facts.gain(t) > 0
    ]
    if not lost:
        return ""
    trial = max(lost, key=facts.gain)
    return (
        f"{counted(len(lost), 'trial')} gained, but not more than noise makes, trial"
        f" {trial.number} ({inert(trial.summary)}) the most: with a larger `judge.most_seeds` or a"
        " longer budget such a gain could be told from luck; `nightlab check --noise` says how"
        " much."
    )


def _at_the_edge(facts: Facts) -> str:
    values, free = facts.history.incumbent.parameters, facts.settings.change.free()
    found = []
    for name, parameter in free.parameters.items():
        if not isinstance(parameter, (IntParameter, FloatParameter)) or name not in values:
            continue
        unit = parameter.to_unit(values[name])
        if facts.history.incumbent.number and not _EDGE < unit < 1 - _EDGE:
            side = "lowest" if unit < 0.5 else "highest"
            found.append(f"{name} ({values[name]}, near the {side} of {describe(parameter)})")
    if not found:
        return ""
    there = ", ".join(found[:3])
    return (
        f"The best stands at the end of a range: {there}. Widen it where values beyond make sense."
    )


def _untried(facts: Facts) -> str:
    tried = {name for trial in facts.settled for name in trial.moved}
    free = facts.settings.change.free().parameters
    left = [f"{name} ({describe(free[name])})" for name in free if name not in tried]
    return f"Move what was never moved: {', '.join(left[:4])}." if left and facts.settled else ""


def _fruitless(facts: Facts) -> str:
    """Parameters that were often moved alone, and never in anything that gained."""
    alone = Counter(next(iter(t.moved)) for t in facts.settled if len(t.moved) == 1)
    useful = {name for t in facts.settled if facts.gain(t) > 0 for name in t.moved}
    rest = [name for name, count in alone.items() if count >= _OFTEN and name not in useful]
    if not rest:
        return ""
    return (
        f"Pin {', '.join(rest[:4])} (`change.pinned`): moved {_OFTEN} times or more, never a gain."
    )


def _plateau(facts: Facts) -> str:
    since = facts.record.since_keep
    if since < 20 or since < len(facts.settled) // 3:
        return ""
    return (
        f"{counted(since, 'trial')} since the last keep: try another proposer (`propose.with`), a"
        " wider `change.scope`, or write what you would try into program.md."
    )


def _always(facts: Facts) -> list[str]:
    """What is worth saying where the records say less."""
    if not facts.history.baseline.values(facts.history.metric):
        return [
            "Run `nightlab check --run`: it runs the study once and shows what it prints.",
            "Look at the log of the baseline with `nightlab show 0`.",
            "Mend the study, commit, and begin again with `nightlab run --new`.",
        ]
    best, count = facts.history.incumbent, min(100, max(8, len(facts.settled)))
    more = f"Go on with `nightlab run --trials {count}`."
    if not facts.study.repository.has(best.commit):
        more = (
            f"Begin anew with `nightlab run --new`: commit {best.commit[:12]} of the best is gone."
        )
    if not facts.history.incumbent.number:
        return [
            more,
            "Check that the experiment can tell two settings apart: `nightlab show 0` has the"
            " baseline's values by seed.",
            "Write what you would try yourself into program.md: whoever proposes reads it.",
        ]
    return [
        *_confirm(facts),
        more,
        f"Read how the best was reached, `nightlab show {facts.history.incumbent.number}`, and"
        " write what it suggests into program.md.",
    ]


def _confirm(facts: Facts) -> list[str]:
    """Only where fresh seeds have not spoken yet, and could."""
    history, judge = facts.history, facts.settings.judge
    if confirmed_of(history) or measure_noise(history).deterministic:
        return []
    how = (
        "`nightlab run --trials 0`" if judge.confirm else "`judge: {confirm: 4}` in a new campaign"
    )
    return [f"Confirm the best on seeds that no decision has used, before relying on it: {how}."]


def _unconfirmed(facts: Facts) -> str:
    """Fresh seeds have spoken, and against it."""
    found = confirmed_of(facts.history)
    if found is None or found.improved:
        return ""
    return (
        "Don't rely on the best: fresh seeds do not show its improvement. Look for larger effects,"
        " make a run less noisy (a longer `run.budget`), or give `judge.confirm` more seeds."
    )


_RULES: tuple[Callable[[Facts], str], ...] = (
    _unconfirmed,
    _crashes,
    _strongest,
    _near_miss,
    _at_the_edge,
    _untried,
    _plateau,
    _fruitless,
)
