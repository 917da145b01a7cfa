"""The judge: a trial meets the incumbent seed by seed, and leaves as soon as it is clear."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite
from typing import Any

from nightlab.judge.noise import Noise, NoiseMeter
from nightlab.judge.rules import Finding, broken_rules, check_policy, requirements, simplicity
from nightlab.judge.settings import JudgeSettings
from nightlab.program.policy import Policy
from nightlab.types import Decision, History, Outcome, Purpose, Trial, Verdict, Wanted

_HOPELESS = 0.5
"""Below this many standard errors of gain a trial is dropped before its panel is complete."""


class SeedwiseJudge:
    """Runs a trial on one seed of the panel after another; keeps only on the whole panel.

    Every comparison is between values of the same seed. A deterministic experiment pays one run.
    """

    def __init__(self, policy: Policy, settings: JudgeSettings) -> None:
        self.policy = policy
        self.settings = settings
        self.noise = NoiseMeter()

    def wanted(self, history: History) -> Sequence[Wanted]:
        runs = self._missing(history, history.baseline, Purpose.BASELINE, history.seeds)
        if runs or not self._measured(history, history.baseline):
            return runs
        panel = self._panel(history)
        known = history.incumbent.values(history.metric)
        if not set(panel) <= known.keys():  # it was measured by another tool
            return self._missing(history, history.incumbent, Purpose.PANEL, panel)
        return [
            Wanted(trial.number, seed, Purpose.PANEL)
            for trial in history.open
            if not trial.in_flight and not trial.failed
            for seed in [s for s in panel if s not in trial.values(history.metric)][:1]
        ]

    def decide(self, history: History) -> Verdict | None:
        if not self._measured(history, history.baseline):
            return None
        for trial in history.open:
            if trial.failed:
                return _failure(trial)
            if trial.in_flight or not trial.values(history.metric):
                continue
            verdict = self._weigh(history, trial, self.noise.measure(history, trial))
            if verdict:
                return verdict
        return None

    def check_baseline(self, history: History) -> None:
        check_policy(self.policy, history)

    def _panel(self, history: History) -> tuple[int, ...]:
        """The seeds a trial must meet; one is enough where seeds make no difference."""
        return history.seeds[:1] if self.noise.measure(history).deterministic else history.seeds

    def _missing(
        self, history: History, trial: Trial, purpose: Purpose, seeds: Sequence[int]
    ) -> list[Wanted]:
        busy = {run.seed for run in trial.in_flight} | set(trial.values(history.metric))
        return [Wanted(trial.number, s, purpose) for s in seeds if s not in busy]

    def _measured(self, history: History, trial: Trial) -> bool:
        return all(seed in trial.values(history.metric) for seed in history.seeds)

    def _weigh(self, history: History, trial: Trial, noise: Noise) -> Verdict | None:
        """A verdict on what is measured so far; None where more runs are needed."""
        pairs = history.differences(trial, history.incumbent)
        if not pairs:
            return None
        panel = self._panel(history)
        left = len([seed for seed in panel if seed not in pairs])
        error = noise.error(len(pairs))
        boundary = self._boundary(noise) if not left else self._early_boundary(noise)
        if left and self._hopeful(history, trial, boundary, error):
            return None
        broken = broken_rules(self.policy, history, trial)
        better = self._improves(history, trial, error, boundary)
        simpler = simplicity(self.policy, history, trial, self._bound(noise, error))
        evidence = self._evidence(history, trial, noise, boundary)
        if left:
            first = [*broken, self._lost_in_noise(history, trial, error, boundary) or better][0]
            reason = f"{first.reason}, dropped after {len(pairs)} of {len(panel)} seeds"
            return Verdict(trial.number, Decision.DISCARD, first.rule, reason, evidence)
        if broken:
            return _verdict(trial, Decision.DISCARD, broken[0], evidence)
        if not better.passed and simpler.passed:
            return _verdict(trial, Decision.KEEP, simpler, evidence)
        decision = Decision.KEEP if better.passed else Decision.DISCARD
        return _verdict(trial, decision, better, evidence)

    def _hopeful(self, history: History, trial: Trial, boundary: float, error: float) -> bool:
        """Whether more seeds may yet show a gain, or a simplification without a loss."""
        gain = history.gain(trial, history.incumbent) or 0.0
        if gain > 0 and (not boundary or gain >= boundary * error):
            return True
        if trial.lines >= 0 or self.policy.prefer is None:
            return False
        incumbent = history.incumbent.mean(history.metric) or 0.0
        return -gain <= self.policy.prefer.within.of(incumbent) + 2 * error

    def _early_boundary(self, noise: Noise) -> float:
        """Standard errors below which a trial is dropped early; 0 until pairs tell the noise."""
        return _HOPELESS if self.settings.keep == "evidence" and noise.pairs else 0.0

    def _boundary(self, noise: Noise) -> float:
        return 0.0 if self.settings.keep == "any" else noise.boundary(self.settings.false_keeps)

    def _bound(self, noise: Noise, error: float) -> float:
        """How far the true loss may lie above its estimate."""
        if self.settings.keep == "any" or noise.deterministic:
            return 0.0
        if error == inf:
            return inf
        return noise.boundary(self.settings.false_keeps) * error

    def _improves(self, history: History, trial: Trial, error: float, boundary: float) -> Finding:
        """The requirements on the estimate, and then the noise that it must stand out of."""
        finding = requirements(self.policy, history, trial)
        if error == inf and self.settings.keep == "evidence":
            return Finding("evidence", False, "one seed shows no noise to compare a gain with")
        lost = self._lost_in_noise(history, trial, error, boundary)
        return lost if finding.passed and lost else finding

    def _lost_in_noise(
        self, history: History, trial: Trial, error: float, boundary: float
    ) -> Finding | None:
        """What is to be said of a gain that doesn't reach so many standard errors."""
        gain = history.gain(trial, history.incumbent) or 0.0
        if not boundary or not 0 < gain < boundary * error:
            return None
        said = f"{history.metric} gains {gain:.6g}, which is {gain / error:.2f} standard errors"
        return Finding("evidence", False, f"{said} where {boundary:.2f} are needed")

    def _evidence(
        self, history: History, trial: Trial, noise: Noise, boundary: float
    ) -> dict[str, Any]:
        pairs = history.differences(trial, history.incumbent)
        gain = history.gain(trial, history.incumbent) or 0.0
        error = noise.error(len(pairs))
        return {
            "against": history.incumbent.number,
            "differences": {str(seed): value for seed, value in pairs.items()},
            "gain": gain,
            "standard_error": error if isfinite(error) else None,
            "statistic": gain / error if error else None,
            "boundary": boundary if isfinite(boundary) else None,
            "noise": noise.sigma if isfinite(noise.sigma) else None,
            "degrees_of_freedom": noise.freedom,
            "noise_from": "pairs" if noise.pairs else "the baseline's seeds",
            "deterministic": noise.deterministic,
        }


def _verdict(
    trial: Trial, decision: Decision, finding: Finding, evidence: dict[str, Any]
) -> Verdict:
    return Verdict(trial.number, decision, finding.rule, finding.reason, evidence)


def _failure(trial: Trial) -> Verdict:
    run = trial.failed
    assert run is not None and run.outcome is not None and run.outcome is not Outcome.OK
    reason = run.detail or f"the run ended as {run.outcome.value}"
    return Verdict(trial.number, Decision.CRASH, run.outcome.value, reason, {"run": run.number})
