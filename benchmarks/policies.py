"""The policies of `benchmarks/search.py`: Nightlab and its peers, behind one interface.

`policy(task, runs, seed)` searches a task within a budget of experiment runs and returns what it
recommends and what it claims. The peers are modelled on what their authors describe, in a few
lines each, and say so; Nightlab and Optuna are the real ones. All see the same experiment: run
number k of seed s in campaign c has the same noise for every policy.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from tasks import Task, generator, typed

import nightlab
from nightlab.api.study import Best
from nightlab.program.space import Space
from nightlab.propose.search import distribution
from nightlab.types import Decision, Parameters, Trial

Keep = tuple[Parameters, Parameters]


@dataclass(frozen=True)
class Result:
    """What a campaign ended with.

    `claimed` is the improvement over the start that the policy would report (positive: better).
    `keeps` are the changes that it kept on the way, as (from, to); None where a policy searches
    without keeping. `trials` counts the configurations it tried, the start aside. `seconds` is
    the policy's own time, the experiment's aside.
    """

    recommended: Parameters
    claimed: float
    keeps: Sequence[Keep] | None
    runs: int
    trials: int
    seconds: float


@dataclass
class Experiment:
    """A task as one campaign sees it: counted runs, and seeds of the campaign's own."""

    task: Task
    campaign: int
    runs: int = 0
    seconds: float = 0.0
    began: float = field(default_factory=time.perf_counter)

    def __call__(self, parameters: Parameters, seed: int) -> float:
        began = time.perf_counter()
        own = int(generator("campaign", self.campaign, seed).integers(2**62))
        value = self.task.run(parameters, own)
        self.runs += 1
        self.seconds += time.perf_counter() - began
        return value

    def anew(self, parameters: Parameters) -> float:
        """A run with a seed that no run before had."""
        return self(parameters, 1_000_000 + self.runs)

    def result(
        self, recommended: Parameters, claimed: float, keeps: list[Keep] | None, trials: int
    ) -> Result:
        own = time.perf_counter() - self.began - self.seconds
        return Result(dict(recommended), claimed, keeps, self.runs, trials, own)


Policy = Callable[[Task, int, int], Result]


def mutated(space: Space, parameters: Parameters, random: Random) -> Parameters:
    """One parameter drawn anew."""
    name = random.choice(list(space.parameters))
    return {**parameters, name: space.draw(name, random, avoid=parameters[name])}


def random_search(task: Task, runs: int, seed: int) -> Result:
    """Fresh random configurations, one run each; recommends the best that it saw."""
    experiment, random, space = Experiment(task, seed), Random(f"random:{seed}"), typed(task.space)
    first = experiment.anew(task.start)
    best, value = task.start, first
    for _ in range(runs - 1):
        drawn = {name: space.draw(name, random) for name in space.parameters}
        seen = experiment.anew(drawn)
        if seen < value:
            best, value = drawn, seen
    return experiment.result(best, first - value, None, runs - 1)


def greedy(task: Task, runs: int, seed: int) -> Result:
    """karpathy/autoresearch: one change, one run, one fixed seed; lower is kept."""
    experiment, random, space = Experiment(task, seed), Random(f"greedy:{seed}"), typed(task.space)
    first = experiment(task.start, 0)
    best, value, keeps = task.start, first, []
    for _ in range(runs - 1):
        changed = mutated(space, best, random)
        seen = experiment(changed, 0)
        if seen < value:
            keeps.append((best, changed))
            best, value = changed, seen
    return experiment.result(best, first - value, keeps, runs - 1)


SWARM_PANEL = (7, 11, 19)
SWARM_STEP = 0.1
SWARM_IMPROVEMENT = 0.01


def swarm(task: Task, runs: int, seed: int) -> Result:
    """SWARM's climb: one knob, one step; the mean over a fixed panel of three seeds decides.

    Modelled, not run. A step is a tenth of a number's range (a whole number moves by one at
    least), another option of a choice. A change must improve the mean by `min_improvement`, its
    example's .01, here of the start's own value. As there, a candidate may be one that was tried
    before, and then costs its runs again.
    """
    experiment, random, space = Experiment(task, seed), Random(f"swarm:{seed}"), typed(task.space)

    def panel(parameters: Parameters) -> float:
        return statistics.fmean(experiment(parameters, s) for s in SWARM_PANEL)

    first = panel(task.start)
    needed = SWARM_IMPROVEMENT * abs(first)
    best, value, keeps, trials = task.start, first, [], 0
    while experiment.runs + len(SWARM_PANEL) <= runs:
        changed = stepped(space, best, random)
        seen = panel(changed)
        trials += 1
        if seen <= value - needed:
            keeps.append((best, changed))
            best, value = changed, seen
    return experiment.result(best, first - value, keeps, trials)


def stepped(space: Space, parameters: Parameters, random: Random) -> Parameters:
    """One parameter moved by one step."""
    name = random.choice(list(space.parameters))
    parameter, old = space.parameters[name], parameters[name]
    if parameter.type in ("bool", "choice"):
        return {**parameters, name: random.choice(parameter.neighbours(old))}
    up = random.random() < 0.5
    new = parameter.from_unit(parameter.to_unit(old) + (SWARM_STEP if up else -SWARM_STEP))
    if new == old and parameter.type == "int":
        inside = parameter.neighbours(old)
        new = inside[-1] if up else inside[0]
    return {**parameters, name: new}


LABLOOP_REPEATS = 6


def labloop(task: Task, runs: int, seed: int) -> Result:
    """labloop 1.0 as it is: one change, one run; better than the incumbent's value is kept.

    Modelled on its loop (`min_delta` 0, no `confirm`), not run; its own proposals would come from
    a command, so these are the same as greedy's. It passes no seed on, so each run has another.
    """
    return _labloop(task, runs, seed, safe=False)


def labloop_safe(task: Task, runs: int, seed: int) -> Result:
    """labloop 1.0 with both its safeguards, as its README advises for an experiment with noise.

    Modelled, not run. `labloop noise --repeat 6` first; the spread (highest minus lowest) becomes
    `--min-delta`; `--confirm` runs a candidate that won once more, and keeps it if it wins again,
    at the weaker of its two values.
    """
    return _labloop(task, runs, seed, safe=True)


def _labloop(task: Task, runs: int, seed: int, safe: bool) -> Result:
    experiment, random, space = Experiment(task, seed), Random(f"greedy:{seed}"), typed(task.space)
    repeats = [experiment.anew(task.start) for _ in range(LABLOOP_REPEATS if safe else 0)]
    delta = max(repeats) - min(repeats) if safe else 0.0
    first = experiment.anew(task.start)
    best, value, keeps, trials = task.start, first, [], 0
    while experiment.runs < runs:
        changed = mutated(space, best, random)
        seen = experiment.anew(changed)
        trials += 1
        if seen >= value - delta:
            continue
        if safe:
            if experiment.runs == runs:
                break
            seen = max(seen, experiment.anew(changed))
            if seen >= value - delta:
                continue
        keeps.append((best, changed))
        best, value = changed, seen
    return experiment.result(best, first - value, keeps, trials)


def optuna_tpe(task: Task, runs: int, seed: int) -> Result:
    """Optuna's TPE, multivariate; the start is tried first, and the best value recommended."""
    import optuna

    return _optuna(task, runs, seed, optuna.samplers.TPESampler(seed=seed, multivariate=True))


def optuna_gp(task: Task, runs: int, seed: int) -> Result:
    """Optuna's Gaussian process, told that the objective has noise; otherwise as `optuna-tpe`."""
    import optuna

    sampler = optuna.samplers.GPSampler(seed=seed, deterministic_objective=False)
    return _optuna(task, runs, seed, sampler)


def _optuna(task: Task, runs: int, seed: int, sampler: Any) -> Result:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    experiment = Experiment(task, seed)
    distributions = {name: distribution(p) for name, p in typed(task.space).parameters.items()}
    study = optuna.create_study(sampler=sampler)
    study.enqueue_trial(dict(task.start))
    for _ in range(runs):
        trial = study.ask(distributions)
        study.tell(trial, experiment.anew(trial.params))
    first = study.trials[0].value
    assert first is not None
    return experiment.result(study.best_params, first - study.best_value, None, runs - 1)


def nightlab_itself(task: Task, runs: int, seed: int, **settings: Any) -> Result:
    """Nightlab through `nightlab.optimize`, all settings at their defaults but those given.

    The order of the parameters is shuffled by the campaign's seed, so that its quasi-random
    points differ from campaign to campaign.
    """
    experiment = Experiment(task, seed)
    names = list(task.space)
    Random(f"nightlab:{seed}").shuffle(names)
    space = {name: task.space[name] for name in names}
    with tempfile.TemporaryDirectory(prefix="search-") as place:
        os.environ["NIGHTLAB_WORK"] = place
        study = optimized(experiment, space, task.start, runs, **settings)
        best, trials = study.best, study.trials
        keeps = kept(study.baseline, trials)
    return experiment.result(best.parameters, claim(best), keeps, len(trials))


def optimized(
    function: Experiment, space: Any, start: Parameters, runs: int, **settings: Any
) -> nightlab.Study:
    """One campaign within a budget of runs."""

    def loss(parameters: Parameters, seed: int) -> float:
        return function(parameters, seed)

    return nightlab.optimize(loss, space, "minimize loss", start=start, runs=runs, **settings)


def claim(best: Best) -> float:
    """The improvement that Nightlab reports: the confirmed one, where there is one."""
    return float(best.gain if best.confirmed is None else best.confirmed.gain)


def kept(baseline: Trial, trials: Sequence[Trial]) -> list[Keep]:
    """The changes that were kept, each with what it was built from."""
    made, found = {"": baseline.parameters, baseline.commit: baseline.parameters}, []
    for trial in trials:
        if trial.verdict and trial.verdict.decision is Decision.KEEP:
            found.append((made.get(trial.parent, baseline.parameters), trial.parameters))
            made[trial.commit] = trial.parameters
    return found


POLICIES: dict[str, Policy] = {
    "nightlab": nightlab_itself,
    "nightlab-20%": partial(nightlab_itself, false_keeps=0.2),
    "nightlab-50%": partial(nightlab_itself, false_keeps=0.5),
    "nightlab-any": partial(nightlab_itself, keep="any"),
    "random": random_search,
    "greedy": greedy,
    "swarm": swarm,
    "labloop": labloop,
    "labloop-safe": labloop_safe,
    "optuna-tpe": optuna_tpe,
    "optuna-gp": optuna_gp,
}


def campaign(name: str, task: Task, runs: int, seed: int) -> Result:
    """One campaign of a policy, without Optuna's notes about what is experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return POLICIES[name](task, runs, seed)


USUAL = [name for name in POLICIES if not name.startswith("nightlab-")]
"""Without the settings of Nightlab that only show what its error rate costs."""
