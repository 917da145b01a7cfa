"""Now and then a longer look at the incumbent, which may be demoted by it."""

from __future__ import annotations

import math

from nightlab.judge.incumbent import missing_runs
from nightlab.judge.noise import Noise
from nightlab.judge.seeds import reserved_seeds
from nightlab.judge.settings import Validation
from nightlab.types import Decision, History, Purpose, Verdict, Wanted

_ONLY = frozenset({Purpose.VALIDATE})


def is_due(history: History, validation: Validation | None) -> bool:
    """Whether so many keeps have come since the last validation."""
    if validation is None:
        return False
    since = history.kept[history.kept.index(history.validated) + 1 :] if history.validated else None
    return len(history.kept if since is None else since) >= validation.every


def validating_runs(history: History, validation: Validation) -> list[Wanted]:
    """The longer runs still wanted: of the incumbent, and of the last one that was validated."""
    pool = reserved_seeds(history.seeds, validation.seeds, Purpose.VALIDATE)
    return [
        wanted
        for seed in pool
        for trial in (history.incumbent, history.trial(history.validated))
        for wanted in missing_runs(trial, [seed], Purpose.VALIDATE, _ONLY)
    ]


def validated(history: History, noise: Noise, validation: Validation) -> Verdict:
    """The verdict on the incumbent once those runs are done: it stays, or is demoted.

    It is demoted where it is worse by more than the standard error of so few runs.
    """
    rival = history.trial(history.validated)
    ours = history.incumbent.values(history.metric, _ONLY)
    theirs = rival.values(history.metric, _ONLY)
    pairs = {seed: value - theirs[seed] for seed, value in ours.items() if seed in theirs}
    found = noise.difference_of(ours, theirs) if pairs else None
    gain = history.direction.sign * found[0] if found else 0.0
    error = found[1] if found else 0.0
    than = f"trial {rival.number}" if rival.number else "the baseline"
    longer = f"at {validation.times:g} times the budget"
    where = longer if validation.times != 1.0 else "on seeds of its own"
    evidence = {
        "against": rival.number,
        "differences": {str(seed): value for seed, value in pairs.items()},
        "gain": gain,
        "standard_error": error if math.isfinite(error) else None,
        "times": validation.times,
    }
    if not pairs or gain >= -error:
        beside = f"better by {gain:.6g} than" if gain > 0 else "not worse beyond the noise than"
        said = f"{history.metric} is {beside} {than} {where}"
        said = said if pairs else f"nothing could be measured {where}"
        return Verdict(history.incumbent.number, Decision.KEEP, "validation", said, evidence)
    said = f"{history.metric} is worse by {-gain:.6g} than {than} {where}"
    evidence["to"] = rival.number
    return Verdict(history.incumbent.number, Decision.DISCARD, "validation", said, evidence)
