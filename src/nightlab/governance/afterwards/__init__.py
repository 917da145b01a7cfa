"""After the search: fresh seeds, which changes matter, a longer look, and best.yaml measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nightlab.change.keys import flatten, load_mapping
from nightlab.governance.afterwards.ablation import MOST_RUNS, Ablation, Taken, ablate
from nightlab.governance.afterwards.fresh import Fresh, further_seeds, measure_fresh
from nightlab.governance.afterwards.sample import Configuration, Sample
from nightlab.governance.afterwards.units import conditions_of
from nightlab.governance.ledger.best import check_best, write_best
from nightlab.governance.ledger.record import lever
from nightlab.governance.place import Place
from nightlab.governance.question import Question, Say
from nightlab.governance.simulation.pool import Pool
from nightlab.governance.simulation.simulator import Simulator
from nightlab.program.space import Space
from nightlab.study import Study
from nightlab.types import History, NightlabError, Outcome, Trial, Value

TIMES = 3.0
"""How many times the horizon the longer look is."""

MOST_STEPS = 5
"""So many of the last kept are looked at, while they break the policy on fresh seeds."""

_MOST_SEEDS = 3
"""On so many seeds of the panel best.yaml is measured once more."""


@dataclass(frozen=True)
class LookBack:
    """What came of it: `levers` are the changed ones that best.yaml has, by their own names."""

    ablation: Ablation
    longer: Fresh | None
    levers: Mapping[str, Value]


def told(found: LookBack | None) -> dict[str, Any]:
    """What the ledger tells of the look back, in its `nightlab` object."""
    if found is None:
        return {"confirmed": None, "ablation": None}
    ablation = found.ablation
    return {
        "confirmed": asdict(ablation.fresh),
        "longer": asdict(found.longer) if found.longer else None,
        "ablation": {
            "taken": ablation.taken.value,
            "why": ablation.why,
            "levers": dict(found.levers),
            "rows": [asdict(row) for row in ablation.rows],
            "seeds": list(ablation.seeds),
            "runs": ablation.runs,
        },
    }


class Afterwards:
    """Looks back on a search that kept something. `deadline` is in UTC seconds since 1970."""

    def __init__(
        self, study: Study, history: History, question: Question, python: str, say: Say
    ) -> None:
        self.study = study
        self.history = history
        self.question = question
        self.python = python
        self.say = say
        self.place = Place(study.folder.parent)
        self.policy = study.program.policy
        self.baseline = self._configuration(history.baseline.commit)

    def look(self, deadline: float | None = None) -> LookBack:
        """Ablation and a longer look, and best.yaml from what is left.

        Raises NightlabError where best.yaml doesn't come to the very numbers.
        """
        question, script = self.question, self.place.script
        budget = f"{question.epochs * question.steps} steps"
        with Pool(
            script, self.python, question.parallel, self.policy.metric, budget=budget
        ) as pool:
            ablation = self._holding(Sample(pool), deadline)
            longer = self._longer(Sample(pool, TIMES), ablation, deadline)
            levers = self._moved(ablation.configuration)
            write_best(question.scenario, levers, self.place.best)
            self._check(Sample(pool), ablation.configuration)
        return LookBack(ablation, longer, levers)

    def _configuration(self, commit: str) -> dict[str, Any]:
        name = self.place.scenario.name
        return load_mapping(name, self.study.repository.files(commit)[name])

    def _moved(self, configuration: Configuration) -> dict[str, Value]:
        before, after = flatten(self.baseline), flatten(dict(configuration))
        return {lever(name): value for name, value in after.items() if value != before.get(name)}

    def _holding(self, sample: Sample, deadline: float | None) -> Ablation:
        """Ablation of the best, or of the last kept before it that holds on fresh seeds."""
        return first_that_holds(
            self.history.lineage()[-MOST_STEPS:],
            lambda trial, step: self._ablate(
                sample, self._configuration(trial.commit), step, deadline
            ),
            lambda: deadline is not None and time.time() > deadline,
            self.say,
        )

    def _ablate(
        self, sample: Sample, best: Configuration, step: int, deadline: float | None
    ) -> Ablation:
        """Ablation of what was kept so many steps before the last, on `last` seeds of its own."""
        number = max(2, self.question.confirm)
        seeds = further_seeds(self.question.seeds, 0, number)
        last = further_seeds(self.question.seeds, (1 + step) * number, number)
        before, after = flatten(self.baseline), flatten(dict(best))
        return ablate(
            sample,
            self.baseline,
            best,
            [name for name, value in after.items() if value != before.get(name)],
            self.policy,
            seeds,
            last,
            under=conditions_of(Space(self.study.settings.change.space)),
            say=self.say,
            most_runs=MOST_RUNS if deadline is None else self._affordable(deadline),
        )

    def _affordable(self, deadline: float) -> int:
        """How many runs fit before a deadline, the last seeds and the longer look kept apart."""
        runs = [run for run in self.history.baseline.runs if run.outcome is Outcome.OK]
        each = sum(run.seconds for run in runs) / max(1, len(runs)) / self.question.parallel
        left = (deadline - time.time()) / max(each, 1e-4) - 3 * self.question.confirm
        return max(0, min(MOST_RUNS, int(left)))

    def _longer(self, sample: Sample, ablation: Ablation, deadline: float | None) -> Fresh | None:
        """What was taken beside the baseline, over a longer horizon, on seeds of its own."""
        late = deadline is not None and time.time() > deadline
        if late or not ablation.kept:
            return None
        used = (1 + MOST_STEPS) * max(2, self.question.confirm)
        seeds = further_seeds(self.question.seeds, used, max(2, self.question.confirm // 2))
        return measure_fresh(sample, ablation.configuration, self.baseline, seeds, self.policy)

    def _check(self, sample: Sample, configuration: Configuration) -> None:
        """best.yaml, loaded by the simulator's own loader, comes to what was measured."""
        seeds = self.question.seeds[:_MOST_SEEDS]
        sample.measure([configuration], seeds)
        runs = sample.trial(configuration, seeds).runs
        simulator = Simulator(self.place.script, self.python)
        prefix = _own_prefix(simulator, self.place.best, self.question)
        expected = {run.seed: _below(run.metrics, prefix) for run in runs}
        question = self.question
        wrong = check_best(simulator, self.place.best, expected, question.epochs, question.steps)
        if wrong:
            raise NightlabError(f"{self.place.best} does not come to what was measured: {wrong[0]}")


def first_that_holds(
    lineage: Sequence[Trial],
    look: Callable[[Trial, int], Ablation],
    late: Callable[[], bool],
    say: Say,
) -> Ablation:
    """What was kept last of all that breaks no rule on fresh seeds; of the last if all of them do.

    A search that is bounded by a guardrail ends close to it, and often a little beyond: then what
    was kept before is still worth having. Where it is only no better, none before it is asked: one
    of many would be by luck. `look` gets a trial, and how many came after it.
    """
    best, *before = reversed(lineage)
    found = first = look(best, 0)
    for step, trial in enumerate(before, 1):
        if found.taken is not Taken.BASELINE or not found.breaks or late():
            break
        say(f"{found.why}; now trial {trial.number}, which was kept before it")
        found = look(trial, step)
    return first if found.taken is Taken.BASELINE else found


def _own_prefix(simulator: Simulator, best: Path, question: Question) -> str:
    """Before the metrics of the tuned world, where a family's are told apart."""
    return f"{simulator.check(best).name}." if len(question.scenarios) > 1 else ""


def _below(metrics: Mapping[str, float], prefix: str) -> dict[str, float]:
    return {n.removeprefix(prefix): v for n, v in metrics.items() if n.startswith(prefix)}
