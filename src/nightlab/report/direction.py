"""Where a campaign is heading, told from what is being tried and what was tried last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightlab.report.markdown import inert
from nightlab.types import Decision, Trial, Value

_FATES = {Decision.KEEP: "kept", Decision.DISCARD: "discarded", Decision.CRASH: "crashed"}
_NAMED = 4


def direction(open_trials: Sequence[Trial], last: Sequence[Trial]) -> str:
    """One line. What is open comes first, with its hypothesis; then how the last trials fared."""
    told = [_trying(trial) for trial in open_trials[:_NAMED]]
    more = len(open_trials) - len(told)
    told += [f"{more} more trials are open."] if more > 0 else []
    told += [_fared(last)] if last else []
    return " ".join(told) or "No change has been tried yet."


def _trying(trial: Trial) -> str:
    """`Trial 7 (search) moves x to 2.5: go right. Hypothesis: ….`"""
    who = f"Trial {trial.number}" + (f" ({_text(trial.emitter)})" if trial.emitter else "")
    does = f"moves {_moves(trial.moved)}" if trial.moved else f"edits {_listed(_files(trial))}"
    said = f"{who} {does}: {_text(trial.summary)}."
    if trial.hypothesis:
        said += f" Hypothesis: {_text(trial.hypothesis)}."
    return said


def _moves(moved: Mapping[str, Value]) -> str:
    return _listed([f"{_text(name)} to {_value(value)}" for name, value in moved.items()])


def _value(value: Value) -> str:
    number = isinstance(value, float) and not isinstance(value, bool)
    return f"{value:.4g}" if number else _text(str(value))


def _fared(last: Sequence[Trial]) -> str:
    """How often each thing was moved in the last trials, and what came of it."""
    fates: dict[str, dict[str, int]] = {}
    for trial in last:
        for name in list(trial.moved) or _files(trial):
            counts = fates.setdefault(_text(name), {})
            if trial.verdict is not None:
                fate = _FATES[trial.verdict.decision]
                counts[fate] = counts.get(fate, 0) + 1
    ranked = sorted(fates.items(), key=lambda item: -sum(item[1].values()))
    told = [
        f"{name} ({', '.join(f'{count} {fate}' for fate, count in counts.items())})"
        for name, counts in ranked[: 2 * _NAMED]
    ]
    which = "The last trial" if len(last) == 1 else f"The last {len(last)} trials"
    return f"{which} moved {_listed(told)}."


def _files(trial: Trial) -> list[str]:
    return list(trial.files) or ["the study's files"]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]


def _text(text: str) -> str:
    return inert(text, 120).rstrip(".")
