"""The judge: a trial meets the incumbent seed by seed, and leaves as soon as it is clear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf, isfinite
from typing import Any

from nightlab.judge.abort import aborted
from nightlab.judge.boundary import boundary, dropped_below
from nightlab.judge.budget import overspent
from nightlab.judge.confirm import confirming_left, confirming_runs, runners_up
from nightlab.judge.ignored import CONVINCING, ignored_seed
from nightlab.judge.incumbent import Opponent, missing_runs
from nightlab.judge.limits import broken_rules
from nightlab.judge.noise import Noise, NoiseMeter
from nightlab.judge.review import reviewed, reviewing_runs
from nightlab.judge.rules import (
    Finding,
    check_policy,
    required,
    requirements,
    simplicity,
)
from nightlab.judge.seeds import search_seeds
from nightlab.judge.settings import JudgeSettings, Validation
from nightlab.judge.validate import is_due, validated, validating_runs
from nightlab.judge.wealth import next_level
from nightlab.program.policy import Policy
from nightlab.types import (
    COMPARED,
    Decision,
    History,
    Outcome,
    Purpose,
    Trial,
    Verdict,
    Wanted,
    mean_difference,
)

_FEWEST = 2
"""Fewer seeds of the baseline show no noise."""

_SHARED = 0.5
"""Where seeds explain more of the noise than this, values compare on common seeds alone."""

_ANCHORS = 2
"""On so many of the incumbent's seeds the baseline is measured then."""


@dataclass(frozen=True)
class Comparison:
    """A trial beside the incumbent: the estimated gain, its standard error, and what it needs.

    `hope` is the gain in standard errors if seeds explain as much of the noise as the pairs have
    it so far, however few. `looks` counts the seeds that the trial was measured on. `boundary` is
    in standard errors, and `level` the chance of luck that it stands for.
    """

    gain: float
    error: float
    hope: float
    looks: int
    boundary: float
    level: float
    noise: Noise

    @property
    def statistic(self) -> float:
        """The gain in standard errors."""
        return _ratio(self.gain, self.error)


class SeedwiseJudge:
    """Runs a trial on one seed after another; drops it as soon as it is clearly no better, keeps it
    on the whole panel or beyond. With `keep: any` every trial meets the whole panel, and its mean
    decides. A deterministic experiment pays one run.

    `budget` is that of a run where it is in seconds, and None where it is not.
    """

    def __init__(
        self, policy: Policy, settings: JudgeSettings, budget: float | None = None
    ) -> None:
        self.policy = policy
        self.settings = settings
        self.budget = budget
        self.noise = NoiseMeter()

    # -- runs --------------------------------------------------------------------------------

    def wanted(self, history: History) -> Sequence[Wanted]:
        panel, single = self._panel(history), self._deterministic(history)
        baseline = missing_runs(history.baseline, panel, Purpose.BASELINE, COMPARED)
        if baseline or not self._measured(history):
            return baseline
        if history.closing:
            if single or history.only_panel:
                return []
            return confirming_runs(history, self.noise.measure(history), self.settings.confirm)
        if validation := self._validation(history):
            return validating_runs(history, validation)
        opponent = self._opponent(history)
        if first := self._first(opponent, panel[:1] if single else panel):
            return first
        asked = (
            wanted
            for trial in history.open
            if not (trial.in_flight or trial.failed)
            for wanted in self._next(opponent, trial, panel[:1] if single else panel)
        )
        return list(dict.fromkeys(asked))  # two trials may ask for the same run of the incumbent

    def closing_runs(self, history: History) -> int:
        """How many runs it would want before the report, for this incumbent or for a new one."""
        if self._deterministic(history) or history.only_panel:
            return 0
        count = self.settings.confirm
        best = confirming_left(history.incumbent, history, count) or count
        others = (history.baseline, *runners_up(history, self.noise.measure(history)))
        return best + sum(confirming_left(trial, history, count) for trial in others)

    def _first(self, opponent: Opponent, panel: Sequence[int]) -> list[Wanted]:
        """What is wanted before any trial meets the incumbent."""
        if self._fresh(opponent.history) and len(panel) > 1:
            close = opponent.history.pairing > _SHARED
            again = opponent.first_of_all() or opponent.wanted(self.settings.most_seeds)
            anchors = opponent.anchors(_ANCHORS) if close else []
            return again or anchors or reviewing_runs(self.policy, opponent.history)
        if opponent.values or opponent.busy:
            return []
        return missing_runs(opponent.trial, panel, Purpose.PANEL, COMPARED)

    def _next(self, opponent: Opponent, trial: Trial, panel: Sequence[int]) -> list[Wanted]:
        if self._fresh(opponent.history) and len(panel) > 1:
            return opponent.next_run(trial)
        return missing_runs(trial, panel, Purpose.PANEL, COMPARED)[:1]

    # -- decisions ---------------------------------------------------------------------------

    def decide(self, history: History) -> Verdict | None:
        if not self._measured(history):
            return None
        if self._is_unfit(history):
            return None if history.baseline.in_flight else _unfit(history)
        if demoted := self._reviewed(history):
            return demoted
        if (validation := self._validation(history)) and not validating_runs(history, validation):
            busy = history.incumbent.in_flight or history.trial(history.validated).in_flight
            return None if busy else validated(history, self.noise.measure(history), validation)
        for trial in history.open:
            if trial.failed:
                return _failure(trial)
            if trial.aborted:
                return aborted(trial)
            if not trial.in_flight and (verdict := self._weigh(history, trial)):
                return verdict
        return None

    def standing(self, history: History, trial: Trial) -> dict[str, Any]:
        """The evidence on an open trial as it stands, empty until it has met the incumbent."""
        found = self._compare(history, trial)
        return self._evidence(history, trial, found) if found else {}

    def check_baseline(self, history: History) -> None:
        check_policy(self.policy, history)

    def _validation(self, history: History) -> Validation | None:
        """The validation that is due, if any."""
        validation = self.settings.validate_
        due = history.incumbent.number and is_due(history, validation)
        return validation if due and not self._deterministic(history) else None

    def _reviewed(self, history: History) -> Verdict | None:
        """The demotion of an incumbent that breaks a rule by now, where further seeds count."""
        rules = self.policy.guardrails or self.policy.bounds
        if not (rules and history.incumbent.number and self._opponent(history).fresh):
            return None
        return reviewed(self.policy, history)

    def _is_unfit(self, history: History) -> bool:
        """Whether the incumbent failed when it was run again, and not for want of other seeds."""
        failed = history.incumbent.failed
        if history.incumbent.number == 0 or failed is None:
            return False
        theirs = history.baseline.failed
        same = theirs is not None and theirs.seed == failed.seed
        return failed.seed in history.seeds or not (history.only_panel or same)

    def _weigh(self, history: History, trial: Trial) -> Verdict | None:
        """A verdict on what is measured so far; None where more runs are needed."""
        found = self._compare(history, trial)
        if found is None:
            return None
        evidence = self._evidence(history, trial, found)
        if ignored := ignored_seed(history, trial):
            return _verdict(trial, Decision.DISCARD, ignored, evidence)
        most = self._most(history)
        if history.closing and found.looks >= self._least(history):
            most = found.looks
        if found.looks < most and not self._clear(history, trial, found):
            return None
        broken = self._broken(history, trial)
        better = self._improves(history, trial, found)
        whole = found.looks >= self._least(history)
        if whole and not broken:
            simpler = simplicity(self.policy, history, trial, found.gain, self._bound(found))
            if better.passed or simpler.passed:
                passed = better if better.passed else simpler
                keep = _verdict(trial, Decision.KEEP, passed, evidence)
                return self._kept(history, trial, found, keep)
        early = (
            not whole and not better.passed
        )  # dropped for want of a gain, whatever else it broke
        finding = better if early else [*broken, better][0]
        if not whole or found.looks < most:
            said = f"{finding.reason}, dropped after {_seeds(found.looks)}"
            finding = Finding(finding.rule, False, said)
        return _verdict(trial, Decision.DISCARD, finding, evidence)

    def _kept(
        self, history: History, trial: Trial, found: Comparison, keep: Verdict
    ) -> Verdict | None:
        """The keep, unless two seeds already look as if the trial ignored them: then a third one
        has to tell, and where there is none, it is no keep.
        """
        ignored = ignored_seed(history, trial, _FEWEST)
        if ignored is None:
            return keep
        if found.looks < CONVINCING and self._fresh(history) and not history.closing:
            return None
        return _verdict(trial, Decision.DISCARD, ignored, keep.evidence)

    def _broken(self, history: History, trial: Trial) -> list[Finding]:
        """The budget where it was not kept, and rules of the policy."""
        spent = overspent(history, trial, self.budget)
        return [*([spent] if spent else []), *broken_rules(self.policy, history, trial)]

    def _compare(self, history: History, trial: Trial) -> Comparison | None:
        """None until the trial has met the incumbent."""
        noise = self.noise.measure(history, trial)
        ours, opponent = trial.values(history.metric), self._opponent(history)
        if not ours or set(opponent.busy) & set(ours) or not opponent.values:
            return None
        noise = noise.with_own(ours.values())
        found = noise.difference_of(ours, opponent.values)
        if found is None:
            return None
        sign, level = history.direction.sign, self._level(history, len(ours))
        return Comparison(
            gain=0.0 if _is_the_same(ours, opponent.values) else sign * found[0],
            error=found[1],
            hope=_hope(noise, ours, opponent.values, sign),
            looks=len(ours),
            boundary=self._boundary(history, noise, level),
            level=level,
            noise=noise,
        )

    def _clear(self, history: History, trial: Trial, found: Comparison) -> bool:
        """Whether more seeds could not change the verdict, or need not."""
        if self.settings.keep == "any":
            return False  # the panel's mean is meant, and no estimate of it
        hopeful = self._hopeful(history, trial, found)
        if found.looks < self._least(history) or not hopeful:
            return not hopeful
        if found.statistic >= found.boundary and found.gain > 0:
            return True
        return not self._may_investigate(history) or bool(self._broken(history, trial))

    def _hopeful(self, history: History, trial: Trial, found: Comparison) -> bool:
        """Whether more seeds may yet show a gain, or a simplification without a loss."""
        least_gain = self._required(history, trial)
        least = dropped_below(found.looks)
        if found.hope > 0 and found.hope >= least and found.gain + 2 * found.error >= least_gain:
            return True
        if trial.lines >= 0 or self.policy.prefer is None:
            return False
        incumbent = history.incumbent.mean(history.metric) or 0.0
        return -found.gain <= self.policy.prefer.within.of(incumbent) + 2 * found.error

    def _required(self, history: History, trial: Trial) -> float:
        """The gain over the incumbent that REQUIRE asks for, 0 without one."""
        requires = [each for each in self.policy.requires if each.over == "incumbent"]
        return max(
            (required(each.amount, history, trial, history.incumbent) for each in requires),
            default=0.0,
        )

    def _may_investigate(self, history: History) -> bool:
        """Whether runs beyond the panel may still be spent."""
        least = self._least(history)
        trials = (*history.trials[-200:], *history.open)
        extra = sum(max(0, len(each.runs) - least) for each in trials)
        return extra <= self.settings.investigate * sum(len(each.runs) for each in trials) + least

    def _improves(self, history: History, trial: Trial, found: Comparison) -> Finding:
        """The requirements on the estimate, and then the noise that it must stand out of."""
        finding = requirements(self.policy, history, trial, found.gain)
        if not finding.passed or self.settings.keep == "any":
            return finding
        if found.error == inf:
            return Finding("evidence", False, "one seed shows no noise to compare a gain with")
        if found.boundary == inf:
            few = f"too few for a keep, and {found.statistic:.2f} standard errors too little"
            said = f"{history.metric} gains {found.gain:.6g} on {_seeds(found.looks)}"
            return Finding("evidence", False, f"{said}: {few} to go on")
        if found.statistic < found.boundary:
            said = f"{history.metric} gains {found.gain:.6g}, {found.statistic:.2f} standard errors"
            return Finding("evidence", False, f"{said} where {found.boundary:.2f} are needed")
        if self._carried_by_one(history, trial, found):
            return Finding("evidence", False, f"one seed alone carries {history.metric}'s gain")
        return finding

    def _carried_by_one(self, history: History, trial: Trial, found: Comparison) -> bool:
        """Whether nothing is left of the gain without the best of the trial's values."""
        values, sign = trial.values(history.metric), history.direction.sign
        if len(values) < 3 or found.noise.deterministic:
            return False
        best = max(values, key=lambda seed: sign * values[seed])
        rest = {seed: value for seed, value in values.items() if seed != best}
        left = mean_difference(rest, self._opponent(history).values, found.noise.pairing)
        return left is not None and sign * left[0] <= 0

    # -- what it takes -----------------------------------------------------------------------

    def _fresh(self, history: History) -> bool:
        """Whether seeds beyond the panel count; not where the baseline itself fails on them."""
        wished = self.settings.keep == "evidence" and self.settings.panel == "fresh"
        return wished and not history.only_panel

    def _opponent(self, history: History) -> Opponent:
        return Opponent(history, self._fresh(history) and not self._deterministic(history))

    def _deterministic(self, history: History) -> bool:
        return self.noise.measure(history).deterministic

    def _panel(self, history: History) -> tuple[int, ...]:
        """The seeds of the baseline: two at least, where further ones may be drawn."""
        if self._fresh(history) and len(history.seeds) < _FEWEST:
            return tuple(islice(search_seeds(history.seeds), _FEWEST))
        return history.seeds

    def _measured(self, history: History) -> bool:
        return set(self._panel(history)) <= history.baseline.values(history.metric).keys()

    def _least(self, history: History) -> int:
        """The seeds that a keep must have been measured on."""
        return 1 if self._deterministic(history) else len(self._panel(history))

    def _most(self, history: History) -> int:
        """The seeds after which the verdict falls."""
        least = self._least(history)
        return max(least, self.settings.most_seeds) if self._fresh(history) and least > 1 else least

    def _level(self, history: History, looks: int) -> float:
        """The chance of luck that this test may take; none before the trial could be kept."""
        if self.settings.keep == "any" or looks < self._least(history):
            return 0.0
        return next_level(history, self.settings.false_keeps)

    def _boundary(self, history: History, noise: Noise, level: float) -> float:
        if self.settings.keep == "any" or noise.deterministic:
            return 0.0
        if not level:
            return inf
        return boundary(level, self._most(history), noise.freedom, self._least(history))

    def _bound(self, found: Comparison) -> float:
        """How far the true loss may lie above its estimate."""
        if self.settings.keep == "any" or found.noise.deterministic:
            return 0.0
        return found.boundary * found.error

    def _evidence(self, history: History, trial: Trial, found: Comparison) -> dict[str, Any]:
        noise, opponent = found.noise, self._opponent(history)
        return {
            "against": opponent.trial.number,
            "differences": {
                str(seed): value - opponent.values[seed]
                for seed, value in trial.values(history.metric).items()
                if seed in opponent.values
            },
            "seeds": {"trial": len(trial.values(history.metric)), "against": len(opponent.values)},
            "gain": found.gain,
            "standard_error": _finite(found.error),
            "statistic": _finite(found.statistic),
            "boundary": _finite(found.boundary),
            "level": found.level,
            "noise": _finite(noise.sigma),
            "pairing": noise.pairing,
            "degrees_of_freedom": round(noise.freedom, 1),
            "deterministic": noise.deterministic,
        }


def _hope(noise: Noise, ours: Mapping[int, float], theirs: Mapping[int, float], sign: int) -> float:
    """The gain in standard errors, as the pairs have it; before there are any, whether there is one
    at all, by common seeds or by means.
    """
    if noise.pairs or noise.deterministic:
        found = noise.difference_of(ours, theirs, noise.seen_pairing)
        return _ratio(sign * found[0], found[1]) if found else -inf
    ways = (mean_difference(ours, theirs, pairing) for pairing in (0.0, 1.0))
    return max((_ratio(sign * found[0], 0.0) for found in ways if found), default=-inf)


def _is_the_same(ours: Mapping[int, float], theirs: Mapping[int, float]) -> bool:
    """Whether no seed that both met tells them apart; what the others brought is luck then."""
    pairs = [value - theirs[seed] for seed, value in ours.items() if seed in theirs]
    return bool(pairs) and not any(pairs)


def _ratio(gain: float, error: float) -> float:
    """A gain in standard errors; without an error any gain is beyond doubt."""
    if error == 0.0:
        return inf if gain > 0 else -inf if gain < 0 else 0.0
    return gain / error


def _finite(number: float) -> float | None:
    return number if isfinite(number) else None


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"


def _verdict(
    trial: Trial, decision: Decision, finding: Finding, evidence: Mapping[str, Any]
) -> Verdict:
    return Verdict(trial.number, decision, finding.rule, finding.reason, evidence)


def _unfit(history: History) -> Verdict:
    """The incumbent failed on another seed, or in a longer run: it gives way to the one before."""
    trial = history.incumbent
    failure = _failure(trial)
    line = [each.number for each in history.lineage()[:-1] if each.number in history.kept]
    before = line[-1] if line else 0
    reason = f"it failed when it was run again: {failure.reason}"
    return Verdict(
        trial.number, Decision.DISCARD, failure.rule, reason, {**failure.evidence, "to": before}
    )


def _failure(trial: Trial) -> Verdict:
    run = trial.failed
    assert run is not None and run.outcome is not None and run.outcome is not Outcome.OK
    reason = run.detail or f"the run ended as {run.outcome.value}"
    return Verdict(trial.number, Decision.CRASH, run.outcome.value, reason, {"run": run.number})
