"""The `search` proposer: Optuna's Gaussian process, or TPE, by ask and tell."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from nightlab.program.mechanism import are_one
from nightlab.program.space import (
    BoolParameter,
    ChoiceParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    Space,
)
from nightlab.propose import NothingToPropose, Setting
from nightlab.propose.random import no_space, summarise
from nightlab.propose.settings import ProposeSettings
from nightlab.types import Decision, History, Idea, Parameters, Trial, Value

if TYPE_CHECKING:
    import optuna

REMEMBERED = 300
"""How many trials the model is told of at most: the best and the last ones. Reports say so."""

_RUNS = 8
"""So many runs of a trial the model is told of at most."""

_TOO_SMALL = 0.02
"""Moves below this share of a parameter's range are left out of a change."""


class SearchProposer:
    """The default. First the defaults (the baseline), then `startup` quasi-random points, then a
    model: the GP sampler, which copes best with noise on static spaces, or TPE where the space is
    conditional or torch is not installed.

    The model is told how far each run lies from the baseline, and not the mean or the best of a
    trial, so that it learns the noise; what a seed brings to all trials alike is taken out.
    Crashes count as the worst seen, and what was stopped as hopeless before it had a value as
    worse than three in four. It is built anew from the history for each idea: nothing can be out
    of step with the ledger.
    """

    def __init__(self, settings: ProposeSettings, setting: Setting) -> None:
        self.space = setting.space
        self.at_once = settings.at_once
        self.one_mechanism = setting.one_mechanism
        self.startup = settings.startup
        self.emitter = settings.name or "search"
        self.seed = settings.seed
        self.refusals = 0

    def propose(self, history: History) -> Idea:
        if not len(self.space):
            raise NothingToPropose(no_space())
        suggested = self._suggest(history)
        values = history.incumbent.parameters
        if self.refusals:
            suggested = self._shaken(suggested, values, len(history.trials))
        moved = self._limited(suggested, values)
        return Idea(summarise(moved, values), emitter=self.emitter, parameters=moved)

    def refused(self, idea: Idea, reason: str) -> None:
        self.refusals += 1

    def _suggest(self, history: History) -> Parameters:
        if len(history.trials) < self.startup and not self.space.conditional:
            return quasi_random(self.space, len(history.trials) + self.refusals, self.seed)
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study = optuna.create_study(sampler=self._sampler(len(history.trials)))
            study.add_trials(self._told(history))
            if self.space.conditional:
                return self._define_by_run(study.ask())
            distributions = {n: distribution(p) for n, p in self.space.parameters.items()}
            return self._rounded(study.ask(distributions).params)

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        import optuna

        seed = self.seed + 1000 * number + self.refusals
        if not self.space.conditional and _has_torch():
            _keep_to_one_thread()
            return optuna.samplers.GPSampler(
                seed=seed, n_startup_trials=0, deterministic_objective=False
            )
        return optuna.samplers.TPESampler(
            seed=seed,
            n_startup_trials=self.startup,
            multivariate=True,
            group=self.space.conditional,
        )

    def _define_by_run(self, trial: optuna.Trial) -> Parameters:
        values: dict[str, Value] = {}
        for name, parameter in self.space.parameters.items():
            if parameter.active(values):
                values[name] = trial._suggest(name, distribution(parameter))
        return self._rounded(values)

    def _rounded(self, values: Parameters) -> Parameters:
        """The values as the space would write them: real numbers to a few digits."""
        found = dict(values)
        for name, value in values.items():
            parameter = self.space.parameters[name]
            if isinstance(parameter, (IntParameter, FloatParameter)):
                found[name] = parameter.from_unit(parameter.to_unit(value))
        return found

    def _told(self, history: History) -> list[optuna.trial.FrozenTrial]:
        """The history as finished Optuna trials, a run each, smaller values better."""
        scored = [(t, self._score(history, t)) for t in self._remembered(history)]
        seen = [score for _, score in scored if score is not None]
        worst = max(seen, default=0.0)
        told = []
        for trial, score in scored:
            failed = trial.verdict is not None and trial.verdict.decision is Decision.CRASH
            value = worst if failed else score
            if value is None and trial.aborted and seen:
                value = sorted(seen)[3 * len(seen) // 4]
            if value is not None:
                apart = [0.0] if failed or trial.aborted else self._apart(history, trial)
                told += [self._frozen(trial.parameters, value + each) for each in apart]
            elif trial.verdict is None:
                told.append(self._frozen(trial.parameters, sorted(seen)[len(seen) // 2]))
        return [trial for trial in told if trial is not None]

    def _apart(self, history: History, trial: Trial) -> list[float]:
        """How far each run lies from the trial's mean, what its seed explains aside: the noise."""
        values = list(trial.values(history.metric).values())[:_RUNS]
        mean, share = sum(values) / len(values), (1 - history.pairing) ** 0.5
        return [share * (value - mean) for value in values]

    def _remembered(self, history: History) -> Sequence[Trial]:
        """The baseline, the trials it still has room for, and of older ones the best."""
        if len(history.trials) <= REMEMBERED:
            return [history.baseline, *history.trials]
        recent = history.trials[-REMEMBERED // 2 :]
        older = [(self._score(history, t), t) for t in history.trials[: -REMEMBERED // 2]]
        ranked = sorted((s, t.number, t) for s, t in older if s is not None)
        best = [trial for _, _, trial in ranked[: REMEMBERED // 2]]
        return [history.baseline, *best, *recent]

    def _score(self, history: History, trial: Trial) -> float | None:
        if trial.number == 0:
            return 0.0
        gain = history.gain(trial, history.baseline)
        return None if gain is None else -gain

    def _frozen(self, values: Parameters, score: float) -> optuna.trial.FrozenTrial | None:
        import optuna

        names = self.space.active(values)
        parameters = {}
        for name in names:
            parameter = self.space.parameters[name]
            if isinstance(parameter, (BoolParameter, ChoiceParameter)):
                if not parameter.contains(values[name]):
                    return None
                parameters[name] = values[name]
            else:
                low, high = parameter.bounds
                value = min(max(float(values[name]), low), high)
                parameters[name] = int(value) if isinstance(parameter, IntParameter) else value
        return optuna.trial.create_trial(
            params=parameters,
            distributions={name: distribution(self.space.parameters[name]) for name in parameters},
            value=score,
        )

    def _shaken(self, suggested: Parameters, values: Parameters, number: int) -> Parameters:
        """After a refusal, one more parameter moves at random, so that the idea is another."""
        random = Random(f"{self.seed}:{number}:{self.refusals}")
        name = random.choice(sorted(suggested))
        return {**suggested, name: self.space.draw(name, random, avoid=values.get(name))}

    def _limited(self, suggested: Parameters, values: Parameters) -> Parameters:
        """The suggested values that differ from the incumbent's, the largest moves first."""
        moves = []
        for name, value in suggested.items():
            parameter = self.space.parameters[name]
            size = abs(parameter.to_unit(value) - parameter.to_unit(values[name]))
            if value != values[name] and size > 0:
                moves.append((size, name, value))
        moves.sort(key=lambda move: -move[0])
        large = [move for move in moves if move[0] >= _TOO_SMALL] or moves[:1]
        names = self._of_one_mechanism([name for _, name, _ in large])
        chosen = set(names[: self.at_once])
        return {name: value for name, value in suggested.items() if name in chosen}

    def _of_one_mechanism(self, names: list[str]) -> list[str]:
        """Where a change may move one mechanism alone: the first name, and what goes with it."""
        kept: list[str] = []
        for name in names:
            if not self.one_mechanism or are_one((*kept, name), self.space.parameters):
                kept.append(name)
        return kept


def distribution(parameter: Parameter) -> Any:
    """The parameter as an Optuna distribution."""
    from optuna import distributions as d

    if isinstance(parameter, (BoolParameter, ChoiceParameter)):
        return d.CategoricalDistribution(parameter.options)
    if isinstance(parameter, IntParameter):
        step = parameter.step or 1
        whole = parameter.log or (parameter.high - parameter.low) % step
        return d.IntDistribution(parameter.low, parameter.high, parameter.log, 1 if whole else step)
    return d.FloatDistribution(parameter.low, parameter.high, parameter.log)


def _keep_to_one_thread() -> None:
    """Proposing shares the machine with runs in flight; a second spinning thread slows both."""
    import torch

    torch.set_num_threads(1)


def _has_torch() -> bool:
    return all(importlib.util.find_spec(name) for name in ("torch", "scipy"))


def quasi_random(space: Space, number: int, seed: int) -> Parameters:
    """Point `number` of a scrambled Sobol sequence over the space."""
    from scipy.stats.qmc import Sobol

    count = 1 << number.bit_length()
    point = Sobol(len(space), scramble=True, rng=seed).random(count)[number]
    named = zip(space.parameters.items(), point, strict=True)
    return {name: parameter.from_unit(float(unit)) for (name, parameter), unit in named}
